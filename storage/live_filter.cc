#include "storage/live_filter.h"

#include "storage/chunk.h"

namespace lvt::storage {
namespace {

/// Where the next chunk or body may be that is not dead; nothing where this one is not.
using SkipUntil = std::optional<Bytes>;

ByteView view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

bool all_dead(const LiveIndex& live, QueueUid queue, ChunkReader chunk) {
    for (;;) {
        const Result<std::optional<ChunkMessage>> message = chunk.next();
        if (message.has_error()) return false;
        if (!message->has_value()) return true;
        if (!live.is_dead({queue, (*message)->seq})) return false;
    }
}

SkipUntil judge_chunk(const LiveIndex& live, ByteView key, ByteView value) {
    const std::optional<ParsedChunkKey> parsed = parse_chunk_key(key);
    if (!parsed) return std::nullopt;
    const QueueUid queue = parsed->queue;
    if (live.is_deleted(queue)) return queue_key(QueueUid{queue.value() + 1});
    const Seq floor = live.floor_of(queue);
    const Result<ChunkReader> chunk = ChunkReader::open(value, parsed->lane.priority);
    if (floor == 0 || chunk.has_error()) return std::nullopt;
    if (chunk->last() < floor && live.is_drained(queue))
        return chunk_key(queue, parsed->lane, floor);
    if (chunk->last() < floor || all_dead(live, queue, *chunk))
        return chunk_key(queue, parsed->lane, parsed->first) + '\0';
    return std::nullopt;
}

SkipUntil judge_body(const LiveIndex& live, ByteView key, ByteView value) {
    const std::optional<BodyRef> ref = parse_body_key(key);
    const Result<BodyPart> part = decode_body_part(value);
    if (!ref || part.has_error() || !live.all_dead(part->targets)) return std::nullopt;
    // All parts of a body have the same targets.
    return body_end_key(*ref);
}

class LiveFilter final : public rocksdb::CompactionFilter {
public:
    LiveFilter(LiveFilterFactory::Of of, std::shared_ptr<const LiveIndex> live)
        : of_(of), live_(std::move(live)) {}

    const char* Name() const override { return "leveret.live"; }
    bool IgnoreSnapshots() const override { return true; }

    // Never kRemove: that one writes a tombstone. Keys are written once, so nothing older can come back.
    Decision FilterV2(
        int, const rocksdb::Slice& key, ValueType, const rocksdb::Slice& value, std::string*,
        std::string* skip_until) const override {
        const bool messages = of_ == LiveFilterFactory::Of::messages;
        SkipUntil until = messages ? judge_chunk(*live_, view(key), view(value))
                                   : judge_body(*live_, view(key), view(value));
        if (!until) return Decision::kKeep;
        *skip_until = std::move(*until);
        return Decision::kRemoveAndSkipUntil;
    }

private:
    LiveFilterFactory::Of of_;
    std::shared_ptr<const LiveIndex> live_;
};

}  // namespace

void LiveFilterFactory::set_live(std::shared_ptr<const LiveIndex> live) {
    const std::lock_guard lock(mutex_);
    live_ = std::move(live);
}

std::unique_ptr<rocksdb::CompactionFilter> LiveFilterFactory::CreateCompactionFilter(
    const rocksdb::CompactionFilter::Context&) {
    const std::lock_guard lock(mutex_);
    if (live_ == nullptr) return nullptr;
    return std::make_unique<LiveFilter>(of_, live_);
}

}  // namespace lvt::storage
