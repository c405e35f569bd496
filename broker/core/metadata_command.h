// MetadataCommand: every change of topology, users and permissions (design rule 8). Serialised, versioned, applied by Topology::apply
// alone; random names and hashes are put in by whoever proposes it.
//
//   u8 format version (1), u8 type, then the fields in order: strings with u32 length, bool and number big-endian
#pragma once

#include "protocol/amqp/table.h"
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
};
struct DeleteQueue {
    Bytes vhost;
    Bytes name;
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

/// The order of the alternatives is frozen on disk: type = index + 1.
using MetadataCommand = std::variant<
    PutVhost, DeleteVhost, PutUser, DeleteUser, PutPermissions, DeletePermissions, PutExchange,
    DeleteExchange, PutQueue, DeleteQueue, PutBinding, DeleteBinding>;

Bytes encode_metadata(const MetadataCommand& command);
/// corrupt or unsupported where the bytes make no sense.
Result<MetadataCommand> decode_metadata(ByteView bytes);

}  // namespace lvt::broker
