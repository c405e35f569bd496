#include "tests/cluster/node/formation_simulation.h"

#include "protocol/base/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace lvt::cluster {
namespace {

constexpr std::uint16_t kPort = 1000;
/// Where the same nodes are reached too; none tells of it.
constexpr std::uint16_t kAliasPort = 2000;
constexpr std::uint16_t kDeadPort = 9000;
constexpr std::uint64_t kCalmMs = 120'000;

/// A connection, as one end sees it; its number says all of that.
struct Link {
    unsigned other = 0;
    std::uint16_t dialled = 0;
    bool is_dialler = false;

    std::uint64_t number() const {
        return std::uint64_t{other + 1} << 17 | std::uint64_t{dialled} << 1 | (is_dialler ? 1 : 0);
    }
    static Link of(std::uint64_t number) {
        return {
            static_cast<unsigned>(number >> 17) - 1,
            static_cast<std::uint16_t>(number >> 1),
            number % 2 == 1};
    }
};

}  // namespace

struct FormationSimulation::Node {
    unsigned index = 0;
    std::uint16_t port = 0;
    /// What lists say of it: its address, another one, or both.
    std::vector<std::uint16_t> listed;
    std::uint32_t size_hint = 0;
    discovery::PeerList list;
    /// On the disk.
    NodeState disk;
    /// On their way there, oldest first.
    std::vector<Bytes> writing;
    std::unique_ptr<SeededRandom> random;
    std::unique_ptr<Formation> formation;  // null: down
    /// Of this life: what is late from an earlier one is dropped.
    std::uint64_t life = 0;
    unsigned side = 0;
    std::uint64_t tick_at = 0;
    std::uint64_t written_at = 0;
    std::string last_line;
};

FormationSimulation::FormationSimulation(FormationSimulationOptions options)
    : options_(options), random_(options.seed * 0x9e3779b97f4a7c15 + 1) {
    loss_percent_ = static_cast<unsigned>(below(3) * 10);
    common_ = static_cast<unsigned>(below(options_.nodes));
    for (unsigned i = 0; i < options_.nodes; ++i) {
        auto node = std::make_unique<Node>();
        node->index = i;
        node->port = static_cast<std::uint16_t>(kPort + i);
        node->disk.id = NodeId{random_.next() | 1};
        node->size_hint = size_hint();
        const auto alias = static_cast<std::uint16_t>(kAliasPort + i);
        if (chance(80)) node->listed.push_back(node->port);
        if (node->listed.empty() || chance(20)) node->listed.push_back(alias);
        nodes_.push_back(std::move(node));
    }
    for (auto& node : nodes_) node->list = list_of(*node);
}

FormationSimulation::~FormationSimulation() = default;

void FormationSimulation::at(std::uint64_t time, std::function<void()> run) {
    events_.push({time, ++events_made_, std::move(run)});
}

bool FormationSimulation::well_formed() const {
    return options_.world == World::hinted || options_.world == World::listed ||
           options_.world == World::meeting_point;
}

std::uint32_t FormationSimulation::size_hint() {
    switch (options_.world) {
        case World::hinted:
        case World::meeting_point:
            return options_.nodes;
        case World::listed:
        case World::lists_meet:
            return 0;
        case World::lists_whole:
            return static_cast<std::uint32_t>(below(2 * options_.nodes));
        case World::sizes_differ:
        case World::mixed:
            break;
    }
    return options_.nodes + static_cast<std::uint32_t>(chance(50) ? 0 : below(options_.nodes + 1));
}

discovery::PeerList FormationSimulation::list_of(const Node& node) {
    discovery::PeerList out;
    const auto add = [&](std::uint16_t port) { out.candidates.push_back({"", "", "host", port}); };
    const bool whole = options_.world == World::hinted || options_.world == World::listed ||
                       options_.world == World::lists_whole ||
                       (options_.world == World::mixed && chance(50));
    for (const auto& other : nodes_) {
        const bool shown =
            whole || other->index == common_ || (other->index == node.index) || chance(50);
        if (shown && !(options_.world == World::sizes_differ && chance(30)))
            for (const std::uint16_t port : other->listed) add(port);
    }
    if (!well_formed())
        for (std::uint64_t i = below(3); i > 0; --i)
            if (chance(50)) add(static_cast<std::uint16_t>(kDeadPort + i));
    if (options_.world == World::listed) out.expected_size = options_.nodes;
    return out;
}

