// SessionState and ChannelState: what the core knows of a connection and of its channels.
#pragma once

#include "broker/core/commit_builder.h"
#include "broker/core/consumer.h"
#include "broker/core/message_stats.h"
#include "broker/core/remote_peers.h"
#include "broker/core/route_cache.h"
#include "broker/core/turn.h"
#include "broker/core/virtual_host.h"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace lvt::broker {

/// A publish that waits for tx.commit, and the queues that its exchange named when it came. The default exchange names whatever
/// there is at the commit.
struct TransactedPublish {
    Publish publish;
    std::vector<Bytes> queues;
};

/// What a channel does at tx.commit, each kind in the order in which it came.
struct Transaction {
    std::vector<TransactedPublish> publishes;
    std::vector<Settle> settles;
};

enum class ChannelMode : std::uint8_t { plain, confirm, transaction };

struct ChannelState {
    /// `turnover`: see Counted.
    explicit ChannelState(Turnover& turnover) : counted(turnover) {}

    SessionState* session = nullptr;
    ChannelId id;
    std::uint64_t incarnation = 0;
    ChannelMode mode = ChannelMode::plain;

    /// basic.qos without global: for consumers to come.
    std::uint64_t prefetch = 0;
    /// basic.qos with global.
    Credit credit;
    /// By slot; null where none is.
    std::vector<std::unique_ptr<Consumer>> consumers;
    /// Slot 0.
    UnackedList gets;

    // Evidence for design 7.3.
    std::uint64_t next_ordinal = 0;
    std::optional<std::uint64_t> last_acked_ordinal;

    /// What makes all that it did durable.
    Ticket last_ticket;
    /// The empty queue name stands for it.
    Bytes last_queue;
    RouteCache route_cache;

    /// Its consumer of amq.rabbitmq.reply-to, 0 = none, and the name that leads to it.
    ConsumerSlot reply_slot = 0;
    Bytes reply_name;

    Transaction transaction;

    /// Of a cluster: what of it is at other nodes; null: nothing so far.
    std::unique_ptr<RemoteChannel> remote;

    /// An answer is held back (a commit, a read): what comes after it waits, in order.
    bool waiting = false;
    /// It waits for the end of an alarm, with a publish at the front of what is deferred.
    bool alarmed = false;
    std::deque<LaneCommand> deferred;

    ChannelStats stats;
    Sampled sampled;
    Counted counted;
    /// Since its first publish.
    std::optional<Counted> counted_as_publisher;

    Consumer* consumer(ConsumerSlot slot) const {
        return slot < consumers.size() ? consumers[slot].get() : nullptr;
    }
};

struct SessionState {
    LaneIndex lane = 0;
    SessionId id;
    /// Never reused while the process lives, also not by a channel.
    std::uint64_t number = 0;
    Bytes user;
    Bytes mechanism;
    /// "127.0.0.1:53211" and "127.0.0.1:5672".
    Bytes peer;
    Bytes local;
    /// Null where nothing is encrypted.
    std::shared_ptr<const TlsPeer> tls;
    /// Wall time.
    Milliseconds connected_at{0};
    /// See CoreState::join.
    VirtualHost* vhost = nullptr;
    std::optional<Counted> counted;
    /// Never null; its lane counts in it.
    std::shared_ptr<const ConnectionStats> stats;
    Sampled sampled;
    amqp::Table client_properties;
    std::uint16_t channel_max = 0;
    std::uint32_t frame_max = 0;
    std::uint16_t heartbeat_s = 0;

    std::map<ChannelId, std::unique_ptr<ChannelState>> channels;
    /// The channel of the last command.
    ChannelState* last_channel = nullptr;
    /// kDeliveryWindowBytes.
    Credit delivery_credit{kDeliveryWindowBytes, 0, {}};
    std::vector<storage::QueueUid> exclusive_queues;
    /// In a cluster: the number of the last change that it has asked for.
    std::uint64_t last_proposal = 0;

    /// Where it has shadows; null: nowhere so far.
    std::unique_ptr<RemoteSession> remote;

    /// The connection.close of the client, or of the core, is under way.
    bool closing = false;
    /// It has published while an alarm was on, and was told.
    bool blocked = false;
    Milliseconds blocked_since{0};
    /// It is read once more though it is blocked: what it has sent is nacked.
    bool let_in = false;
    /// It is not read because the disk is behind.
    bool throttled = false;
    /// See Login.
    bool internal = false;
    bool owner = false;

    ChannelState* channel(ChannelId id) {
        if (last_channel && last_channel->id == id) return last_channel;
        const auto found = channels.find(id);
        if (found == channels.end()) return nullptr;
        return last_channel = found->second.get();
    }
};

}  // namespace lvt::broker
