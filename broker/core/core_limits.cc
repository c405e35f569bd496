// Limits of virtual hosts and users, and the rights that depend on a routing key.
#include "broker/core/core_state.h"

namespace lvt::broker {

using amqp::AmqpError;
using amqp::ReplyCode;

std::uint64_t CoreState::count_sessions(const VirtualHost* vhost, ByteView user) const {
    std::uint64_t count = 0;
    for (const auto& lane : sessions_) {
        for (const auto& session : lane) {
            if (!session || !session->vhost || session->closing || session->internal) continue;
            if (vhost ? session->vhost == vhost : session->user == user) ++count;
        }
    }
    return count;
}

std::uint64_t CoreState::count_channels(ByteView user) const {
    std::uint64_t count = 0;
    for (const auto& lane : sessions_) {
        for (const auto& session : lane) {
            if (session && !session->internal && session->user == user)
                count += session->channels.size();
        }
    }
    return count;
}

Done CoreState::check_connection_limits(
    const SessionState& session, const VirtualHost& vhost) const {
    if (session.internal) return {};
    const auto of_vhost = find_limit(topology_.definitions(vhost.name()).limits, "max-connections");
    if (of_vhost && count_sessions(&vhost, {}) >= *of_vhost) {
        return AmqpError{
            ReplyCode::not_allowed,
            fmt::format(
                "access to vhost '{}' refused for user '{}': connection limit ({}) is reached",
                vhost.name(),
                session.user,
                *of_vhost)};
    }
    const User* const user = topology_.find_user(session.user);
    const auto of_user = user ? find_limit(user->limits, "max-connections") : std::nullopt;
    if (of_user && count_sessions(nullptr, session.user) >= *of_user) {
        return AmqpError{
            ReplyCode::not_allowed,
            fmt::format(
                "connection refused for user '{}': user connection limit ({}) is reached",
                session.user,
                *of_user)};
    }
    return {};
}

Done CoreState::check_channel_limit(const SessionState& session) const {
    const User* const user = topology_.find_user(session.user);
    if (!user || user->limits.empty() || session.internal) return {};
    const auto limit = find_limit(user->limits, "max-channels");
    if (!limit || count_channels(session.user) < *limit) return {};
    return AmqpError{
        ReplyCode::not_allowed,
        fmt::format(
            "number of channels opened for user '{}' has reached the maximum allowed user limit of "
            "({})",
            session.user,
            *limit),
        0,
        0,
        true};
}

bool CoreState::channels_limited(const SessionState& session) const {
    const User* const user = topology_.find_user(session.user);
    return user && find_limit(user->limits, "max-channels").has_value();
}

Done CoreState::check_queue_limit(const VirtualHost& vhost, ByteView name) const {
    const auto limit = find_limit(topology_.definitions(vhost.name()).limits, "max-queues");
    if (!limit || vhost.queues().size() < *limit) return {};
    return AmqpError{
        ReplyCode::precondition_failed,
        fmt::format(
            "cannot declare queue '{}': queue limit in vhost '{}' ({}) is reached",
            name,
            vhost.name(),
            *limit)};
}

Done CoreState::check_topic_right(
    const SessionState& session, Right right, const Exchange& exchange, ByteView key) const {
    if (exchange.type() != ExchangeType::topic || session.owner) return {};
    const User* const user = topology_.find_user(session.user);
    if (!user || user->topic_permissions.empty()) return {};
    const auto by_vhost = user->topic_permissions.find(session.vhost->name());
    if (by_vhost == user->topic_permissions.end()) return {};
    const auto found = by_vhost->second.find(exchange.name());
    if (found == by_vhost->second.end()) return {};
    const TopicPermissions& permissions = found->second;
    if ((right == Right::write ? permissions.write : permissions.read).matches(key)) return {};
    return AmqpError{
        ReplyCode::access_refused,
        fmt::format(
            "access to topic '{}' in exchange '{}' in vhost '{}' refused for user '{}'",
            key,
            exchange.name(),
            session.vhost->name(),
            session.user)};
}

}  // namespace lvt::broker
