// Names of a StatefulSet's pods: "rabbit@foo-2.svc.ns" is the one with ordinal 2.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lvt::discovery {

/// The name with its ordinal replaced: the last "-digits" before the host's first dot, as RabbitMQ 4.1 finds it. Empty: it has none.
[[nodiscard]] std::string with_ordinal(std::string_view node_name, std::int64_t ordinal);

}  // namespace lvt::discovery
