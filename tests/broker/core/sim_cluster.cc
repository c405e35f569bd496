#include "tests/broker/core/sim_cluster.h"

namespace lvt::broker {

namespace {

/// What goes on between two looks at time.
constexpr Milliseconds kTick{10};
/// Small, so that large batches are cut in their middle, and both wait for acknowledgements.
constexpr cluster::LastingStream::Options kSmallFrames{100'000, 300, 2000};

}  // namespace

SimCluster::SimCluster(SimClusterOptions options)
    : options_(std::move(options)), random_engine_(options_.seed) {
    nodes_.resize(options_.nodes);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        Node& node = nodes_[i];
        node.id = cluster::NodeId(i + 1);
        SimOptions of_broker;
        of_broker.seed = options_.seed + i;
        of_broker.lanes = options_.lanes;
        of_broker.core = options_.core;
        of_broker.node = node.id;
        node.broker = std::make_unique<SimBroker>(of_broker);
        node.broker->others_ = [this] { return step(); };
    }
    nodes_[0].broker->core().on_leading(nodes_[0].broker->clock().now());
    nodes_[0].broker->end_core_turn();
    run();
    for (Node& node : nodes_) {
        node.broker->core().on_joined(node.broker->clock().now());
        node.broker->end_core_turn();
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i)
        for (std::size_t j = i + 1; j < nodes_.size(); ++j) join(i, j);
    run();
}

SimClient& SimCluster::client(std::size_t index) {
    SimClient& client = node(index).connect();
    client.open_channel(1);
    return client;
}

void SimCluster::advance(Milliseconds by) {
    for (Milliseconds passed{0}; passed < by; passed += kTick)
        for (Node& node : nodes_) node.broker->advance(kTick);
}

void SimCluster::join(std::size_t one, std::size_t other) {
    ++last_stream_;
    const auto options = options_.link_frames ? kSmallFrames : cluster::LastingStream::Options();
    for (const auto& [at, peer] : {std::pair(one, other), std::pair(other, one)}) {
        SimBroker& broker = node(at);
        nodes_[at].sides.emplace(peer, Side{cluster::LastingStream(last_stream_, options), {}});
        broker.core().on_peer_up(
            nodes_[peer].id, fmt::format("rabbit@node{}", peer), broker.clock().now());
        broker.end_core_turn();
    }
    link(one, other);
}

/// Both tell how far they have come.
void SimCluster::link(std::size_t one, std::size_t other) {
    for (const auto& [at, peer] : {std::pair(one, other), std::pair(other, one)}) {
        const auto received = nodes_[peer].sides.at(at).stream.received();
        ASSERT(nodes_[at].sides.at(peer).stream.resume(received).has_value());
    }
}

/// Of what was on its way, any tails are lost.
void SimCluster::lose_link(std::size_t one, std::size_t other) {
    ++links_lost_;
    for (const auto& [at, peer] : {std::pair(one, other), std::pair(other, one)}) {
        Side& side = nodes_[at].sides.at(peer);
        for (std::size_t count = random_engine_() % (side.inbox.size() + 1); count > 0; --count)
            take_frame(at, peer);
    }
    for (const auto& [at, peer] : {std::pair(one, other), std::pair(other, one)}) {
        Side& side = nodes_[at].sides.at(peer);
        side.inbox.clear();
        side.stream.interrupt();
    }
}

void SimCluster::take_frame(std::size_t to, std::size_t from) {
    Side& side = nodes_[to].sides.at(from);
    const Bytes frame = std::move(side.inbox.front());
    side.inbox.pop_front();
    const auto arrival = side.stream.take(frame);
    ASSERT(arrival.has_value());
    if (!arrival->batch) return;
    SimBroker& broker = node(to);
    const auto done =
        broker.core().on_peer_batch(nodes_[from].id, *arrival->batch, broker.clock().now());
    ASSERT(done.has_value());
    broker.end_core_turn();
}

void SimCluster::end(std::size_t at, std::size_t other) {
    // What it says from now on goes the way of the stream.
    nodes_[at].sides.at(other).stream.interrupt();
    collect(at);
    nodes_[at].sides.erase(other);
    node(at).core().on_peer_down(nodes_[other].id, node(at).clock().now());
    node(at).end_core_turn();
}

void SimCluster::cut(std::size_t one, std::size_t other) {
    end(one, other);
    end(other, one);
}

void SimCluster::crash(std::size_t index) {
    for (std::size_t other = 0; other < nodes_.size(); ++other) {
        if (nodes_[index].sides.erase(other)) end(other, index);
    }
    SimBroker& broker = node(index);
    broker.peer_batches_.clear();
    nodes_[index].told = 0;
    broker.crash();
}

Result<void> SimCluster::feed(std::size_t to, std::size_t from, ByteView bytes) {
    const auto done = node(to).core().on_peer_batch(nodes_[from].id, bytes, node(to).clock().now());
    node(to).end_core_turn();
    return done;
}

std::size_t SimCluster::index_of(cluster::NodeId id) const {
    return static_cast<std::size_t>(id.value() - 1);
}

void SimCluster::collect(std::size_t index) {
    Node& from = nodes_[index];
    for (PeerBatch& batch : std::exchange(from.broker->peer_batches_, {})) {
        const auto side = from.sides.find(index_of(batch.peer));
        if (side != from.sides.end()) side->second.stream.push(std::move(batch.bytes));
    }
    for (auto& [to, side] : from.sides) {
        while (std::optional<Bytes> frame = side.stream.next_frame())
            nodes_[to].sides.at(index).inbox.push_back(std::move(*frame));
    }
    for (ProposalRequest& one : std::exchange(from.broker->proposals_, {})) {
        log_.push_back(
            {log_.size() + 1, from.id, from.broker->starts(), one.number, std::move(one.command)});
    }
}

bool SimCluster::step() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) collect(i);
    std::vector<std::function<bool()>> possible;
    for (std::size_t to = 0; to < nodes_.size(); ++to) {
        Node& node = nodes_[to];
        possible.push_back([&node] { return node.broker->step(); });
        if (node.told < log_.size()) {
            possible.push_back([this, &node] {
                node.broker->core().on_committed({log_[node.told++]}, node.broker->clock().now());
                node.broker->end_core_turn();
                return true;
            });
        }
        for (auto& [from, side] : node.sides) {
            if (!side.stream.linked()) {
                possible.push_back([this, to, from = from] {
                    link(to, from);
                    return true;
                });
            } else if (!side.inbox.empty()) {
                possible.push_back([this, to, from = from] {
                    if (options_.link_frames && random_engine_() % options_.link_frames == 0)
                        lose_link(to, from);
                    else
                        take_frame(to, from);
                    return true;
                });
            }
        }
    }
    // A broker may have nothing to do.
    while (!possible.empty()) {
        const std::size_t at = static_cast<std::size_t>(random_engine_() % possible.size());
        if (possible[at]()) return true;
        possible.erase(possible.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return false;
}

}  // namespace lvt::broker
