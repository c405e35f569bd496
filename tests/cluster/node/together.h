// Members of one metadata group with a perfect network and disk; time goes on by the millisecond.
#pragma once

#include "cluster/node/membership.h"

#include <functional>
#include <map>
#include <memory>

namespace lvt::cluster {

inline Peer peer(std::uint64_t id, std::uint64_t starts = 1) {
    return {
        NodeId{id}, "rabbit@" + std::to_string(id), "h", static_cast<std::uint16_t>(id), starts};
}

class Together {
public:
    void found(std::initializer_list<std::uint64_t> ids) {
        std::vector<Member> members;
        for (const std::uint64_t id : ids) members.push_back({NodeId{id}, Role::voter});
        for (const std::uint64_t id : ids)
            start(id, LogStore::bootstrapped(Configuration(members)));
    }
    void start(std::uint64_t id, LogStore log, std::uint64_t starts = 1) {
        nodes_[id] = std::make_unique<Membership>(
            NodeId{id}, static_cast<std::uint32_t>(id), std::move(log));
        nodes_[id]->start(now_);
        nodes_[id]->note(now_, peer(id, starts));
    }
    void stop(std::uint64_t id) { nodes_.erase(id); }
    Membership& operator[](std::uint64_t id) { return *nodes_.at(id); }

    /// False where it has not come true within a minute.
    bool until(const std::function<bool()>& done) {
        for (int i = 0; i < 60'000; ++i) {
            if (done()) return true;
            ++now_;
            for (const auto& [id, node] : nodes_) node->tick(now_);
            while (step()) {
            }
        }
        return false;
    }
    std::uint64_t leader() const {
        for (const auto& [id, node] : nodes_)
            if (node->leads()) return id;
        return 0;
    }
    std::uint64_t now() const { return now_; }

    std::vector<JoinAnswer> answers;
    /// The first octet of each command, by node.
    std::map<std::uint64_t, Bytes> applied;
    /// So often a node was asked for what commands have made.
    int states = 0;

private:
    bool step() {
        bool any = false;
        for (const auto& [id, node] : nodes_) {
            MembershipOutput out = node->take();
            if (!out.record.empty()) node->persisted(now_, out.ticket);
            for (Outgoing& one : out.messages) {
                const auto to = nodes_.find(one.to.value());
                if (to == nodes_.end()) continue;
                to->second->receive(now_, decode_message(one.bytes).value());
            }
            if (out.installed) applied[id] = Membership::state_of(*out.installed).value();
            for (const auto& [index, proposal] : out.commands) applied[id] += proposal.command[0];
            if (out.wants_state) {
                ++states;
                node->provide_state(now_, *out.wants_state, applied[id]);
            }
            for (auto& [link, answer] : out.answers) answers.push_back(std::move(answer));
            any = any || !out.record.empty() || !out.messages.empty();
        }
        return any;
    }

    std::uint64_t now_ = 1000;
    std::map<std::uint64_t, std::unique_ptr<Membership>> nodes_;
};

}  // namespace lvt::cluster
