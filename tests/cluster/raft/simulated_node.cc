#include "tests/cluster/raft/simulated_node.h"

#include "protocol/base/assert.h"
#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"
#include "storage/crc32c.h"
#include "storage/record.h"

namespace lvt::cluster {
namespace {

const storage::Path kDir = "/journal";
constexpr std::uint64_t kSegmentBytes = 16 * 1024;
constexpr std::uint64_t kJournalBytesMax = 64 * 1024;

}  // namespace

void ReplicaState::apply(const Committed& entry) {
    ASSERT(entry.index == next(index));
    index = entry.index;
    char head[13];
    store_big_endian(head, sum);
    store_big_endian(head + 4, entry.term.value());
    head[12] = static_cast<char>(entry.type);
    sum = storage::crc32c(storage::crc32c(1, {head, sizeof head}), entry.data);
}

Bytes ReplicaState::encode() const {
    Bytes bytes;
    ByteWriter out(bytes);
    out.u64(index.value());
    out.u32(sum);
    return bytes;
}

ReplicaState ReplicaState::decode(ByteView bytes) {
    ByteReader in(bytes);
    const LogIndex index{in.u64()};
    return {index, in.u32()};
}

void SimulatedNode::open_journal() {
    ASSERT(fs_.make_directory(kDir).has_value());
    journal_ = std::make_unique<storage::SegmentLog>(
        fs_, storage::SegmentLogOptions{kDir, kSegmentBytes, kJournalBytesMax, {}});
}

void SimulatedNode::bootstrap(const Configuration& configuration) {
    open_journal();
    ASSERT(journal_->open({}, [](auto, auto) -> Result<void> { return {}; }).has_value());
    LogStore log = LogStore::bootstrapped(configuration);
    record(log.take_record(), 0);
    (void)write();
    (void)sync();
    queued_.clear();
    journal_.reset();
}

void SimulatedNode::boot(std::uint64_t now_ms, bool keep_state) {
    open_journal();
    LogStore log;
    const auto visit = [&](storage::Lsn, ByteView payload) -> Result<void> {
        return storage::for_each_entry(payload, [&](const storage::RecordEntry& entry) {
            const auto* group = std::get_if<storage::GroupEntry>(&entry);
            return group == nullptr ? Result<void>() : log.replay(group->record);
        });
    };
    const Result<storage::Lsn> last = journal_->open(retired_, visit);
    ASSERT(last.has_value() && *last >= synced_ && log.finish_replay().has_value());
    last_ = *last;
    synced_ = *last;
    if (!keep_state || state_.index < log.snapshot_index()) {
        state_ = log.snapshot() ? ReplicaState::decode(log.snapshot()->state) : ReplicaState();
    }
    ++incarnation_;
    group_ = std::make_unique<RaftGroup>(options_, std::move(log));
    group_->start(now_ms, state_.index);
}

void SimulatedNode::crash(storage::FaultyFs::Survival survival, std::uint64_t seed) {
    group_.reset();
    journal_.reset();
    fs_.restart(survival, seed);
    queued_.clear();
    in_flight_.clear();
    checkpoint_next_ = false;
}

void SimulatedNode::record(Bytes record, std::uint64_t ticket) {
    storage::RecordWriter writer;
    writer.group(options_.group.value(), record);
    last_ = storage::Lsn{last_.value() + 1};
    queued_.push_back({{last_, writer.take()}, ticket, std::exchange(checkpoint_next_, false)});
}

bool SimulatedNode::write() {
    if (queued_.empty() || writing()) return false;
    in_flight_.swap(queued_);
    std::vector<storage::SegmentLog::Commit> commits;
    for (const Ticketed& one : in_flight_) commits.push_back(one.commit);
    ASSERT(journal_->write(commits, synced_).has_value());
    return true;
}

std::uint64_t SimulatedNode::sync() {
    ASSERT(journal_->sync().has_value());
    synced_ = in_flight_.back().commit.lsn;
    for (const Ticketed& one : in_flight_) {
        if (!one.checkpoint) continue;
        retired_ = storage::Lsn{one.commit.lsn.value() - 1};
        journal_->recycle(retired_);
    }
    const std::uint64_t ticket = in_flight_.back().ticket;
    in_flight_.clear();
    return ticket;
}

void SimulatedNode::keep_journal_short(bool now) {
    if (checkpoint_next_ || (!now && !journal_->target_of_retirement())) return;
    group_->checkpoint();
    checkpoint_next_ = true;
}

}  // namespace lvt::cluster
