#include "cluster/node/departures.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace lvt::cluster {
namespace {

constexpr std::uint64_t kAskIntervalMs = 200;

}  // namespace

void Departures::ask(std::uint64_t now_ms, NodeId node, std::uint64_t within_ms, Done done) {
    requests_.emplace(node, Request{now_ms, now_ms + within_ms, std::move(done)});
}

void Departures::tick(std::uint64_t now_ms, const Ask& ask) {
    std::vector<Done> late;
    std::vector<NodeId> due;
    for (auto at = requests_.begin(); at != requests_.end();) {
        auto& [node, request] = *at;
        if (now_ms >= request.ends_ms) {
            late.push_back(std::move(request.done));
            at = requests_.erase(at);
            continue;
        }
        if (now_ms >= request.next_ms) {
            request.next_ms = now_ms + kAskIntervalMs;
            due.push_back(node);
        }
        ++at;
    }
    for (const Done& done : late) done(Departed::no_leader);
    // The answer may come at once.
    for (const NodeId node : due) ask(node);
}

void Departures::answered(NodeId node, RemoveStatus status) {
    switch (status) {
        case RemoveStatus::done:
            return finish(node, Departed::done);
        case RemoveStatus::unknown:
            return finish(node, Departed::unknown);
        case RemoveStatus::running:
            return finish(node, Departed::running);
        case RemoveStatus::minority:
            return finish(node, Departed::minority);
        case RemoveStatus::later:
        case RemoveStatus::not_leader:
            return;
    }
}

void Departures::finish(NodeId node, Departed how) {
    std::vector<Done> waiting;
    const auto [begin, end] = requests_.equal_range(node);
    for (auto at = begin; at != end; ++at) waiting.push_back(std::move(at->second.done));
    requests_.erase(begin, end);
    for (const Done& done : waiting) done(how);
}

std::uint64_t Departures::deadline_ms() const {
    std::uint64_t due = std::numeric_limits<std::uint64_t>::max();
    for (const auto& [node, request] : requests_)
        due = std::min({due, request.next_ms, request.ends_ms});
    return due;
}

}  // namespace lvt::cluster
