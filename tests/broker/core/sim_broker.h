// SimBroker: a whole broker in memory - connections, core, store - without sockets, threads or files. A seeded scheduler picks
// which mailbox delivers next, so a run is replayed by its seed.
#pragma once

#include "broker/core/core.h"
#include "broker/session/connection.h"
#include "protocol/amqp/command_assembler.h"
#include "storage/memory_store.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace lvt::broker {

/// A method that a client received, with its content if it has one.
struct Received {
    std::uint16_t channel = 0;
    amqp::Method method;
    Bytes properties;
    Bytes body;
};

struct SimOptions {
    std::uint64_t seed = 1;
    /// 0: one lane, inline with the core, everything in order. Else: so many lanes, mailboxes delivered in the seed's order.
    std::size_t lanes = 0;
    CoreOptions core;
    bool durable = true;
    /// storage::MemoryStore's.
    std::uint64_t journal_bytes_max = 0;
    /// Not 0: a node of a cluster, whose group is the test's.
    cluster::NodeId node;
};

class SimBroker;

/// A client that speaks raw methods; connected and logged in.
class SimClient {
public:
    SimClient(SimBroker& broker, std::size_t lane, std::uint32_t slot, std::uint32_t epoch);

    void send(std::uint16_t channel, const amqp::Method& method);
    void send_bytes(ByteView bytes) { to_broker_ += bytes; }
    void publish(
        std::uint16_t channel, ByteView exchange, ByteView key, ByteView body,
        bool persistent = true, bool mandatory = false);
    void publish_with(
        std::uint16_t channel, ByteView exchange, ByteView key, ByteView properties, ByteView body);
    void ack(std::uint16_t channel, std::uint64_t tag, bool multiple = false);
    void nack(std::uint16_t channel, std::uint64_t tag, bool multiple, bool requeue);
    /// Opens channel `channel` and takes the answer.
    void open_channel(std::uint16_t channel);
    /// Declares, durable unless said, and takes the answer.
    void declare_queue(std::uint16_t channel, ByteView name, bool durable = true);
    void consume(std::uint16_t channel, ByteView queue, bool no_ack = false, ByteView tag = "ctag");
    /// basic.get; nothing where the queue is empty.
    std::optional<Received> get(std::uint16_t channel, ByteView queue, bool no_ack = true);

    /// Sends, runs the broker, takes the answer, which must be an M.
    template <class M>
    M call(std::uint16_t channel, const amqp::Method& method) {
        send(channel, method);
        return expect<M>();
    }
    /// Runs the broker and takes the next thing received, which must be an M.
    template <class M>
    M expect() {
        return std::get<M>(next(M::kName).method);
    }
    Received next(const char* expected = "anything");
    /// All that has come, after running the broker.
    std::vector<Received> take_all();
    /// All that has come so far.
    std::vector<Received> poll();
    /// The bodies of all deliveries that have come.
    std::vector<Bytes> take_bodies();
    /// The socket is cut.
    void drop();
    bool closed_by_broker() const { return closed_; }

private:
    friend class SimBroker;
    void on_bytes(ByteView bytes);
    void handshake(ByteView user, ByteView password, ByteView vhost);

    SimBroker& broker_;
    std::size_t lane_;
    std::unique_ptr<Connection> connection_;
    Bytes to_broker_;
    bool dropped_ = false;
    bool drop_seen_ = false;
    bool closed_ = false;
    amqp::FrameDecoder decoder_;
    std::map<std::uint16_t, amqp::CommandAssembler> assemblers_;
    std::map<std::uint16_t, Received> partial_;
    std::deque<Received> inbox_;
};

class SimBroker {
public:
    explicit SimBroker(SimOptions options = {});
    ~SimBroker();

    /// A new connection, open to virtual host "/" as guest.
    SimClient& connect() { return connect("guest", "guest", "/"); }
    /// With protocol errors instead of an opened virtual host, take them with next().
    SimClient& connect(ByteView user, ByteView password, ByteView vhost);
    /// Until nobody has anything to do. The store syncs by itself unless told otherwise.
    void run();
    /// At most so many things happen.
    void run(int steps) {
        while (steps-- > 0 && step()) {
        }
    }
    /// Time passes; timers fire.
    void advance(Milliseconds by);
    /// kill -9: only what the store has synced (and `kept` commits more) is there in the broker that starts again.
    void crash(std::size_t kept = 0);
    /// SIGTERM, and a new start.
    void restart();
    /// Asks, runs, answers.
    AdminReply administer(AdminRequest request);
    /// False: commits wait until sync().
    void set_auto_sync(bool on) { auto_sync_ = on; }
    void sync() { store_.sync(); }

    Core& core() { return *core_; }
    /// Ends a turn of whatever the test has called itself.
    void end_turn() { end_core_turn(); }
    /// How often it has started, as a node of a cluster.
    std::uint64_t starts() const { return starts_; }
    /// What the core has proposed since the last call.
    std::vector<ProposalRequest> take_proposals() { return std::exchange(proposals_, {}); }
    /// All of the group's records up to this ticket are durable.
    std::uint64_t group_stored() const { return group_stored_; }
    /// All of the group, where the journal wants to forget; a group that has nothing, unless the test has one.
    std::function<GroupRecord()> checkpoint;
    storage::MemoryStore& store() { return store_; }
    ManualClock& clock() { return clock_; }
    QueueListing queue(ByteView name);

private:
    friend class SimClient;
    friend class SimCluster;
    struct Lane {
        MessagePool pool;
        CommandBatch commands;
        /// Batches on their way to the core, and to the lane.
        std::deque<CommandBatch> to_core;
        std::deque<EffectBatch> to_lane;
    };

    void start();
    /// One thing happens; false if there is nothing.
    bool step();
    void feed(SimClient& client, std::size_t bytes);
    void end_lane_turn(Lane& lane, SimClient& client);
    void deliver(std::size_t lane, EffectBatch& batch);
    void end_core_turn();
    std::size_t pick(std::size_t below) {
        return static_cast<std::size_t>(random_engine_() % below);
    }

    SimOptions options_;
    ManualClock clock_;
    SeededRandom random_;
    std::mt19937_64 random_engine_;
    NullLogSink log_;
    SessionOptions session_options_;
    storage::MemoryStore store_;
    std::vector<std::unique_ptr<Lane>> lanes_;
    std::unique_ptr<Core> core_;
    std::vector<std::unique_ptr<SimClient>> clients_;
    std::vector<std::unique_ptr<SimClient>> dead_clients_;
    std::uint32_t last_epoch_ = 0;
    std::vector<AdminAnswer> answers_;
    std::vector<ProposalRequest> proposals_;
    std::uint64_t starts_ = 0;
    std::uint64_t group_stored_ = 0;
    bool checkpoint_wanted_ = false;
    bool auto_sync_ = true;
    /// For the other nodes.
    std::vector<PeerBatch> peer_batches_;
    /// What goes on beside it: false if nothing.
    std::function<bool()> others_;
};

}  // namespace lvt::broker