void FormationSimulation::start_node(Node& node) {
    ++node.life;
    node.tick_at = 0;
    node.written_at = 0;
    node.random = std::make_unique<SeededRandom>(random_.next());
    NodeState state = node.disk;
    ++state.starts;
    FormationOptions options;
    options.self = {
        state.id, fmt::format("rabbit@{}", node.index), "host", node.port, state.starts};
    options.size_hint = node.size_hint;
    if (options_.chaos_ms > 0) {
        options.patience_ms = below(options.patience_ms);
        options.attempt_ms = 200 + below(options.attempt_ms);
    }
    node.formation = std::make_unique<Formation>(options, state, *node.random);
    node.formation->start(now_ms_);
    serve(node);
}

void FormationSimulation::crash(Node& node) {
    if (!node.formation) return;
    ++counts_.crashes;
    node.formation.reset();
    ++node.life;
    // Each record replaces the one before, whole: some of them came that far.
    const std::size_t written = below(node.writing.size() + 1);
    if (written != node.writing.size()) ++counts_.torn;
    if (written > 0) node.disk = NodeState::decode(node.writing[written - 1]).value();
    node.writing.clear();
    if (node.disk.cluster) settle(node);
}

void FormationSimulation::serve(Node& node) {
    for (;;) {
        FormationOutput out = node.formation->take();
        if (out.settled) settle(node);
        if (!out.record.empty()) write(node, std::move(out.record), out.ticket);
        for (const auto& [to, message] : out.messages) deliver(node, to, message);
        if (out.list) list(node);
        for (const auto& [link, peer] : out.joins) {
            // What the metadata group does, without its delays.
            if (members_.insert(peer.id).second) ++counts_.joined;
            tell_members();
            node.formation->answer_join(link, {JoinStatus::welcome, {}, {}, {}, {}});
        }
        ASSERT(!out.give_up);
        for (const auto& [level, line] : out.log) {
            if (line.ends_with("its founding goes on")) ++counts_.resumed;
            node.last_line = fmt::format("{} ms: {}", now_ms_, line);
        }
        if (out.joins.empty()) break;
    }
    const std::uint64_t due = std::max(node.formation->deadline_ms(), now_ms_ + 1);
    if (node.tick_at > now_ms_ && node.tick_at <= due) return;
    node.tick_at = due;
    at(due, [this, &node, life = node.life, due] {
        if (node.life != life || node.tick_at != due) return;
        node.formation->tick(now_ms_);
        serve(node);
    });
}

void FormationSimulation::list(Node& node) {
    at(now_ms_ + below(200), [this, &node, life = node.life] {
        if (node.life != life) return;
        const bool unsteady =
            options_.world == World::lists_meet || options_.world == World::sizes_differ;
        if (unsteady && chance(20)) node.list = list_of(node);
        if (chaos_ && chance(20))
            node.formation->list_failed(now_ms_, discovery::transient("it is down"));
        else
            node.formation->listed(now_ms_, node.list);
        serve(node);
    });
}

void FormationSimulation::write(Node& node, Bytes record, std::uint64_t ticket) {
    node.writing.push_back(std::move(record));
    // The worst moments are those in which something is on its way to the disk.
    if (chaos_ && now_ms_ >= quiet_until_ms_ && chance(15)) {
        at(now_ms_ + below(100), [this, &node, life = node.life] {
            if (node.life != life || !chaos_) return;
            crash(node);
            // And nothing else for a while, so that what follows from it can happen.
            quiet_until_ms_ = now_ms_ + below(6000);
            if (chance(70))
                for (const auto& one : nodes_) one->side = static_cast<unsigned>(below(2));
            at(now_ms_ + below(300), [this, &node] {
                if (!node.formation) start_node(node);
            });
        });
    }
    // One after the other.
    node.written_at =
        std::max(node.written_at, now_ms_) + 1 + below(chaos_ && chance(30) ? 1000 : 20);
    at(node.written_at, [this, &node, life = node.life, ticket] {
        if (node.life != life || node.writing.empty()) return;
        // Writes are done in order: this ticket's and all before it.
        node.disk = NodeState::decode(node.writing.front()).value();
        node.writing.erase(node.writing.begin());
        node.formation->persisted(now_ms_, ticket);
        serve(node);
    });
}

