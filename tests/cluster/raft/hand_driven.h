// One node of a group in a test's hand: peers are what the test says.
#pragma once

#include "cluster/raft/raft_group.h"

#include <gtest/gtest.h>

namespace lvt::cluster {

inline const GroupId kTestGroup{1};

inline Configuration voters(std::initializer_list<std::uint64_t> ids) {
    std::vector<Member> members;
    for (const std::uint64_t id : ids) members.push_back({NodeId{id}, Role::voter});
    return Configuration(std::move(members));
}

class HandDriven {
public:
    explicit HandDriven(std::uint64_t self, LogStore log = {}) : self_(self) {
        if (log.dirty()) durable_.push_back(log.take_record());
        boot(std::move(log));
    }

    RaftGroup& group() { return *group_; }
    NodeId self() const { return NodeId{self_}; }
    /// What was handed out to be applied since the boot.
    std::vector<std::pair<std::uint64_t, Bytes>> applied;
    std::shared_ptr<const Snapshot> installed;
    /// Decoded, not yet taken by the test.
    std::vector<Message> sent;
    std::uint64_t now_ms = 1000;

    /// Disk writes are durable at once from now on, or when persist() says so.
    void automatic(bool on) { automatic_ = on; }

    template <class Body>
    void receive(std::uint64_t from, std::uint64_t term, Body body, EngineWords words = {2, 1, 0}) {
        Message message{kTestGroup, NodeId{from}, self(), Term{term}, words, std::move(body)};
        group_->receive(now_ms, *decode_message(encode_message(message)));
        pump();
    }
    void persist() {
        while (!pending_.empty()) {
            const auto [ticket, record] = pending_.front();
            pending_.erase(pending_.begin());
            durable_.push_back(record);
            group_->persisted(now_ms, ticket);
            collect();
        }
    }
    /// What was not durable is gone.
    void restart() {
        pending_.clear();
        sent.clear();
        applied.clear();
        LogStore log;
        for (const Bytes& record : durable_) ASSERT_TRUE(log.replay(record).has_value());
        ASSERT_TRUE(log.finish_replay().has_value());
        boot(std::move(log));
    }
    void wait(std::uint64_t ms) {
        for (const std::uint64_t end = now_ms + ms; now_ms < end; now_ms += 10) {
            group_->tick(now_ms);
            pump();
        }
    }
    /// Has all of `ids` grant what it asks for until it leads.
    void elect(std::initializer_list<std::uint64_t> ids) {
        for (int i = 0; i < 500 && group_->state() != GroupState::leader; ++i) {
            wait(10);
            for (const Message& ask : take<RequestVote>()) {
                const bool pre_vote = std::get<RequestVote>(ask.body).pre_vote;
                for (const std::uint64_t id : ids) {
                    if (ask.to.value() == id && group_->state() == GroupState::candidate)
                        receive(id, ask.term.value(), RequestVoteResult{true, pre_vote});
                }
            }
        }
        ASSERT_EQ(group_->state(), GroupState::leader);
    }
    /// `id` has taken everything.
    void accept(std::uint64_t id) {
        receive(id, group_->term().value(), AppendEntriesResult{LogIndex{}, group_->log().last()});
    }
    /// Messages of one kind, in order; the others are dropped.
    template <class Body>
    std::vector<Message> take() {
        std::vector<Message> found;
        for (Message& message : std::exchange(sent, {})) {
            if (std::holds_alternative<Body>(message.body)) found.push_back(std::move(message));
        }
        return found;
    }
    void pump() {
        collect();
        if (automatic_) persist();
    }

private:
    void boot(LogStore log) {
        RaftGroup::Options options;
        options.group = kTestGroup;
        options.self = self();
        options.seed = static_cast<std::uint32_t>(self_);
        options.election_timeout_ms = 100;
        options.heartbeat_ms = 20;
        options.install_snapshot_timeout_ms = 200;
        options.trailing_bytes = 0;
        const LogIndex applied_index = log.snapshot_index();
        group_ = std::make_unique<RaftGroup>(options, std::move(log));
        group_->start(now_ms, applied_index);
        pump();
    }
    void collect() {
        GroupOutput out = group_->take();
        for (const Outgoing& message : out.messages) sent.push_back(*decode_message(message.bytes));
        if (out.installed) installed = out.installed;
        for (const Committed& entry : out.committed)
            applied.emplace_back(entry.index.value(), entry.data);
        if (!out.record.empty()) pending_.emplace_back(out.ticket, std::move(out.record));
    }

    std::uint64_t self_;
    bool automatic_ = true;
    std::unique_ptr<RaftGroup> group_;
    std::vector<Bytes> durable_;
    std::vector<std::pair<std::uint64_t, Bytes>> pending_;
};

inline Entry command(std::uint64_t term, Bytes data) {
    return {Term{term}, EntryType::command, std::move(data)};
}
inline Entry change(std::uint64_t term, const Configuration& configuration) {
    return {Term{term}, EntryType::change, configuration.encode()};
}

/// Entries behind `previous`, with the check sum that a sender with `log` in common has.
inline AppendEntries append(
    const LogStore& log, std::uint64_t previous, std::uint64_t commit, std::vector<Entry> entries) {
    AppendEntries body;
    body.previous = LogIndex{previous};
    body.previous_term = log.term_of(body.previous).value_or(Term{});
    body.chain = log.chain_of(body.previous).value_or(0);
    body.commit = LogIndex{commit};
    body.entries = std::move(entries);
    return body;
}

}  // namespace lvt::cluster
