// Publishers that wait: for the end of a resource alarm, or for the disk. They are told, named in the log, and nacked after a time
// where they wait for confirms (design 7.5).
#include "broker/core/core_state.h"

#include <algorithm>

namespace lvt::broker {

namespace {

/// Between two looks at publishers that have waited too long; each lets one read of them in.
constexpr Milliseconds kNackPause{250};
/// More publishers than this are counted only, an alarm.
constexpr std::uint64_t kNamedMax = 20;

const char* reason_of(AlarmState alarm) {
    return alarm.memory && alarm.disk ? "low on memory & disk"
           : alarm.memory             ? "low on memory"
                                      : "low on disk";
}

}  // namespace

void CoreState::on_alarm(AlarmState alarm, Time now) {
    now_ = now;
    if (alarm == own_alarm_) return;
    own_alarm_ = alarm;
    for (const auto& [id, peer] : peers_) tell(*peer, PeerAlarm{alarm.memory, alarm.disk});
    refresh_alarm();
}

/// Publishers wait for every node of the cluster, as RabbitMQ's do.
void CoreState::refresh_alarm() {
    AlarmState alarm = own_alarm_;
    for (const auto& [id, peer] : peers_) {
        alarm.memory |= peer->alarm.memory;
        alarm.disk |= peer->alarm.disk;
    }
    if (alarm == alarm_) return;
    const bool ends = !alarm.any() && alarm_.any();
    alarm_ = alarm;
    if (ends && blocked_publishers_ > 0) {
        log_.log(
            LogLevel::warning,
            "the alarm is over: {} publishers were blocked, {} publishes were nacked",
            std::exchange(blocked_publishers_, 0),
            std::exchange(blocked_nacks_, 0));
    }
    if (any_held_back_) release_held_back();
}

void CoreState::hold_back_if_needed(SessionState& session, bool persistent) {
    if (alarm_.any() && !session.blocked) block(session);
    if (persistent && !session.throttled &&
        commits_.unsynced_bytes() > options_.unsynced_bytes_max) {
        session.throttled = any_held_back_ = true;
        if (!session.blocked) effects(session.lane).push_back(Throttle{session.id, true});
    }
}

void CoreState::block(SessionState& session) {
    session.blocked = any_held_back_ = true;
    session.blocked_since = now_.monotonic;
    session.let_in = false;
    effects(session.lane).push_back(Blocked{session.id, reason_of(alarm_)});
    if (!session.throttled) effects(session.lane).push_back(Throttle{session.id, true});
    const Milliseconds after = options_.blocked_nack_after;
    if (after > Milliseconds(0) && !next_nacks_) next_nacks_ = now_.monotonic + after;
    if (++blocked_publishers_ > kNamedMax) return;
    log_.log(
        LogLevel::warning,
        "publisher {} (user '{}', virtual host '{}') is blocked: {}",
        session.peer,
        session.user,
        session.vhost->name(),
        reason_of(alarm_));
}

void CoreState::hold_back(ChannelState& channel, Publish& command) {
    SessionState& session = *channel.session;
    pause(channel);
    channel.alarmed = true;
    channel.deferred.push_front(std::move(command));
    if (std::exchange(session.let_in, false) && !session.throttled)
        effects(session.lane).push_back(Throttle{session.id, true});
}

void CoreState::nack_held_back() {
    if (!next_nacks_ || *next_nacks_ > now_.monotonic) return;
    next_nacks_.reset();
    std::vector<ChannelKey> overdue;
    for (auto& lane : sessions_) {
        for (auto& session : lane) {
            if (!session || !session->blocked) continue;
            const Milliseconds due = session->blocked_since + options_.blocked_nack_after;
            const Milliseconds look = std::max(due, now_.monotonic + kNackPause);
            next_nacks_ = std::min(next_nacks_.value_or(look), look);
            if (due > now_.monotonic) continue;
            for (const auto& [id, channel] : session->channels) {
                if (channel->alarmed) overdue.push_back(key_of(*channel));
            }
        }
    }
    for (const ChannelKey& key : overdue) nack_held_back(key);
}

/// Its publishes that wait for their confirm, up to one that does not. What stands between them is carried out.
void CoreState::nack_held_back(const ChannelKey& key) {
    for (;;) {
        ChannelState* const channel = find_channel(key);
        if (!channel) return;
        SessionState& session = *channel->session;
        if (!channel->alarmed) {
            // More may be on its way to us: it is read once, unless another channel holds what cannot be nacked.
            for (const auto& [id, other] : session.channels) {
                if (other->alarmed) return;
            }
            if (session.throttled || std::exchange(session.let_in, true)) return;
            effects(session.lane).push_back(Throttle{session.id, false});
            return;
        }
        const auto& publish = std::get<Publish>(channel->deferred.front());
        if (!publish.publish_seqno) return;
        refuse(*channel, publish.publish_seqno);
        ++blocked_nacks_;
        channel->deferred.pop_front();
        channel->alarmed = false;
        resume(*channel);
    }
}

void CoreState::release_held_back() {
    const bool alarm = alarm_.any();
    const bool disk_behind =
        commits_.unsynced_bytes() > options_.unsynced_bytes_max / 2 || peers_behind();
    if (alarm && disk_behind) return;
    any_held_back_ = false;
    std::vector<ChannelKey> released;
    for (auto& lane : sessions_) {
        for (auto& session : lane) {
            if (!session || !(session->blocked || session->throttled)) continue;
            if (session->blocked && !alarm) {
                session->blocked = false;
                effects(session->lane).push_back(Blocked{session->id, {}});
                for (const auto& [id, channel] : session->channels) {
                    if (std::exchange(channel->alarmed, false))
                        released.push_back(key_of(*channel));
                }
            }
            if (!disk_behind) session->throttled = false;
            if (session->blocked || session->throttled)
                any_held_back_ = true;
            else
                effects(session->lane).push_back(Throttle{session->id, false});
        }
    }
    if (!alarm) next_nacks_.reset();
    for (const ChannelKey& key : released) {
        if (ChannelState* const channel = find_channel(key)) resume(*channel);
    }
}

}  // namespace lvt::broker
