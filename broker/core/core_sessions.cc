// Connections and channels in the core: login, open, close, and what waits for a commit.
#include "broker/auth/password_hash.h"
#include "broker/core/core_state.h"

#include <algorithm>

namespace lvt::broker {

using amqp::AmqpError;
using amqp::ReplyCode;

SessionState* CoreState::find_session(LaneIndex lane, SessionId id) {
    auto& slots = sessions_[lane];
    if (id.slot >= slots.size() || !slots[id.slot] || slots[id.slot]->id != id) return nullptr;
    return slots[id.slot].get();
}

ChannelState* CoreState::find_channel(const ChannelKey& key) {
    SessionState* const session = find_session(key.lane, key.session);
    ChannelState* const channel = session ? session->channel(key.channel) : nullptr;
    return channel && channel->incarnation == key.incarnation ? channel : nullptr;
}

ChannelState* CoreState::addressed(SessionId session_id, ChannelId channel) {
    SessionState* const session = find_session(lane_, session_id);
    return session && !session->closing ? session->channel(channel) : nullptr;
}

ChannelKey CoreState::key_of(const ChannelState& channel) const {
    return {channel.session->lane, channel.session->id, channel.id, channel.incarnation};
}

void CoreState::perform(Login& command) {
    LoginRequest& request = *command.request;
    const User* const user = topology_.find_user(request.user);
    LoginDecided decided{command.session};
    // A user that is not there costs as much as a wrong password.
    const bool proved =
        request.internal || request.by_certificate
            ? user != nullptr || request.owner
            : verify_password(request.password, user ? user->password_hash : Bytes());
    if (!proved) {
        decided.reason = request.by_certificate ? "there is no such user" : "invalid credentials";
    } else if (
        !request.internal && !request.loopback && options_.loopback_users.contains(request.user)) {
        decided.reason = "user can only log in via localhost";
    } else {
        decided.accepted = true;
        decided.impersonator =
            user &&
            std::find(user->tags.begin(), user->tags.end(), "impersonator") != user->tags.end();
        auto& slots = sessions_[lane_];
        if (slots.size() <= command.session.slot) slots.resize(command.session.slot + 1);
        auto session = std::make_unique<SessionState>();
        session->lane = lane_;
        session->id = command.session;
        session->number = ++last_incarnation_;
        session->user = request.user;
        session->mechanism = request.mechanism;
        session->peer = request.peer;
        session->local = request.local;
        session->stats =
            request.stats ? std::move(request.stats) : std::make_shared<const ConnectionStats>();
        session->connected_at = now_.wall;
        session->internal = request.internal;
        session->owner = request.owner;
        slots[command.session.slot] = std::move(session);
    }
    if (!request.internal)
        ++(decided.accepted ? stats_.auth_attempts_succeeded : stats_.auth_attempts_failed);
    effects(lane_).push_back(std::move(decided));
}

void CoreState::perform(OpenVhost& command) {
    VhostRequest& request = *command.request;
    SessionState* const session = find_session(lane_, command.session);
    if (!session) return;
    const auto refuse = [&](ReplyCode code, Bytes text) {
        // What is on its way behind this command has no virtual host to work in.
        session->closing = true;
        effects(lane_).push_back(SessionFailed{
            session->id,
            AmqpError{
                code,
                std::move(text),
                amqp::ConnectionOpen::kClassId,
                amqp::ConnectionOpen::kMethodId,
                true}});
    };
    VirtualHost* const vhost = topology_.find_vhost(request.vhost);
    if (!vhost) {
        return refuse(ReplyCode::not_allowed, fmt::format("vhost {} not found", request.vhost));
    }
    const Done limits = check_connection_limits(*session, *vhost);
    if (limits.has_error()) return refuse(limits.error().code, limits.error().text);
    const User* const user = topology_.find_user(session->user);
    if (!session->owner && (!user || !user->permissions.contains(request.vhost))) {
        return refuse(
            ReplyCode::not_allowed,
            fmt::format(
                "access to vhost '{}' refused for user '{}'", request.vhost, session->user));
    }
    if (stopping_) {
        return refuse(
            ReplyCode::connection_forced,
            "broker forced connection closure with reason 'shutdown'");
    }
    join(*session, *vhost);
    session->client_properties = std::move(request.client_properties);
    session->tls = std::move(request.tls);
    session->channel_max = request.channel_max;
    session->frame_max = request.frame_max;
    session->heartbeat_s = request.heartbeat_s;
    if (channels_limited(*session)) effects(lane_).push_back(LimitChannels{session->id, true});
    effects(lane_).push_back(VhostOpened{session->id});
}

void CoreState::perform(OpenChannel& command) {
    SessionState* const session = find_session(lane_, command.session);
    if (!session || session->closing) return;
    if (session->channel(command.channel)) retire_channel(*session, command.channel);
    if (const Done limit = check_channel_limit(*session); limit.has_error()) {
        session->closing = true;
        effects(lane_).push_back(SessionFailed{session->id, limit.error()});
        return;
    }
    auto channel =
        std::make_unique<ChannelState>(session->internal ? internal_channels_ : stats_.channels);
    channel->session = session;
    channel->id = command.channel;
    channel->incarnation = ++last_incarnation_;
    session->last_channel = nullptr;
    ChannelState& opened = *(session->channels[command.channel] = std::move(channel));
    if (command.answer) reply(opened, amqp::ChannelOpenOk{});
}

/// The lane knows that the number is free, but the core has not come to the close: it waits behind an answer, or for the disk.
void CoreState::retire_channel(SessionState& session, ChannelId id) {
    drain_deferred(session, id);
    ChannelState* const channel = session.channel(id);
    if (!channel) return;
    tear_down(*channel, {});
    session.last_channel = nullptr;
    failed_channels_.push_back(session.channels.extract(id));
}

void CoreState::perform(CloseChannel& command) {
    ChannelState* const channel = addressed(command.session, command.channel);
    if (!channel) {
        // The core has failed it in the same moment.
        effects(lane_).push_back(ChannelClosed{command.session, command.channel});
        return;
    }
    if (deferred(*channel, command)) return;
    tear_down(*channel, command.progress);
    const Ticket ticket = channel->last_ticket;
    if (channel->remote &&
        ends_elsewhere(*channel, {ticket, key_of(*channel), Waiter::ChannelDone{}}))
        return;
    if (!options_.close_barrier || commits_.durable(ticket))
        return finish_channel(key_of(*channel));
    // It stays known until then, for the confirms that come before its end.
    commits_.request();
    wait({ticket, key_of(*channel), Waiter::ChannelDone{}});
}

void CoreState::finish_channel(const ChannelKey& key) {
    effects(key.lane).push_back(ChannelClosed{key.session, key.channel});
    ChannelState* const channel = find_channel(key);
    if (!channel) return;
    SessionState& session = *channel->session;
    session.last_channel = nullptr;
    session.channels.erase(key.channel);
}

void CoreState::perform(CloseSession& command) {
    SessionState* const session = find_session(lane_, command.session);
    if (!session) {
        effects(lane_).push_back(SessionClosed{command.session});
        return;
    }
    if (after_proposals(*session, command)) return;
    std::vector<ChannelId> ids;
    for (const auto& [id, channel] : session->channels) ids.push_back(id);
    for (const ChannelId id : ids) drain_deferred(*session, id);
    session->closing = true;
    Ticket ticket;
    for (auto& [id, channel] : session->channels) {
        std::vector<SlotProgress> progress;
        for (const SlotProgress& slot : command.progress) {
            if (slot.channel == id) progress.push_back(slot);
        }
        tear_down(*channel, progress);
        ticket = std::max(ticket, channel->last_ticket);
    }
    for (const storage::QueueUid uid : std::exchange(session->exclusive_queues, {})) {
        if (Queue* const queue = topology_.find_queue(uid)) delete_queue(*queue);
        // A cluster takes its time.
        if (Queue* const still = topology_.find_queue(uid)) still->owner = nullptr;
    }
    // They are gone when it is: another connection may declare them again.
    CloseSession again{command.session, {}};
    if (after_proposals(*session, again)) return;
    finish_session(*session, ticket);
}

/// What was sent before a close is done first, whatever answers the channel is waiting for.
void CoreState::drain_deferred(SessionState& session, ChannelId id) {
    for (ChannelState* channel = session.channel(id);
         channel && !channel->deferred.empty() && !session.closing;
         channel = session.channel(id)) {
        const std::size_t before = channel->deferred.size();
        resume(*channel);
        channel = session.channel(id);
        // A basic.get that has to wait again finds nobody any more.
        if (channel && channel->deferred.size() >= before) channel->deferred.pop_front();
    }
}

void CoreState::finish_session(SessionState& session, Ticket ticket) {
    const ChannelKey key{session.lane, session.id, {}};
    if (clustered() && ends_elsewhere(session, ticket)) return;
    if (!options_.close_barrier || commits_.durable(ticket)) return forget_session(key);
    // Its channels stay known until then, for the confirms that come before its end.
    commits_.request();
    wait({ticket, key, Waiter::SessionDone{}});
}

void CoreState::forget_session(const ChannelKey& key) {
    std::unique_ptr<SessionState>& session = sessions_[key.lane][key.session.slot];
    leave(*session);
    session.reset();
    effects(key.lane).push_back(SessionClosed{key.session});
}

void CoreState::perform(DeliveriesTaken& command) {
    SessionState* const session = find_session(lane_, command.session);
    if (!session) return;
    release(session->delivery_credit, command.bytes);
    if (session->remote) grant_elsewhere(*session, command.bytes);
}

void CoreState::tear_down(ChannelState& channel, const std::vector<SlotProgress>& progress) {
    if (channel.reply_slot) forget_reply_consumer(channel);
    channel.transaction = {};
    if (channel.remote) close_elsewhere(channel, progress);
    const auto encoded = [&](ConsumerSlot slot, const UnackedList& list) {
        for (const SlotProgress& entry : progress) {
            if (entry.slot == slot) return entry.encoded;
        }
        return list.next_index();
    };
    for (auto& consumer : channel.consumers) {
        if (!consumer) continue;
        Queue* const queue = consumer->queue;
        remove_consumer(*consumer);
        return_all(channel, consumer->unacked, encoded(consumer->slot, consumer->unacked));
        if (queue) queue_lost_consumer(*queue);
        consumer.reset();
    }
    return_all(channel, channel.gets, channel.gets.next_index());
}

void CoreState::fail_channel(ChannelState& channel, AmqpError error) {
    SessionState& session = *channel.session;
    const ChannelId id = channel.id;
    tear_down(channel, {});
    session.last_channel = nullptr;
    // The node outlives this call: callers up the stack may still hold a reference.
    failed_channels_.push_back(session.channels.extract(id));
    channel.waiting = true;
    effects(session.lane).push_back(ChannelFailed{session.id, id, std::move(error)});
    // Each close of the lane has its answer.
    for (const LaneCommand& command : std::exchange(channel.deferred, {})) {
        if (!std::holds_alternative<CloseChannel>(command)) continue;
        effects(session.lane).push_back(ChannelClosed{session.id, id});
    }
}

void CoreState::fail(ChannelState& channel, AmqpError error) {
    if (!error.closes_connection()) return fail_channel(channel, std::move(error));
    SessionState& session = *channel.session;
    session.closing = true;
    effects(session.lane).push_back(SessionFailed{session.id, std::move(error)});
}

void CoreState::run_deferred(ChannelState& channel) {
    const LaneIndex lane = std::exchange(lane_, channel.session->lane);
    const ChannelKey key = key_of(channel);
    for (;;) {
        ChannelState* const still = find_channel(key);
        if (!still || still->waiting || still->deferred.empty()) break;
        LaneCommand command = std::move(still->deferred.front());
        still->deferred.pop_front();
        std::visit([&](auto& c) { perform(c); }, command);
    }
    lane_ = lane;
}

void CoreState::resume(ChannelState& channel) {
    channel.waiting = false;
    run_deferred(channel);
}

void CoreState::wait(Waiter waiter) { waiters_.push_back(std::move(waiter)); }

bool CoreState::run_waiters() {
    bool any = false;
    while (!waiters_.empty() && commits_.durable(waiters_.front().ticket)) {
        Waiter waiter = waiters_.pop_front();
        run(waiter);
        any = true;
    }
    return any;
}

void CoreState::run(Waiter& waiter) {
    const ChannelKey& key = waiter.channel;
    if (auto* const run = std::get_if<Waiter::ConfirmRun>(&waiter.action)) {
        ChannelState* const channel = find_channel(key);
        if (!channel) return;
        count_confirmed(*channel, run->last - run->first + 1);
        effects(key.lane).push_back(
            Confirm{key.session, key.channel, false, run->first, run->last});
    } else if (auto* const held = std::get_if<Waiter::HeldReply>(&waiter.action)) {
        ChannelState* const channel = find_channel(key);
        if (!channel) return;
        if (held->method) {
            effects(key.lane).push_back(Reply{key.session, key.channel, std::move(held->method)});
        }
        resume(*channel);
    } else if (std::holds_alternative<Waiter::ChannelDone>(waiter.action)) {
        finish_channel(key);
    } else if (std::holds_alternative<Waiter::SessionDone>(waiter.action)) {
        forget_session(key);
    } else if (auto* const opened = std::get_if<Waiter::QueueOpened>(&waiter.action)) {
        if (Queue* const queue = topology_.find_queue(opened->queue)) {
            queue->disk.delivering = QueueDurability::Delivering::durable;
            list_to_run(*queue);
        }
    } else if (auto* const reclaim = std::get_if<Waiter::Reclaim>(&waiter.action)) {
        output_.store.push_back(reclaim->request);
    } else if (auto* const gone = std::get_if<Waiter::ConsumerGone>(&waiter.action)) {
        if (find_channel(key)) effects(key.lane).push_back(gone->effect);
    } else if (auto* const done = std::get_if<Waiter::Administered>(&waiter.action)) {
        output_.answers.push_back(std::move(done->answer));
    } else if (auto* const published = std::get_if<Waiter::PublishedFor>(&waiter.action)) {
        published_for(*published);
    } else if (const auto* const stored = std::get_if<Waiter::GroupStored>(&waiter.action)) {
        output_.group_stored = stored->ticket;
    } else if (auto* const ready = std::get_if<Waiter::SnapshotReady>(&waiter.action)) {
        output_.store.push_back(SnapshotRequest{std::move(*ready->snapshot)});
    }
}

}  // namespace lvt::broker
