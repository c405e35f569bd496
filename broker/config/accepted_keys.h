// RabbitMQ's keys that Leveret knows and that change nothing here: they are accepted, and said aloud once at start.
#pragma once

#include <span>
#include <string_view>

namespace lvt::broker {

/// Accepted without effect; logged as "SOURCE: KEY has no effect: BECAUSE".
struct IdleKey {
    std::string_view pattern;
    std::string_view because;
};

/// Keys of something that a later version brings; logged once for the part.
struct LaterPart {
    std::string_view name;
    /// What is so without it.
    std::string_view consequence;
    std::span<const std::string_view> patterns;
};

[[nodiscard]] std::span<const IdleKey> idle_keys();
[[nodiscard]] std::span<const LaterPart> later_parts();

}  // namespace lvt::broker
