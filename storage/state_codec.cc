#include "storage/state_codec.h"

#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"

#include <algorithm>

namespace lvt::storage {
namespace {

constexpr std::uint8_t kStateVersion = 1;
constexpr std::uint8_t kFlagDeleted = 1;
constexpr std::uint8_t kFlagBodies = 2;
constexpr std::uint8_t kFlagDelivering = 4;

void append_runs(ByteWriter& out, const std::vector<SeqRun>& runs) {
    out.u32(static_cast<std::uint32_t>(runs.size()));
    for (const SeqRun& run : runs) {
        out.u64(run.first);
        out.u64(run.count);
    }
}

void read_runs(ByteReader& in, std::vector<SeqRun>& runs) {
    const std::size_t count = in.u32();
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        const Seq first = in.u64();
        runs.push_back({first, in.u64()});
    }
}

auto find_lane(std::vector<StoredLanes::Lane>& lanes, LaneKey key) {
    return std::lower_bound(
        lanes.begin(), lanes.end(), key, [](const StoredLanes::Lane& lane, LaneKey wanted) {
            return lane.key < wanted;
        });
}

}  // namespace

Seq StoredLanes::high(LaneKey key) const {
    for (const Lane& lane : lanes) {
        if (lane.key == key) return lane.high;
    }
    return 0;
}

void StoredLanes::raise(LaneKey key, Seq high) {
    auto at = find_lane(lanes, key);
    if (at == lanes.end() || at->key != key) at = lanes.insert(at, Lane{key, 0});
    at->high = std::max(at->high, high);
}

Bytes encode_stored_queue(const StoredQueue& queue) {
    const QueueState& state = queue.state;
    Bytes value;
    ByteWriter out(value);
    out.u8(kStateVersion);
    out.u8(static_cast<std::uint8_t>(
        (queue.deleted ? kFlagDeleted : 0) | (queue.lanes.bodies ? kFlagBodies : 0) |
        (state.delivering ? kFlagDelivering : 0)));
    out.u32(static_cast<std::uint32_t>(queue.lanes.lanes.size()));
    for (const StoredLanes::Lane& lane : queue.lanes.lanes) {
        out.u8(lane.key.priority);
        out.u8(lane.key.late ? 1 : 0);
        out.u64(lane.high);
    }
    out.u64(state.next_seq);
    out.u64(state.floor);
    out.u64(state.live_messages);
    out.u64(state.live_bytes);
    append_runs(out, state.settled);
    append_runs(out, state.delivered);
    out.u32(static_cast<std::uint32_t>(state.counts.size()));
    for (const QueueState::Counts& counts : state.counts) {
        out.u64(counts.seq);
        out.u32(counts.delivery_count);
        out.u32(counts.return_count);
    }
    return value;
}

Result<StoredQueue> decode_stored_queue(QueueUid queue, ByteView value) {
    ByteReader in(value);
    const std::uint8_t version = in.u8();
    if (in.ok() && version != kStateVersion) {
        return Error{
            ErrorKind::unsupported,
            "the store has a queue's state of format version " + std::to_string(version) +
                "; this build knows 1"};
    }
    StoredQueue out;
    QueueState& state = out.state;
    state.queue = queue;
    const std::uint8_t flags = in.u8();
    out.deleted = (flags & kFlagDeleted) != 0;
    out.lanes.bodies = (flags & kFlagBodies) != 0;
    state.delivering = (flags & kFlagDelivering) != 0;
    const std::size_t lanes = in.u32();
    for (std::size_t i = 0; i < lanes && in.ok(); ++i) {
        LaneKey key;
        key.priority = in.u8();
        key.late = in.u8() != 0;
        out.lanes.lanes.push_back({key, in.u64()});
    }
    state.next_seq = in.u64();
    state.floor = in.u64();
    state.live_messages = in.u64();
    state.live_bytes = in.u64();
    read_runs(in, state.settled);
    read_runs(in, state.delivered);
    const std::size_t counts = in.u32();
    for (std::size_t i = 0; i < counts && in.ok(); ++i) {
        const Seq seq = in.u64();
        const std::uint32_t delivery_count = in.u32();
        state.counts.push_back({seq, delivery_count, in.u32()});
    }
    if (in.ok() && in.done()) return out;
    return Error{
        ErrorKind::corrupt,
        "the store is damaged: the state of queue " + std::to_string(queue.value())};
}

}  // namespace lvt::storage
