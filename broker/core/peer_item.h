// What two nodes tell each other of queues: a node forwards what its clients want of a queue to the queue's home, where a shadow of the
// client's session does it, and gets the effects back (design 6). Everything of one turn of a core is one batch:
//
//   u8 version (1) | u64 number, from 1 without gaps | items: u8 type, fields            big-endian; types are frozen, see PeerItem
//
// Texts and tables have a u32 length before them, lists a u32 count; a message is u32 size, then as it stands in the store
// (message_codec.h).
#pragma once

#include "broker/core/effect.h"
#include "cluster/raft/types.h"
#include "protocol/base/result.h"
#include "storage/types.h"

#include <optional>
#include <variant>
#include <vector>

namespace lvt::broker {

/// The first item of a stream: who speaks, and in which of its lives.
struct PeerHello {
    cluster::NodeId node;
    std::uint64_t starts = 0;
};

/// A session that stands for one of a client at the other node, who has proved everything there.
struct OpenShadow {
    SessionId session;
    Bytes user;
    Bytes peer;
    Bytes local;
    Bytes vhost;
};

/// A message for queues of the other node. They are numbered from 1 in each stream, in the order in which they come.
struct PeerPublish {
    std::vector<storage::QueueUid> queues;
    MessagePtr message;
    /// Somebody waits for it: it is written at once.
    bool awaited = false;
};

/// All publishes up to this number have what they were promised.
struct PeerPublished {
    std::uint64_t up_to = 0;
};

/// A queue had no room for this publish, or was not there. Comes before the PeerPublished that covers it.
struct PeerRefused {
    std::uint64_t number = 0;
};

/// Resource alarms of the node, when they change and at the beginning.
struct PeerAlarm {
    bool memory = false;
    bool disk = false;
};

/// A direct reply for a client of the other node.
struct PeerDirectReply {
    Bytes vhost;
    Bytes name;
    MessagePtr message;
};

/// Type on the wire = index + 1. Sessions are those of the node that has the client. Shadows hear of the effects named here only.
using PeerItem = std::variant<
    PeerHello, OpenShadow, OpenChannel, CloseChannel, CloseSession, Perform, Consume, Cancel,
    Recover, Settle, DeliveriesTaken, PeerPublish, PeerPublished, PeerRefused, Deliver, GotMessage,
    Reply, ChannelFailed, SessionFailed, ChannelClosed, SessionClosed, ConsumerCancelled, PeerAlarm,
    PeerDirectReply>;

/// Begins a batch in `out`, which is empty.
void begin_peer_batch(Bytes& out, std::uint64_t number);

/// Item is one of PeerItem.
template <class Item>
void append_peer_item(Bytes& out, const Item& item);

/// Reads one batch, item by item. The bytes must outlive it.
class PeerBatchReader {
public:
    /// `pool` is where messages are made.
    PeerBatchReader(ByteView bytes, MessagePool& pool) : rest_(bytes), pool_(pool) {}

    /// First of all. corrupt or unsupported where it makes no sense.
    Result<std::uint64_t> number();
    /// Nothing at the end; corrupt where it makes no sense: the rest is lost.
    Result<std::optional<PeerItem>> next();

private:
    ByteView rest_;
    MessagePool& pool_;
};

}  // namespace lvt::broker
