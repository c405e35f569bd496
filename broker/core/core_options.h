// What the core is told when it starts.
#pragma once

#include "cluster/raft/types.h"
#include "protocol/base/bytes.h"
#include "protocol/base/clock.h"

#include <cstdint>
#include <set>
#include <vector>

namespace lvt::broker {

/// Which resources are short. Publishers are held back while one is (RabbitMQ: alarms).
struct AlarmState {
    bool memory = false;
    bool disk = false;

    bool any() const { return memory || disk; }
    bool operator==(const AlarmState&) const = default;
};

/// One node of a cluster, in one of its processes.
struct ClusterNode {
    /// 0: the broker belongs to no cluster.
    cluster::NodeId id;
    /// Counts the processes it has been, from 1.
    std::uint64_t starts = 0;
};

struct CoreOptions {
    /// False: in memory; no store request is ever made and everything counts as durable at once.
    bool durable = false;

    // Made on a blank start (rabbitmq.conf: default_user, default_pass, default_vhost, ...).
    Bytes default_user = "guest";
    Bytes default_pass = "guest";
    Bytes default_vhost = "/";
    std::vector<Bytes> default_user_tags = {"administrator"};
    Bytes default_configure = ".*";
    Bytes default_write = ".*";
    Bytes default_read = ".*";
    /// Users who may come from loopback only.
    std::set<Bytes> loopback_users = {"guest"};

    /// Design 7.1: close-ok only when everything of the channel is durable.
    bool close_barrier = true;
    /// Design 7.2: first window of an ack-mode consumer without basic.qos; 0 = unlimited at once.
    std::uint32_t slow_start_window = 8;
    Milliseconds slow_start_interval{50};
    /// Design 7.3: counted returns after which a message goes to the tail of its queue; 0 = never.
    std::uint32_t poison_returns_max = 5;

    /// Design 7.4: a message that a consumer holds for so long goes back to its queue; 0 = never.
    Milliseconds consumer_timeout{0};

    /// Persistent messages that nobody waits for (no confirm, no close) reach the journal at the latest after this: what is acked
    /// meanwhile is never written. As often as RabbitMQ's message store syncs.
    Milliseconds publish_interval{25};
    /// Settled runs reach the journal at the latest after this (the state interval of design 3).
    Milliseconds state_interval{200};
    /// Messages held in memory, by Message::charge(), before what the store has is dropped from memory.
    std::uint64_t resident_bytes_max = 32 * 1024 * 1024;
    /// What clients may have in hand, by what it takes of memory, before those with most get nothing more; 0 = no limit.
    std::uint64_t unacked_bytes_max = 0;
    /// A publish with a confirm that an alarm holds back is nacked after so long; 0 = never (design 7.5).
    Milliseconds blocked_nack_after{0};
    /// Bytes handed to the store and not yet durable above which publishers are throttled.
    std::uint64_t unsynced_bytes_max = 16 * 1024 * 1024;
};

}  // namespace lvt::broker
