#include "broker/management/pid_names.h"

#include "broker/core/queue.h"
#include "broker/core/session_state.h"

#include <fmt/format.h>

#include <charconv>

namespace lvt::broker {

namespace json = boost::json;

namespace {

/// Connections and channels share their numbers; queues have their own.
constexpr int kSessionKind = 0;
constexpr int kQueueKind = 1;

std::string pid(const PidNames& names, std::uint64_t number, int kind) {
    return fmt::format("<{}.{}.{}.{}>", names.node, names.creation, number, kind);
}

}  // namespace

PidNames PidNames::of_process(std::string node, Milliseconds started_at) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(started_at);
    return {std::move(node), static_cast<std::uint64_t>(seconds.count())};
}

std::string PidNames::session(std::uint64_t number) const {
    return pid(*this, number, kSessionKind);
}
json::string PidNames::of(const SessionState& session) const {
    return json::string(pid(*this, session.number, kSessionKind));
}
json::string PidNames::of(const ChannelState& channel) const {
    return json::string(pid(*this, channel.incarnation, kSessionKind));
}
json::string PidNames::of(const Queue& queue) const {
    return json::string(pid(*this, queue.uid.value(), kQueueKind));
}

std::optional<PidNames::Parsed> PidNames::parse(std::string_view text) const {
    if (!text.starts_with('<') || !text.ends_with('>')) return std::nullopt;
    text = text.substr(1, text.size() - 2);
    // From the right: a node's name may hold dots.
    std::uint64_t numbers[3];
    for (std::uint64_t& number : numbers) {
        const std::size_t dot = text.rfind('.');
        if (dot == std::string_view::npos) return std::nullopt;
        const std::string_view digits = text.substr(dot + 1);
        const char* const end = digits.data() + digits.size();
        const auto [rest, error] = std::from_chars(digits.data(), end, number);
        if (error != std::errc{} || rest != end) return std::nullopt;
        text = text.substr(0, dot);
    }
    const bool ours = text == node && numbers[2] == creation && numbers[0] == kSessionKind;
    return Parsed{ours, numbers[1]};
}

}  // namespace lvt::broker
