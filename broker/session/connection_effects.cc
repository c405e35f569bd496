// Connection: what the core decided becomes frames.
#include "broker/session/connection.h"

#include <fmt/format.h>

#include <utility>

namespace lvt::broker {

void Connection::on_effect(LaneEffect&& effect, Time now) {
    now_ = now.monotonic;
    if (auto* const deliver = std::get_if<Deliver>(&effect)) return apply(*deliver);
    if (state_ >= State::delayed && !std::holds_alternative<SessionClosed>(effect)) return;
    const std::size_t size_before = session_.output.size();
    std::visit([&](auto& one) { apply(one); }, effect);
    count_answers(size_before);
}

/// Deliveries are bounded by the core's window; answers by the client's own reading.
void Connection::count_answers(std::size_t size_before) {
    const std::size_t size = session_.output.size();
    if (size > kOutputAheadBytes && size > size_before) unread_answers_ += size - size_before;
}

Channel* Connection::hearing_channel(ChannelId id) const {
    Channel* const channel = channels_.find(id.value());
    return channel && channel->hears_core() ? channel : nullptr;
}

void Connection::apply(Deliver& deliver) {
    PendingDeliveries& pending = session_.pending;
    Channel* const channel = hearing_channel(deliver.channel);
    if (!channel || !channel->wants(deliver)) return pending.count_taken(deliver);
    if (!pending.empty() || session_.output.size() >= kOutputAheadBytes)
        return pending.push(std::move(deliver));
    channel->encode(deliver);
    pending.count_taken(deliver);
}

void Connection::encode_pending() {
    PendingDeliveries& pending = session_.pending;
    while (!pending.empty() && session_.output.size() < kOutputAheadBytes) {
        const Deliver deliver = pending.pop();
        Channel* const channel = hearing_channel(deliver.channel);
        if (channel && channel->wants(deliver)) channel->encode(deliver);
        pending.count_taken(deliver);
    }
}

void Connection::apply(const GotMessage& got) {
    if (Channel* const channel = hearing_channel(got.channel)) channel->on_got_message(got);
}

void Connection::apply(const ReturnMessage& returned) {
    Channel* const channel = hearing_channel(returned.channel);
    if (!channel) return;
    // What was decided before it is told before it.
    channel->flush_confirms();
    channel->on_return(returned);
}

void Connection::apply(const Confirm& confirm) {
    Channel* const channel = hearing_channel(confirm.channel);
    if (!channel) return;
    if (!channel->has_confirms()) confirming_channels_.push_back(confirm.channel.value());
    channel->on_confirm(confirm);
}

void Connection::flush_confirms() {
    for (const std::uint16_t number : confirming_channels_)
        if (Channel* const channel = channels_.find(number)) channel->flush_confirms();
    confirming_channels_.clear();
}

void Connection::apply(const Reply& reply) {
    if (reply.channel == ChannelId(0)) {
        if (state_ == State::running) send(*reply.method);
        return;
    }
    if (Channel* const channel = hearing_channel(reply.channel)) channel->on_reply(*reply.method);
}

void Connection::apply(const ChannelFailed& failed) {
    Channel* const channel = hearing_channel(failed.channel);
    if (!channel) return;
    log(LogLevel::debug,
        fmt::format("channel {} closed: {}", failed.channel.value(), failed.error->reply_text()));
    channel->fail(*failed.error, true);
}

void Connection::apply(const ChannelClosed& closed) {
    Channel* const channel = channels_.find(closed.channel.value());
    if (!channel) return;
    channel->on_closed_in_core();
    if (channel->forgettable()) channels_.forget(closed.channel.value());
}

void Connection::apply(const ConsumerCancelled& cancelled) {
    if (Channel* const channel = hearing_channel(cancelled.channel))
        channel->on_consumer_cancelled(cancelled.slot);
}

void Connection::apply(const SessionFailed& failed) {
    fail(*failed.error);
    resume();
}

void Connection::apply(const SessionClosed&) {
    in_core_ = InCore::nothing;
    if (state_ != State::closing_by_client) return;
    flush_confirms();
    for (; closes_ > 0; --closes_) send(amqp::ConnectionCloseOk{});
    linger();
}

void Connection::apply(const LoginDecided& decided) { on_login_decided(decided); }

void Connection::apply(const VhostOpened&) { on_vhost_opened(); }

void Connection::apply(const LimitChannels& limit) { session_.channels_limited = limit.on; }

void Connection::apply(const Throttle& throttle) { throttled_ = throttle.on; }

void Connection::apply(const Blocked& blocked) {
    if (!session_.capabilities.connection_blocked || state_ != State::running) return;
    if (!blocked.reason.empty()) {
        amqp::ConnectionBlocked method;
        method.reason = blocked.reason;
        send(method);
        told_blocked_ = true;
    } else if (std::exchange(told_blocked_, false)) {
        send(amqp::ConnectionUnblocked{});
    }
}

}  // namespace lvt::broker
