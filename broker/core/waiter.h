// Waiter: what waits for a commit to be durable.
#pragma once

#include "broker/core/admin_request.h"
#include "broker/core/commit_builder.h"
#include "broker/core/effect.h"
#include "broker/core/queue.h"
#include "broker/core/turn.h"

#include <memory>
#include <variant>

namespace lvt::broker {

/// What happens when a ticket is durable.
struct Waiter {
    Ticket ticket;
    ChannelKey channel;
    struct ConfirmRun {
        std::uint64_t first;
        std::uint64_t last;
    };
    /// An answer, after which the channel goes on.
    struct HeldReply {
        std::unique_ptr<amqp::Method> method;
    };
    struct ChannelDone {};
    struct SessionDone {};
    /// Messages of the queue may be handed out.
    struct QueueOpened {
        storage::QueueUid queue;
    };
    /// The settles that empty the store's part of the queue.
    struct Reclaim {
        ReclaimRequest request;
    };
    struct Administered {
        AdminAnswer answer;
    };
    /// Its consumer learns that the queue has gone.
    struct ConsumerGone {
        ConsumerCancelled effect;
    };
    /// The node that published up to here hears so.
    struct PublishedFor {
        cluster::NodeId peer;
        std::uint64_t stream = 0;
        std::uint64_t up_to = 0;
    };
    struct GroupStored {
        std::uint64_t ticket = 0;
    };
    struct SnapshotReady {
        std::unique_ptr<storage::StateSnapshot> snapshot;
    };
    std::variant<
        ConfirmRun, HeldReply, ChannelDone, SessionDone, QueueOpened, Reclaim, ConsumerGone,
        Administered, PublishedFor, GroupStored, SnapshotReady>
        action;
};

}  // namespace lvt::broker
