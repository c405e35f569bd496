// Publishes to queues of other nodes: routed here, counted here, and held by the queue's home, whose answer is what confirms, tx.commit-ok
// and close-ok wait for.
#include "broker/core/core_state.h"

#include <algorithm>

namespace lvt::broker {

using amqp::ReplyCode;

bool CoreState::goes_elsewhere(const Route& route) const {
    return std::any_of(route.queues.begin(), route.queues.end(), [&](const Queue* queue) {
        return !is_here(*queue);
    });
}

/// The rest of publish_to(), where some of the queues have another home. Each home gets the message once.
bool CoreState::publish_across(const Route& route, ChannelState& channel, Publish& command) {
    const MessagePtr message = std::move(command.message);
    targets_.clear();
    std::vector<Peer*> peers;
    bool refused = false;
    bool reached = false;
    for (Queue* const queue : route.queues) {
        if (!is_here(*queue)) continue;
        reached = true;
        refused |= !offer(*queue, MessagePtr(message));
    }
    for (const Queue* const queue : route.queues) {
        if (is_here(*queue)) continue;
        Peer* const peer = reachable_home(*queue);
        if (!peer) {
            // Nothing that is confirmed is missing anywhere when its node is back.
            refused |= queue->persistent;
            continue;
        }
        reached = true;
        if (peer->item.queues.empty()) peers.push_back(peer);
        peer->item.queues.push_back(queue->uid);
    }
    if (!targets_.empty()) {
        commits_.add_message(message, targets_, now_.monotonic + options_.publish_interval);
        ++stats_.disk_writes;
        channel.last_ticket = commits_.ticket();
    }
    if (!reached) {
        count_unroutable(channel, command.mandatory);
        if (command.mandatory) {
            effects(channel.session->lane)
                .push_back(ReturnMessage{
                    channel.session->id, channel.id, ReplyCode::no_route, as_seen(message)});
        }
        refused = true;
    }
    const bool stored = !targets_.empty();
    for (Peer* const peer : peers) {
        send_publish(*peer, message, command.publish_seqno || tx_wait_);
        note_published(channel, *peer);
    }
    if (tx_wait_) {
        for (Peer* const peer : peers) await_number(*peer, tx_wait_);
    } else if (command.publish_seqno) {
        confirm_across(channel, command.publish_seqno, peers, stored, refused);
    }
    return !refused;
}

void CoreState::confirm_across(
    ChannelState& channel, std::uint64_t seqno, const std::vector<Peer*>& peers, bool stored,
    bool refused) {
    if (refused) return refuse(channel, seqno);
    if (peers.empty()) return confirm(channel, seqno, stored);
    const ChannelKey key = key_of(channel);
    if (stored || peers.size() > 1) {
        const auto wait = std::make_shared<RemoteWait>();
        wait->then =
            Waiter{stored ? commits_.ticket() : Ticket(), key, Waiter::ConfirmRun{seqno, seqno}};
        if (stored) commits_.request();
        for (Peer* const peer : peers) await_number(*peer, wait);
        return;
    }
    Peer& peer = *peers.front();
    if (!peer.awaited.empty()) {
        AwaitedPublish& last = peer.awaited.back();
        auto* const run = std::get_if<AwaitedPublish::Run>(&last.what);
        if (run && last.number + 1 == peer.published && run->seqnos.last + 1 == seqno &&
            run->channel.incarnation == key.incarnation) {
            last.number = peer.published;
            run->seqnos.last = seqno;
            return;
        }
    }
    peer.awaited.push_back({peer.published, AwaitedPublish::Run{key, {seqno, seqno}}});
}

/// The queues are in peer.item.
void CoreState::send_publish(Peer& peer, const MessagePtr& message, bool awaited) {
    peer.item.message = message;
    peer.item.awaited = awaited;
    tell(peer, peer.item);
    peer.item.message.reset();
    peer.item.queues.clear();
    ++peer.published;
    const std::uint64_t bytes = message->charge();
    peer.unanswered_bytes += bytes;
    if (!peer.unanswered.empty() && peer.unanswered.back().batch == peer.batches_sent) {
        peer.unanswered.back().number = peer.published;
        peer.unanswered.back().bytes += bytes;
    } else {
        peer.unanswered.push_back({peer.published, peer.batches_sent, bytes});
    }
}

/// What the channel's end waits for; and its connection is not read while too much is on its way.
void CoreState::note_published(ChannelState& channel, Peer& peer) {
    if (!channel.remote) channel.remote = std::make_unique<RemoteChannel>();
    auto& published = channel.remote->published;
    const auto found = std::find_if(
        published.begin(), published.end(), [&](const auto& one) { return one.first == &peer; });
    if (found == published.end())
        published.emplace_back(&peer, peer.published);
    else
        found->second = peer.published;
    SessionState& session = *channel.session;
    if (peer.unanswered_bytes <= kPeerUnansweredBytesMax || session.throttled) return;
    session.throttled = any_held_back_ = true;
    if (!session.blocked) effects(session.lane).push_back(Throttle{session.id, true});
}

bool CoreState::peers_behind() const {
    return std::any_of(peers_.begin(), peers_.end(), [](const auto& entry) {
        return entry.second->unanswered_bytes > kPeerUnansweredBytesMax / 2;
    });
}

void CoreState::await_number(Peer& peer, const RemoteWaitPtr& wait) {
    ++wait->awaited;
    peer.awaited.push_back({peer.published, wait});
}

/// All that the channel published is to be answered first.
void CoreState::await_publishes(const RemoteChannel& remote, const RemoteWaitPtr& wait) {
    for (const auto& [peer, number] : remote.published) {
        // A number of an earlier stream has had all the answers that it gets.
        if (peer->up && number > peer->answered && number <= peer->published)
            await_number(*peer, wait);
    }
}

Result<void> CoreState::take(Peer& peer, PeerPublished& item) {
    if (item.up_to > peer.published)
        return Error{ErrorKind::corrupt, "it answers what was not asked"};
    // An answer that waited for the disk may be overtaken by a later one that had not to.
    if (item.up_to <= peer.answered) return {};
    peer.answered = item.up_to;
    while (!peer.unanswered.empty() && peer.unanswered.front().number <= item.up_to) {
        peer.unanswered_bytes -= peer.unanswered.front().bytes;
        peer.unanswered.pop_front();
    }
    while (!peer.awaited.empty()) {
        AwaitedPublish& first = peer.awaited.front();
        if (first.number <= item.up_to) {
            AwaitedPublish done = std::move(first);
            peer.awaited.pop_front();
            finish_publish(done, false);
            continue;
        }
        auto* const run = std::get_if<AwaitedPublish::Run>(&first.what);
        const std::uint64_t left = first.number - item.up_to;
        if (run && left <= run->seqnos.last - run->seqnos.first) {
            const std::uint64_t last = run->seqnos.last - left;
            tell_confirm(run->channel, {std::exchange(run->seqnos.first, last + 1), last}, false);
        }
        break;
    }
    if (any_held_back_) release_held_back();
    return {};
}

void CoreState::finish_publish(AwaitedPublish& done, bool lost) {
    if (const auto* const run = std::get_if<AwaitedPublish::Run>(&done.what))
        tell_confirm(run->channel, run->seqnos, lost);
    else if (const auto* const wait = std::get_if<RemoteWaitPtr>(&done.what))
        answered(*wait, lost);
    else
        settle_move(std::get<RemoteMove>(done.what));
}

void CoreState::tell_confirm(const ChannelKey& key, Waiter::ConfirmRun run, bool nack) {
    ChannelState* const channel = find_channel(key);
    if (!channel) return;
    if (!nack) count_confirmed(*channel, run.last - run.first + 1);
    effects(key.lane).push_back(Confirm{key.session, key.channel, nack, run.first, run.last});
}

/// The others of its run go on waiting.
Result<void> CoreState::take(Peer& peer, PeerRefused& item) {
    const auto at = std::lower_bound(
        peer.awaited.begin(),
        peer.awaited.end(),
        item.number,
        [](const AwaitedPublish& one, std::uint64_t number) { return one.number < number; });
    if (at == peer.awaited.end()) return {};
    if (const auto* const wait = std::get_if<RemoteWaitPtr>(&at->what)) {
        if (at->number == item.number) (*wait)->refused = true;
        return {};
    }
    auto* const run = std::get_if<AwaitedPublish::Run>(&at->what);
    if (!run || at->number - item.number > run->seqnos.last - run->seqnos.first) return {};
    const ChannelKey key = run->channel;
    const std::uint64_t seqno = run->seqnos.last - (at->number - item.number);
    const Waiter::ConfirmRun before{run->seqnos.first, seqno - 1};
    run->seqnos.first = seqno + 1;
    const bool none_after = run->seqnos.first > run->seqnos.last;
    const auto place = none_after ? peer.awaited.erase(at) : at;
    if (before.first <= before.last)
        peer.awaited.insert(place, {item.number - 1, AwaitedPublish::Run{key, before}});
    tell_confirm(key, {seqno, seqno}, true);
    return {};
}

/// What has no answer is refused, for all that is known here.
void CoreState::lose_publishes(Peer& peer) {
    peer.published = peer.answered = 0;
    peer.unanswered.clear();
    peer.unanswered_bytes = 0;
    for (AwaitedPublish& lost : std::exchange(peer.awaited, {})) {
        if (auto* const move = std::get_if<RemoteMove>(&lost.what))
            keep_move(peer, std::move(*move));
        else
            finish_publish(lost, true);
    }
    if (any_held_back_) release_held_back();
}

}  // namespace lvt::broker
