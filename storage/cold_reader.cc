#include "storage/cold_reader.h"

#include "storage/piece_collector.h"

#include <algorithm>

namespace lvt::storage {
namespace {

/// One lane's messages from a seq on.
class LaneReader {
public:
    LaneReader(ChunkDb& db, QueueUid queue, LaneKey lane)
        : queue_(queue),
          lane_(lane),
          cursor_(db.scan(
              ChunkDb::Space::messages, chunk_key(queue, lane, 0), lane_end_key(queue, lane))) {}

    /// To the first message that is not below `from`.
    Result<void> start(Seq from) {
        // The chunk that holds it may begin before it.
        cursor_->seek_back(chunk_key(queue_, lane_, from));
        if (!cursor_->valid()) cursor_->seek(chunk_key(queue_, lane_, 0));
        LVT_TRY(open_chunk());
        while (current_ && current_->seq < from) LVT_TRY(next());
        return {};
    }

    const std::optional<ChunkMessage>& current() const { return current_; }

    Result<void> next() {
        Result<std::optional<ChunkMessage>> message = chunk_->next();
        if (message.has_error()) return std::move(message).error();
        current_ = *message;
        if (current_) return {};
        cursor_->next();
        return open_chunk();
    }

private:
    Result<void> open_chunk() {
        current_.reset();
        for (; cursor_->valid(); cursor_->next()) {
            const Result<ChunkReader> chunk = ChunkReader::open(cursor_->value(), lane_.priority);
            if (chunk.has_error()) return chunk.error();
            chunk_.emplace(*chunk);
            const Result<std::optional<ChunkMessage>> message = chunk_->next();
            if (message.has_error()) return message.error();
            current_ = *message;
            if (current_) return {};
        }
        return cursor_->status();
    }

    QueueUid queue_;
    LaneKey lane_;
    std::unique_ptr<ChunkDb::Cursor> cursor_;
    std::optional<ChunkReader> chunk_;
    std::optional<ChunkMessage> current_;
};

Error content_missing(const ColdRead& read, Seq seq) {
    return Error{
        ErrorKind::corrupt,
        "the store is damaged: the content of message " + std::to_string(seq) + " of queue " +
            std::to_string(read.queue.value()) + " is missing"};
}

}  // namespace

Result<std::optional<Bytes>> read_body(ChunkDb& db, const BodyRef& ref, std::uint64_t bytes) {
    Bytes content;
    content.reserve(bytes);
    const auto cursor = db.scan(ChunkDb::Space::bodies, body_key(ref), body_end_key(ref));
    std::uint32_t part = ref.part;
    for (cursor->seek(body_key(ref)); cursor->valid(); cursor->next(), ++part) {
        const std::optional<BodyRef> at = parse_body_key(cursor->key());
        if (!at || at->part != part) break;
        const Result<BodyPart> body = decode_body_part(cursor->value());
        if (body.has_error()) return body.error();
        content.append(body->bytes);
    }
    LVT_TRY(cursor->status());
    if (content.size() != bytes) return std::optional<Bytes>();
    return std::optional<Bytes>(std::move(content));
}

Result<ColdBatch> read_cold(
    ChunkDb& db, const StoredLanes& lanes, const ColdRead& read,
    const std::function<std::shared_ptr<const LiveIndex>()>& live) {
    ColdBatch batch{read.queue, read.from, {}, read.to};
    std::vector<LaneReader> readers;
    for (const StoredLanes::Lane& lane : lanes.lanes) {
        if (lane.high < read.from) continue;
        readers.emplace_back(db, read.queue, lane.key);
        LVT_TRY(readers.back().start(read.from));
    }
    std::shared_ptr<const LiveIndex> index = live();
    std::size_t bytes = 0;
    for (;;) {
        LaneReader* least = nullptr;
        for (LaneReader& reader : readers) {
            if (!reader.current() || reader.current()->seq >= read.to) continue;
            if (least == nullptr || reader.current()->seq < least->current()->seq) least = &reader;
        }
        if (least == nullptr) return batch;
        const ChunkMessage& message = *least->current();
        if (bytes >= read.bytes_max && !batch.messages.empty()) {
            batch.covered = message.seq;
            return batch;
        }
        const Target target{read.queue, message.seq};
        if (!index->is_dead(target)) {
            std::optional<Bytes> content;
            if (message.body) {
                Result<std::optional<Bytes>> body =
                    read_body(db, *message.body, message.content_bytes);
                if (body.has_error()) return std::move(body).error();
                content = std::move(*body);
                // It may have died since.
                index = live();
                if (!content && !index->is_dead(target)) return content_missing(read, message.seq);
            } else {
                content.emplace(message.content);
            }
            if (content) {
                bytes += content->size();
                batch.messages.push_back({message.seq, message.header, std::move(*content)});
            }
        }
        LVT_TRY(least->next());
    }
}

}  // namespace lvt::storage