void FormationSimulation::deliver(Node& from, const Place& to, const FormationMessage& message) {
    ++counts_.messages;
    const Link out = Link::of(to.link);
    Node* const node = to.link != 0 ? nodes_[out.other].get() : at_port(to.port);
    if (!node) return;
    const Link in{
        from.index, to.link != 0 ? out.dialled : to.port, to.link != 0 && !out.is_dialler};
    const Place place{in.number(), in.is_dialler ? "host" : "", in.dialled};
    const unsigned copies = chaos_ && chance(10) ? 2 : 1;
    for (unsigned i = 0; i < copies; ++i) {
        if (chaos_ && chance(loss_percent_)) {
            ++counts_.lost;
            continue;
        }
        const std::uint64_t delay = 1 + below(!chaos_ ? 5 : chance(10) ? 3000 : 50);
        at(now_ms_ + delay, [this, node, place, bytes = encode_formation(message)] {
            arrive(*node, place, decode_formation(bytes).value());
        });
    }
}

FormationSimulation::Node* FormationSimulation::at_port(std::uint16_t port) {
    const auto index = static_cast<std::size_t>(port - (port < kAliasPort ? kPort : kAliasPort));
    return index < nodes_.size() ? nodes_[index].get() : nullptr;
}

void FormationSimulation::arrive(Node& node, const Place& from, const FormationMessage& message) {
    if (!node.formation) return;
    if (nodes_[Link::of(from.link).other]->side != node.side) {
        ++counts_.lost;
        return;
    }
    node.formation->receive(now_ms_, from, message);
    serve(node);
}

void FormationSimulation::settle(Node& node) {
    const Charter& charter = node.formation ? *node.formation->state().cluster : *node.disk.cluster;
    if (clusters_.insert(charter.cluster.value()).second) {
        ++counts_.clusters;
        founded_ms_ = now_ms_;
        for (const Peer& one : charter.founders) members_.insert(one.id);
    }
    if (clusters_.size() > 1) throw std::runtime_error("two clusters");
    tell_members();
}

void FormationSimulation::tell_members() {
    for (const auto& node : nodes_)
        if (node->formation && node->formation->state().cluster)
            node->formation->set_cluster(*members_.begin(), {members_.begin(), members_.end()});
}

/// One misfortune, and the next one's time.
void FormationSimulation::trouble() {
    if (!chaos_) return;
    at(now_ms_ + 100 + below(2000), [this] { trouble(); });
    if (now_ms_ < quiet_until_ms_) return;
    Node& node = *nodes_[below(nodes_.size())];
    const std::uint64_t kind = below(10);
    if (kind < 5) {
        crash(node);
        at(now_ms_ + below(3000), [this, &node] {
            if (!node.formation) start_node(node);
        });
    } else if (kind < 8) {
        ++counts_.cuts;
        for (const auto& one : nodes_) one->side = static_cast<unsigned>(below(2));
    } else {
        for (const auto& one : nodes_) one->side = 0;
    }
}

bool FormationSimulation::all_in() const {
    return std::ranges::all_of(nodes_, [](const auto& node) {
        return node->formation && node->formation->state().cluster && node->disk.cluster;
    });
}

void FormationSimulation::run() {
    for (const auto& node : nodes_)
        at(now_ms_ + below(chance(50) ? 100 : 5000), [this, &node = *node] {
            if (!node.formation) start_node(node);
        });
    if (options_.chaos_ms > 0) at(now_ms_ + below(1000), [this] { trouble(); });
    const std::uint64_t calm = now_ms_ + options_.chaos_ms;
    at(calm, [this] {
        chaos_ = false;
        for (const auto& node : nodes_) {
            node->side = 0;
            if (!node->formation) start_node(*node);
        }
    });
    // Where nothing must come up, some time is enough to see that nothing does.
    const std::uint64_t end = calm + (well_formed() ? kCalmMs : 15'000);
    while (!events_.empty() && now_ms_ < end && !(now_ms_ > calm && all_in())) {
        Event next = events_.top();
        events_.pop();
        now_ms_ = std::max(now_ms_, next.at);
        next.run();
    }
    if (!well_formed()) return;
    if (all_in()) return;
    std::string states;
    for (const auto& node : nodes_)
        states += fmt::format(
            "\n  node {} {} at {}",
            node->index,
            node->disk.cluster ? "a member" : "blank",
            node->last_line);
    throw std::runtime_error("not all nodes are in the cluster:" + states);
}

}  // namespace lvt::cluster
