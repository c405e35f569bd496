// Direct reply-to: who consumes replies, and how a reply gets there.
#include "broker/core/core_state.h"
#include "broker/core/reply_to.h"
#include "broker/core/topology_errors.h"

#include <algorithm>
#include <charconv>

namespace lvt::broker {

using amqp::AmqpError;
using amqp::ReplyCode;

namespace {

/// Of a cluster's names: whose client it is.
constexpr std::size_t kNodeDigits = 16;

cluster::NodeId node_of(ByteView name) {
    name.remove_prefix(kReplyToPrefix.size());
    std::uint64_t node = 0;
    const char* const end = name.data() + std::min(kNodeDigits, name.size());
    const auto read = std::from_chars(name.data(), end, node, 16);
    return cluster::NodeId(read.ptr == end && name.size() > kNodeDigits ? node : 0);
}

}  // namespace

std::optional<Done> CoreState::declare_reply_name(
    ChannelState& channel, const amqp::QueueDeclare& method) {
    VirtualHost& vhost = *channel.session->vhost;
    const Bytes name = without_line_ends(method.queue);
    if (name != kReplyTo) {
        if (!name.starts_with(kReplyToPrefix)) return std::nullopt;
        const auto peer = clustered() ? peers_.find(node_of(name)) : peers_.end();
        const bool elsewhere = peer != peers_.end() && peer->second->up;
        if (!elsewhere && !find_reply_channel(vhost, name))
            return Done(not_found("queue", name, vhost));
    }
    if (!method.no_wait) reply(channel, amqp::QueueDeclareOk{name, 0, 1});
    return Done();
}

Done CoreState::consume_replies(ChannelState& channel, const Consume& command) {
    const amqp::BasicConsume& method = *command.method;
    const char* const complaint = channel.reply_slot ? "reply consumer already set"
                                  : method.no_ack    ? nullptr
                                                     : "reply consumer cannot acknowledge";
    if (complaint) return AmqpError{ReplyCode::precondition_failed, complaint};
    channel.reply_slot = command.slot;
    // Two parts of base64, as in RabbitMQ's names.
    const Bytes node = clustered() ? fmt::format("{:016x}", node_.id.value()) : Bytes();
    channel.reply_name =
        Bytes(kReplyToPrefix) + node + random_.name() + '.' + random_.name() + "==";
    reply_channels_[channel.reply_name] = key_of(channel);
    if (!method.no_wait) reply(channel, amqp::BasicConsumeOk{method.consumer_tag});
    return {};
}

void CoreState::forget_reply_consumer(ChannelState& channel) {
    reply_channels_.erase(channel.reply_name);
    channel.reply_slot = 0;
    channel.reply_name.clear();
}

ChannelState* CoreState::find_reply_channel(const VirtualHost& vhost, ByteView name) {
    const auto found = reply_channels_.find(name);
    ChannelState* const channel =
        found == reply_channels_.end() ? nullptr : find_channel(found->second);
    return channel && channel->session->vhost == &vhost ? channel : nullptr;
}

bool CoreState::deliver_replies(ChannelState& channel, const Publish& command) {
    if (!command.message->exchange().empty()) return false;
    const VirtualHost& vhost = *channel.session->vhost;
    bool any = deliver_reply(vhost, command.message->routing_key(), command.message);
    if (!command.more_keys) return any;
    for (const Bytes& key : *command.more_keys) {
        any = deliver_reply(vhost, key, command.message) || any;
    }
    return any;
}

/// It takes the connection's credit without asking for it: queues wait for the client to read, replies never do.
bool CoreState::deliver_reply(const VirtualHost& vhost, ByteView name, const MessagePtr& message) {
    if (!name.starts_with(kReplyToPrefix)) return false;
    ChannelState* const channel = find_reply_channel(vhost, name);
    if (!channel) {
        const auto found = clustered() ? peers_.find(node_of(name)) : peers_.end();
        if (found == peers_.end() || !found->second->up) return false;
        tell(*found->second, PeerDirectReply{vhost.name(), Bytes(name), message});
        return true;
    }
    SessionState& session = *channel->session;
    if (session.delivery_credit.used > kReplyBytesMax) return false;
    session.delivery_credit.take(message->charge());
    count_reply(*channel);
    effects(session.lane)
        .push_back(Deliver{
            session.id,
            channel->id,
            false,
            true,
            channel->reply_slot,
            kReplyIndex,
            as_seen(message)});
    return true;
}

}  // namespace lvt::broker
