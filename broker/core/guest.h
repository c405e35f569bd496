// What listings know of guests (core_guests.cc): sessions that stand for clients of other nodes.
#pragma once

#include "protocol/base/bytes.h"

namespace lvt::broker {

/// The client property of a guest that names the node of its client, "rabbit@h".
inline constexpr ByteView kGuestNode = "node";

}  // namespace lvt::broker
