// What a lane tells the core. One socket read makes one batch of these; a lane's batches are applied in order (design rule 5). A batch is
// mostly publishes: what is rare and large is boxed, so that they lie close together.
#pragma once

#include "broker/core/message.h"
#include "broker/core/message_stats.h"
#include "protocol/amqp/method.h"
#include "protocol/amqp/table.h"
#include "protocol/base/boxed.h"
#include "protocol/base/strong_id.h"

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

namespace lvt::broker {

struct TlsPeer;

/// A connection: its place in its lane's table, and an epoch that is never reused, so that what is late finds nobody. The lane
/// chooses both.
struct SessionId {
    std::uint32_t slot = 0;
    std::uint32_t epoch = 0;

    bool operator==(const SessionId&) const = default;
};

/// 1 to 65535; 0 is the connection itself.
using ChannelId = StrongId<struct ChannelIdTag, std::uint16_t>;

/// A consumer within its channel, chosen by the lane: 1, 2, ...; 0 stands for basic.get. May be reused once
/// nothing is unacked on it and it is cancelled.
using ConsumerSlot = std::uint32_t;

/// Hand-outs of one (channel, slot) are numbered by the core from 0 without gaps; the lane maps delivery tags to them. no-ack deliveries
/// are not numbered.
using DeliveryIndex = std::uint64_t;

/// How many numbered deliveries of a slot the lane has put into its output so far, [0, encoded). What is beyond was
/// never on its way and is taken back: neither redelivered nor counted (design rule 3). After naming it the lane drops
/// every later Deliver of that slot.
struct SlotProgress {
    ChannelId channel;
    ConsumerSlot slot = 0;
    DeliveryIndex encoded = 0;
};

/// Who connects, and how.
struct LoginRequest {
    Bytes user;
    Bytes password;
    Bytes mechanism;
    Bytes peer;   // "127.0.0.1:53211", for listings and the log
    Bytes local;  // "127.0.0.1:5672", where it came to
    /// The peer's address is the machine's own.
    bool loopback = false;
    /// No client's connection: the broker itself acts in the name of this user, who has proved to be it elsewhere. It is not listed, and
    /// counts for no limit.
    bool internal = false;
    /// ... or in nobody's name, with every right.
    bool owner = false;
    /// The certificate is the proof, there is no password (EXTERNAL).
    bool by_certificate = false;
    /// What its lane counts in; null where nobody does.
    std::shared_ptr<const ConnectionStats> stats;
};

/// Answer: LoginDecided.
struct Login {
    SessionId session;
    Boxed<LoginRequest> request;
};

/// What the handshake has settled.
struct VhostRequest {
    Bytes vhost;
    amqp::Table client_properties;
    std::uint16_t channel_max = 0;
    std::uint32_t frame_max = 0;
    std::uint16_t heartbeat_s = 0;
    /// Null where nothing is encrypted.
    std::shared_ptr<const TlsPeer> tls = nullptr;
};

/// connection.open. Answer: VhostOpened or SessionFailed.
struct OpenVhost {
    SessionId session;
    Boxed<VhostRequest> request;
};

/// No answer: the lane has answered the client. With `answer`: Reply(channel.open-ok), or SessionFailed.
struct OpenChannel {
    SessionId session;
    ChannelId channel;
    bool answer = false;
};

/// channel.close of the client, or an error that the lane found. Answer: ChannelClosed,
/// when everything of it is durable and requeued.
struct CloseChannel {
    SessionId session;
    ChannelId channel;
    std::vector<SlotProgress> progress;
};

/// connection.close of the client, or its socket has gone, or the lane found a fatal error. Answer: SessionClosed, when all
/// is durable and requeued and its exclusive queues are gone. The slot may be reused after that.
struct CloseSession {
    SessionId session;
    std::vector<SlotProgress> progress;
};

/// Any other method of a channel, in the order in which it came. The core answers with Reply or fails the channel.
struct Perform {
    SessionId session;
    ChannelId channel;
    std::unique_ptr<amqp::Method> method;
};

/// basic.consume, its consumer tag filled in by the lane. Answer: Reply(basic.consume-ok) unless no_wait.
struct Consume {
    SessionId session;
    ChannelId channel;
    ConsumerSlot slot = 0;
    std::unique_ptr<amqp::BasicConsume> method;
};

/// basic.cancel. Answer: Reply(basic.cancel-ok) unless no_wait. An unknown tag (slot 0) is answered all the same.
struct Cancel {
    SessionId session;
    ChannelId channel;
    ConsumerSlot slot = 0;
    DeliveryIndex encoded = 0;
    Boxed<Bytes> consumer_tag;
    bool no_wait = false;
    /// What was handed out goes out before the answer; else the core takes back what is not encoded.
    bool keep = false;
};

/// basic.recover and recover-async (`no_wait`): requeues what was encoded and not settled; the lane has forgotten those tags.
struct Recover {
    SessionId session;
    ChannelId channel;
    bool no_wait = false;
    std::vector<SlotProgress> progress;
};

struct Publish {
    SessionId session;
    ChannelId channel;
    bool mandatory = false;
    /// 0 where the channel is not in confirm mode.
    std::uint64_t publish_seqno = 0;
    MessagePtr message;
    /// Of its CC and BCC headers; null: it has none. The core sets it.
    std::unique_ptr<std::vector<Bytes>> more_keys;
};

enum class Outcome : std::uint8_t {
    ack,
    requeue,  // nack or reject with requeue
    discard,  // nack or reject without
};

/// Deliveries [first, first + count) of a slot are settled.
struct Settle {
    SessionId session;
    ChannelId channel;
    ConsumerSlot slot = 0;
    Outcome outcome = Outcome::ack;
    DeliveryIndex first = 0;
    std::uint64_t count = 1;
};

/// So many octets of deliveries (Message::charge) have left the lane's pending list, encoded or dropped. At most one a turn.
struct DeliveriesTaken {
    SessionId session;
    std::uint64_t bytes = 0;
};

using LaneCommand = std::variant<
    Publish, Settle, DeliveriesTaken, Perform, Consume, Cancel, Recover, OpenChannel, CloseChannel,
    Login, OpenVhost, CloseSession>;

// A publish fills it: batches are read and written by the million.
static_assert(sizeof(LaneCommand) <= 48);

using CommandBatch = std::vector<LaneCommand>;

}  // namespace lvt::broker
