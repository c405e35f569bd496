// CoreFields: what the inside of the Core holds. What it does with it is CoreState's.
#pragma once

#include "broker/core/cluster_proposal.h"
#include "broker/core/commit_builder.h"
#include "broker/core/core.h"
#include "broker/core/session_state.h"
#include "broker/core/stats_sampler.h"
#include "broker/core/string_hash.h"
#include "broker/core/topology.h"
#include "broker/core/waiter.h"

#include <set>
#include <unordered_map>

namespace lvt::broker {

struct CoreFields {
    CoreFields(CoreOptions options, std::size_t lanes, Random& random, LogSink& log)
        : options_(std::move(options)),
          random_(random),
          log_(log),
          commits_(options_.durable),
          sessions_(lanes + 1),
          peer_lane_(static_cast<LaneIndex>(lanes)) {
        output_.effects.resize(lanes + 1);
        all_unacked_.limit = options_.unacked_bytes_max;
    }

    CoreOptions options_;
    ClusterNode node_;
    Random& random_;
    LogSink& log_;
    Time now_;
    /// Wall clock when the turn began: what came in this turn has not expired before consumers had their chance.
    std::optional<Milliseconds> turn_began_;
    LaneIndex lane_ = 0;  // whose batch is being applied

    /// What clients have in hand, in octets; before the consumers, which count in it.
    Credit all_unacked_;
    Milliseconds next_unacked_warning_{0};
    BrokerStats stats_;
    Turnover internal_channels_;  // of sessions that are no client's
    StatsSampler sampler_;
    Topology topology_;
    /// Channels that were failed in this turn; destroyed at its end.
    std::vector<std::map<ChannelId, std::unique_ptr<ChannelState>>::node_type> failed_channels_;
    CommitBuilder commits_;
    TurnOutput output_;
    /// By lane and slot.
    std::vector<std::vector<std::unique_ptr<SessionState>>> sessions_;
    Ring<Waiter> waiters_;
    std::vector<storage::QueueUid> to_run_;
    std::vector<storage::QueueUid> running_;  // reused
    MessagePool pool_;                        // for messages that come back from the store

    std::uint64_t last_incarnation_ = 0;
    std::uint64_t last_consumer_id_ = 0;
    std::unordered_map<std::uint64_t, Consumer*> consumers_;
    std::deque<std::pair<Milliseconds, std::uint64_t>> slow_starts_;  // (deadline, consumer id)

    /// (monotonic deadline, queue); at most one a queue.
    std::set<std::pair<Milliseconds, storage::QueueUid>> queue_timers_;

    AlarmState own_alarm_;
    /// Of any node of the cluster.
    AlarmState alarm_;
    bool any_held_back_ = false;
    /// When to look for publishers that have waited too long.
    std::optional<Milliseconds> next_nacks_;
    // Of this alarm.
    std::uint64_t blocked_publishers_ = 0;
    std::uint64_t blocked_nacks_ = 0;
    bool retire_requested_ = false;
    // A consumer that acks is behind: what may be read at once, and until when.
    std::size_t read_bytes_behind_ = 0;
    Milliseconds behind_until_{0};
    Milliseconds next_page_out_{0};
    storage::PageId last_page_id_;
    /// By the queue that asked for it.
    std::unordered_map<storage::PageId, storage::QueueUid> loading_pages_;
    /// Handed to the store and not on the disk yet.
    std::uint64_t unwritten_page_bytes_ = 0;
    /// Of durable queues, since the store was asked to retire early.
    std::uint64_t paged_persistent_bytes_ = 0;
    // In a cluster.
    std::uint64_t last_proposal_ = 0;
    /// What was proposed and has not come back; numbers without gaps.
    std::deque<Proposal> proposals_;
    std::vector<DeferredClose> closes_;
    bool seed_proposed_ = false;
    /// Until it is taken after the recovery.
    std::optional<cluster::LogStore> group_log_;
    /// The method that is being carried out; null: none is.
    std::unique_ptr<amqp::Method>* performing_ = nullptr;
    /// ... for the second time, after what it had proposed.
    bool running_again_ = false;
    /// Whose proposal is being applied; null: another node's, or nobody's.
    SessionState* proposer_ = nullptr;

    bool snapshot_wanted_ = false;
    bool stopping_ = false;
    std::optional<Ticket> stop_ticket_;

    /// By the name that leads there.
    std::unordered_map<Bytes, ChannelKey, StringHash, std::equal_to<>> reply_channels_;

    /// Any virtual host is traced.
    bool any_traced_ = false;

    // Queues that live at other nodes.
    std::map<cluster::NodeId, std::unique_ptr<Peer>> peers_;
    /// The lane of other nodes' sessions, behind all others, and whose they are, by slot.
    LaneIndex peer_lane_ = 0;
    std::vector<Guest> guests_;
    std::vector<std::uint32_t> free_guests_;
    std::uint32_t last_guest_epoch_ = 0;
    /// Of the transaction under way.
    RemoteWaitPtr tx_wait_;
    /// Channels that deleted a queue elsewhere which is still known here.
    std::vector<ChannelKey> awaiting_gone_;
    /// Of the message under way, by node.
    std::map<cluster::NodeId, RemoteMove> moving_;

    // Reused from publish to publish.
    Route copies_route_;
    std::vector<storage::Target> targets_;

    /// To consumers; tells who was served last.
    std::uint64_t hand_outs_ = 0;

    // Recovery only.
    std::unordered_map<storage::QueueUid, std::map<storage::Seq, QueuedMessage>> recovered_;
    storage::Lsn snapshot_as_of_;
};

}  // namespace lvt::broker
