// What agreement costs beside the disk (wall and CPU), and one node with its journal on the disk of TMPDIR or /tmp.
#include "cluster/raft/raft_group.h"
#include "storage/journal.h"
#include "storage/posix_fs.h"
#include "storage/record.h"

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace {

using namespace lvt;
using namespace lvt::cluster;

constexpr std::size_t kCommandBytes = 200;

RaftGroup::Options options_of(std::uint64_t id) {
    RaftGroup::Options options;
    options.group = GroupId{1};
    options.self = NodeId{id};
    options.seed = static_cast<std::uint32_t>(id);
    return options;
}

Configuration voters(std::uint64_t count) {
    std::vector<Member> members;
    for (std::uint64_t id = 1; id <= count; ++id) members.push_back({NodeId{id}, Role::voter});
    return Configuration(std::move(members));
}

std::vector<Bytes> commands(std::size_t count) {
    return std::vector<Bytes>(count, Bytes(kCommandBytes, 'x'));
}

/// Nodes whose disk and network take no time.
class Cluster {
public:
    explicit Cluster(std::uint64_t nodes) {
        for (std::uint64_t id = 1; id <= nodes; ++id) {
            groups_.push_back(
                std::make_unique<RaftGroup>(options_of(id), LogStore::bootstrapped(voters(nodes))));
            groups_.back()->start(now_ms_, LogIndex{});
        }
        while (leader() == nullptr) {
            now_ms_ += 10;
            for (auto& group : groups_) group->tick(now_ms_);
            settle();
        }
    }
    RaftGroup* leader() {
        for (auto& group : groups_) {
            if (group->state() == GroupState::leader) return group.get();
        }
        return nullptr;
    }
    void submit(std::size_t count) {
        (void)leader()->submit(now_ms_, commands(count));
        settle();
        for (auto& group : groups_) {
            if (group->wants_snapshot()) group->take_snapshot(now_ms_, group->applied(), "state");
        }
        settle();
    }

private:
    void settle() {
        for (bool busy = true; busy;) {
            busy = false;
            for (auto& group : groups_) {
                GroupOutput out = group->take();
                busy |= !out.messages.empty() || out.ticket != 0;
                benchmark::DoNotOptimize(out.committed.size());
                for (const Outgoing& message : out.messages)
                    groups_[message.to.value() - 1]->receive(
                        now_ms_, *decode_message(message.bytes));
                if (out.ticket != 0) group->persisted(now_ms_, out.ticket);
            }
        }
    }

    std::uint64_t now_ms_ = 1;
    std::vector<std::unique_ptr<RaftGroup>> groups_;
};

void agree_without_disk(benchmark::State& state) {
    Cluster cluster(static_cast<std::uint64_t>(state.range(0)));
    const auto count = static_cast<std::size_t>(state.range(1));
    for (auto _ : state) cluster.submit(count);
    state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(agree_without_disk)->ArgNames({"nodes", "entries"})->ArgsProduct({{1, 3}, {1, 50}});

/// One node; each round waits for its commit to be durable.
void one_node_with_journal(benchmark::State& state) {
    const storage::Path dir =
        std::filesystem::temp_directory_path() / ("leveret-raft-bench-" + std::to_string(getpid()));
    std::filesystem::create_directories(dir);
    {
        storage::PosixFs fs;
        storage::Journal journal(fs, {dir, 64u << 20, 1u << 30, {}});
        (void)journal.open({}, [](auto, auto) -> Result<void> { return {}; });
        std::atomic<std::uint64_t> durable{0};
        journal.start(
            {[&](storage::Lsn lsn) {
                 durable = lsn.value();
                 durable.notify_one();
             },
             [](Error) { std::abort(); }});
        RaftGroup group(options_of(1), LogStore::bootstrapped(voters(1)));
        group.start(1, LogIndex{});
        std::uint64_t lsn = 0;
        const auto write = [&] {
            for (GroupOutput out = group.take(); out.ticket != 0; out = group.take()) {
                storage::RecordWriter record;
                record.group(1, out.record);
                journal.append(storage::Lsn{++lsn}, record.take());
                for (std::uint64_t at = durable; at < lsn; at = durable) durable.wait(at);
                group.persisted(1, out.ticket);
            }
        };
        write();
        for (auto _ : state) {
            (void)group.submit(1, commands(static_cast<std::size_t>(state.range(0))));
            write();
            if (!group.wants_snapshot()) continue;
            group.take_snapshot(1, group.applied(), "state");
            journal.log().recycle(storage::Lsn{lsn});
        }
        (void)journal.close();
    }
    std::filesystem::remove_all(dir);
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(one_node_with_journal)->ArgName("entries")->Arg(1)->Arg(50)->Arg(1000)->UseRealTime();

}  // namespace
