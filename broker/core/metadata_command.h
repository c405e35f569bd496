// MetadataCommand: every change of topology, users and permissions (design rule 8). Serialised, versioned, applied by Topology::apply
// alone; random names and hashes are put in by whoever proposes it.
//
//   u8 format version, u8 type, then the fields in order: strings with u32 length, bool and number big-endian
#pragma once

#include "broker/core/core_options.h"
#include "protocol/amqp/table.h"
#include "protocol/base/byte_reader.h"
#include "protocol/base/result.h"
#include "storage/types.h"

#include <variant>
#include <vector>

namespace lvt::broker {

struct PutVhost {
    Bytes name;
};
/// With everything in it.
struct DeleteVhost {
    Bytes name;
};
struct PutUser {
    Bytes name;
    /// As hash_password makes it.
    Bytes password_hash;
    std::vector<Bytes> tags;
};
struct DeleteUser {
    Bytes name;
};
struct PutPermissions {
    Bytes user;
    Bytes vhost;
    Bytes configure;
    Bytes write;
    Bytes read;
};
struct DeletePermissions {
    Bytes user;
    Bytes vhost;
};
struct PutExchange {
    Bytes vhost;
    Bytes name;
    Bytes type;
    bool durable = false;
    bool auto_delete = false;
    bool internal = false;
    amqp::Table arguments;
};
struct DeleteExchange {
    Bytes vhost;
    Bytes name;
};
struct PutQueue {
    Bytes vhost;
    Bytes name;
    storage::QueueUid uid;
    bool durable = false;
    bool auto_delete = false;
    bool exclusive = false;
    amqp::Table arguments;
    /// The node that has its messages; 0: the broker belongs to no cluster. Since version 2.
    cluster::NodeId home;
};
struct DeleteQueue {
    Bytes vhost;
    Bytes name;
    /// Not another one of that name; 0: any. Since version 2.
    storage::QueueUid uid;
};
struct PutBinding {
    Bytes vhost;
    Bytes source;
    bool to_queue = true;
    Bytes destination;
    Bytes routing_key;
    amqp::Table arguments;
};
struct DeleteBinding {
    Bytes vhost;
    Bytes source;
    bool to_queue = true;
    Bytes destination;
    Bytes routing_key;
    amqp::Table arguments;
};

/// Creates or replaces; see policy.h.
struct PutPolicy {
    Bytes vhost;
    Bytes name;
    /// An operator policy.
    bool of_operator = false;
    Bytes pattern;
    /// all, queues, exchanges, classic_queues, quorum_queues or streams.
    Bytes apply_to;
    std::int32_t priority = 0;
    amqp::Table definition;
};
struct DeletePolicy {
    Bytes vhost;
    Bytes name;
    bool of_operator = false;
};
/// Who has some for an exchange may use only these routing keys there. {username} and {vhost} stand for the names.
struct PutTopicPermissions {
    Bytes user;
    Bytes vhost;
    Bytes exchange;
    Bytes write;
    Bytes read;
};
/// An empty exchange: those for all exchanges.
struct DeleteTopicPermissions {
    Bytes user;
    Bytes vhost;
    Bytes exchange;
};
/// Replaces all limits of a virtual host (max-connections, max-queues) or user (max-connections, max-channels); a negative one is none.
struct PutLimits {
    bool of_user = false;
    Bytes name;
    amqp::Table limits;
};
struct DescribeVhost {
    Bytes name;
    Bytes description;
    std::vector<Bytes> tags;
    /// Empty: classic.
    Bytes default_queue_type;
};

/// Where an x-delayed-message exchange's messages wait; DeleteExchange takes it along.
struct PutDelayQueue {
    Bytes vhost;
    Bytes exchange;
    storage::QueueUid uid;
};

/// What administrators keep at the broker under a name; it means nothing to it but for "cluster_name".
struct PutGlobalParameter {
    Bytes name;
    /// JSON.
    Bytes value;
};
struct DeleteGlobalParameter {
    Bytes name;
};

// What the nodes of a cluster note beside it.

/// The state holds the metadata group's log up to `index`, and of what `origin` proposed since its `starts`th start everything up to `number`.
struct NoteApplied {
    std::uint64_t index = 0;
    cluster::NodeId origin;
    std::uint64_t starts = 0;
    std::uint64_t number = 0;
    /// No queue with a higher one was ever made; 0: nothing is said of it.
    storage::QueueUid uid_max;
};
/// Begins what a new cluster starts with. Only the first one counts.
struct BeginSeed {};
/// It will not come back: what lived there alone goes.
struct ForgetNode {
    cluster::NodeId node;
};
/// The proposer begins to serve in a new process. `alive` are the other nodes that it hears, or that one of those hears, in their processes of now. Where none of
/// these had begun, all had stopped, and exchanges that are not durable go: they live as long as any node of the cluster does.
struct BeginRun {
    std::vector<ClusterNode> alive;
};

/// The order of the alternatives is frozen on disk: type = index + 1.
using MetadataCommand = std::variant<
    PutVhost, DeleteVhost, PutUser, DeleteUser, PutPermissions, DeletePermissions, PutExchange,
    DeleteExchange, PutQueue, DeleteQueue, PutBinding, DeleteBinding, PutPolicy, DeletePolicy,
    PutTopicPermissions, DeleteTopicPermissions, PutLimits, DescribeVhost, PutDelayQueue,
    PutGlobalParameter, DeleteGlobalParameter, NoteApplied, BeginSeed, ForgetNode, BeginRun>;

Bytes encode_metadata(const MetadataCommand& command);
/// corrupt or unsupported where the bytes make no sense.
Result<MetadataCommand> decode_metadata(ByteView bytes);
/// All that is left in `in`, each with a u32 size before it. As decode_metadata(); "`what` cut off" where the last one is not whole.
Result<std::vector<MetadataCommand>> read_commands(ByteReader& in, std::string_view what);

}  // namespace lvt::broker
