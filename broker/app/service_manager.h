// What systemd wants to be told (sd_notify), without its library.
#pragma once

#include <string_view>

namespace lvt::broker {

/// Sends `state` ("READY=1") to $NOTIFY_SOCKET; does nothing where there is none.
void notify_service_manager(std::string_view state);

}  // namespace lvt::broker
