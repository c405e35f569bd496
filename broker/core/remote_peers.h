// What the core knows of the other nodes of its cluster, and of what it has asked of them: see core_remote.cc and core_peers.cc.
#pragma once

#include "broker/core/core_options.h"
#include "broker/core/peer_item.h"
#include "broker/core/waiter.h"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace lvt::broker {

/// Octets of publishes on their way to one node above which publishers are held back.
inline constexpr std::uint64_t kPeerUnansweredBytesMax = 16 * 1024 * 1024;
/// Octets of messages that wait for a node that is away, to be moved there; what is more is given up.
inline constexpr std::uint64_t kPeerMovesBytesMax = 64 * 1024 * 1024;

/// Something that several nodes are to answer before it happens.
struct RemoteWait {
    /// Answers that have not come.
    std::size_t awaited = 0;
    /// Of a publish: a queue refused it, or its node is gone.
    bool refused = false;
    /// What happens then, when its ticket is durable too. Nothing where nobody cares any more.
    std::optional<Waiter> then;
};
using RemoteWaitPtr = std::shared_ptr<RemoteWait>;

/// A message that this node gives to queues of another one, and settles when they have it: a dead letter, a delayed message.
struct RemoteMove {
    struct Original {
        storage::QueueUid queue;
        storage::Seq seq = 0;
        MessagePtr message;
        /// Nodes that are to have a copy.
        std::size_t awaited = 0;
    };
    /// Null: there is nothing to settle.
    std::shared_ptr<Original> original;
    MessagePtr copy;
    std::vector<storage::QueueUid> queues;
};

/// Publishes to a node that have no answer, in the order of their numbers.
struct AwaitedPublish {
    /// Of the last one.
    std::uint64_t number = 0;
    /// Of one channel: `run.last` is that of the last number, those before it are consecutive.
    struct Run {
        ChannelKey channel;
        Waiter::ConfirmRun seqnos;
    };
    std::variant<Run, RemoteWaitPtr, RemoteMove> what;
};

/// A channel of a shadow at another node.
struct ShadowChannel {
    /// The client's.
    ChannelKey key;
    /// It was told to close. The answer may be awaited.
    bool closing = false;
    RemoteWaitPtr wait;
};

/// A session at another node that stands for one of a client here.
struct Shadow {
    SessionId id;
    /// The client's.
    LaneIndex lane = 0;
    SessionId client;
    /// Octets of deliveries that came and that the client's connection has not taken.
    std::uint64_t outstanding = 0;
    std::uint16_t last_channel = 0;
    std::map<ChannelId, ShadowChannel> channels;
    bool closing = false;
    RemoteWaitPtr wait;
};

/// Another node of the cluster. Never destroyed while the core lives.
struct Peer {
    cluster::NodeId id;
    /// "rabbit@h"
    Bytes name;
    /// There is a stream to it.
    bool up = false;
    bool greeted = false;
    /// Counts the streams, so that what belongs to an old one is known.
    std::uint64_t stream = 0;
    /// The batch of this turn; empty: nothing to say.
    Bytes out;
    std::uint64_t batches_sent = 0;
    std::uint64_t batches_received = 0;
    AlarmState alarm;

    // What is asked of it.
    /// By slot; null where free.
    std::vector<std::unique_ptr<Shadow>> shadows;
    std::vector<std::uint32_t> free_shadows;
    std::uint32_t last_shadow_epoch = 0;
    std::uint64_t published = 0;
    std::uint64_t answered = 0;
    std::deque<AwaitedPublish> awaited;
    /// Publishes that have no answer: up to which number, in which batch, how many octets.
    struct Unanswered {
        std::uint64_t number = 0;
        std::uint64_t batch = 0;
        std::uint64_t bytes = 0;
    };
    std::deque<Unanswered> unanswered;
    std::uint64_t unanswered_bytes = 0;
    /// Kept while it is away.
    std::deque<RemoteMove> moves;
    std::uint64_t moves_bytes = 0;
    /// Reused from publish to publish.
    PeerPublish item;

    // What it asks of this node.
    /// Its sessions' shadows here, by its slots.
    std::unordered_map<std::uint32_t, SessionId> guests;
    std::uint64_t received = 0;
    /// ... and answered, or soon to be.
    std::uint64_t settled = 0;
    Ticket ticket;
};

/// Whose shadow a session of the peers' lane is, by its slot.
struct Guest {
    /// Null: free, or its node has gone.
    Peer* peer = nullptr;
    SessionId theirs;
    std::uint32_t epoch = 0;
    /// Its close is under way.
    bool ended = false;
};

/// A client's session: where it has shadows.
struct RemoteSession {
    std::vector<std::pair<Peer*, Shadow*>> shadows;
};

/// A client's channel: what of it is elsewhere.
struct RemoteChannel {
    struct Place {
        Peer* peer = nullptr;
        Shadow* shadow = nullptr;
        ChannelId channel;
    };
    std::vector<Place> places;
    /// By consumer slot: where it consumes; null: here, or nowhere.
    std::vector<Peer*> slots;
    /// What basic.get brought from elsewhere, by its index here.
    struct Got {
        Peer* peer = nullptr;
        DeliveryIndex index = 0;
    };
    std::map<DeliveryIndex, Got> gets;
    /// The last publish to each node.
    std::vector<std::pair<Peer*, std::uint64_t>> published;

    /// Whose answer it waits for; null: nobody's.
    Peer* asked = nullptr;
    /// The queue that it is about, and the method.
    storage::QueueUid asked_queue;
    std::uint16_t asked_class = 0;
    std::uint16_t asked_method = 0;
    /// The client does not want to know.
    bool silent = false;
    /// The answer where the node goes down instead; null: the channel fails.
    std::unique_ptr<amqp::Method> if_lost;
    /// What it is answered with when the queue is gone here too.
    std::unique_ptr<amqp::Method> when_gone;

    /// What its end waits for; null: nothing yet.
    RemoteWaitPtr end;

    Place* place(const Peer* peer) {
        for (Place& one : places) {
            if (one.peer == peer) return &one;
        }
        return nullptr;
    }
    Peer* consumes_at(ConsumerSlot slot) const {
        return slot < slots.size() ? slots[slot] : nullptr;
    }
};

}  // namespace lvt::broker
