// Joining where an operator says, leaving, and who is there.
#include "cluster/node/formation.h"
#include "protocol/base/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace lvt::cluster {
namespace {

/// A member that missed so many greetings is not there.
constexpr std::uint64_t kFreshGreetings = 5;

}  // namespace

void Formation::join(std::uint64_t now_ms, std::string host, std::uint16_t port) {
    ASSERT(!state_.cluster);
    now_ms_ = now_ms;
    attempt_.reset();
    join_at_ = Address{std::move(host), port ? port : options_.default_port};
    next_hello_ms_ = now_ms;
}

void Formation::ask_to_remove(const Peer& leader, NodeId node) {
    if (state_.cluster && !state_.removed)
        send({0, leader.host, leader.port}, Remove{state_.cluster->cluster, node});
}

void Formation::answer_remove(std::uint64_t link, NodeId node, RemoveStatus status) {
    reply(link, RemoveAnswer{state_.cluster->cluster, node, status});
}

void Formation::on(std::uint64_t, std::uint64_t link, const Peer& from, const Remove& body) {
    if (!state_.cluster || settled_ticket_ != 0 || body.cluster != state_.cluster->cluster) return;
    output_.removals.push_back({link, from.id, body.node});
}

void Formation::on(std::uint64_t, std::uint64_t, const Peer& from, const RemoveAnswer& body) {
    if (!state_.cluster || body.cluster != state_.cluster->cluster) return;
    if (body.node == state_.id && body.status == RemoveStatus::done) {
        log(LogLevel::info, fmt::format("{} says that this node was removed", from.name));
        return leave();
    }
    output_.remove_answers.push_back(body);
}

void Formation::leave() {
    if (state_.removed) return;
    state_.removed = true;
    removed_ticket_ = persist();
}

std::uint64_t Formation::member_window_ms() const {
    // Members greet seldom.
    return std::max(options_.fresh_ms, kFreshGreetings * options_.member_hello_interval_ms);
}

bool Formation::is_fresh(NodeId id) const {
    const auto seen = seen_.find(id);
    return id == state_.id || (seen != seen_.end() && seen->second.answered_ms != 0 &&
                               seen->second.answered_ms + member_window_ms() >= now_ms_);
}

bool Formation::is_heard(NodeId id) const {
    const auto seen = seen_.find(id);
    return id == state_.id || (seen != seen_.end() && seen->second.heard_ms != 0 &&
                               seen->second.heard_ms + member_window_ms() >= now_ms_);
}

std::optional<std::vector<NodeId>> Formation::heard_by(NodeId id) const {
    const auto seen = seen_.find(id);
    const bool ours = seen != seen_.end() && seen->second.cluster && state_.cluster &&
                      seen->second.cluster->cluster == state_.cluster->cluster;
    if (!ours || !is_heard(id)) return std::nullopt;
    return seen->second.heard;
}

Bytes Formation::facts_of(NodeId id) const {
    if (id == state_.id) return facts_;
    const auto seen = seen_.find(id);
    return seen == seen_.end() ? Bytes() : seen->second.facts;
}

std::optional<NodeId> Formation::member_at(const discovery::Candidate& candidate) const {
    if (is_self(candidate)) return state_.id;
    if (!candidate.id.empty()) {
        std::uint64_t id = 0;
        const char* const end = candidate.id.data() + candidate.id.size();
        const auto parsed = std::from_chars(candidate.id.data(), end, id, 16);
        if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
        return NodeId{id};
    }
    // Names and addresses pass from one node to another: only who has answered there lately is known for it.
    return who_answers(address_of(candidate), member_window_ms());
}

std::pair<std::string, std::uint16_t> Formation::dialled_at(
    const discovery::Candidate& candidate) const {
    const Address address = address_of(candidate);
    return {address.host, address.port};
}

}  // namespace lvt::cluster
