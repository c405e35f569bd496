// Keys and values of what the journal hands over to RocksDB. storage/FORMAT.md draws them.
//
// A chunk holds messages of one lane, in order. A lane is a queue's messages of one priority; those that arrive behind a
// higher seq (large ones, whose pieces took several commits) stand in the late lane beside it, each a chunk of its own, so that the
// chunks of a lane never overlap.
#pragma once

#include "protocol/base/result.h"
#include "storage/types.h"

#include <optional>

namespace lvt::storage {

inline constexpr std::size_t kChunkBytesMax = 64 * 1024;
/// A content for several queues is stored once where its copies would be larger than this together.
inline constexpr std::size_t kSharedBytesMin = 4 * 1024;

struct LaneKey {
    std::uint8_t priority = 0;
    bool late = false;

    auto operator<=>(const LaneKey&) const = default;
};

// Keys.

Bytes chunk_key(QueueUid queue, LaneKey lane, Seq first);
/// The least key of the queue.
Bytes queue_key(QueueUid queue);
/// The least key behind the lane.
Bytes lane_end_key(QueueUid queue, LaneKey lane);

struct ParsedChunkKey {
    QueueUid queue;
    LaneKey lane;
    Seq first = 0;
};
/// Nothing where it is not one.
std::optional<ParsedChunkKey> parse_chunk_key(ByteView key);

/// Where a content stands that is not in its chunk.
struct BodyRef {
    enum class Source : std::uint8_t {
        pieces = 0,  // id = the body id, parts from 0
        shared = 1,  // id = the commit, part = place of the message in it
    };
    Source source = Source::pieces;
    std::uint64_t id = 0;
    std::uint32_t part = 0;

    bool operator==(const BodyRef&) const = default;
};
Bytes body_key(const BodyRef& ref);
/// The least key behind all parts of the body.
Bytes body_end_key(const BodyRef& ref);
std::optional<BodyRef> parse_body_key(ByteView key);

// Values.

struct ChunkMessage {
    Seq seq = 0;
    /// Its priority is the lane's.
    MessageHeader header;
    /// Valid as long as the chunk; empty where `body` is set.
    ByteView content;
    std::optional<BodyRef> body;
    std::uint64_t content_bytes = 0;
};

class ChunkBuilder {
public:
    /// Seqs ascend.
    void add(const ChunkMessage& message);
    bool empty() const { return count_ == 0; }
    std::size_t size() const { return bytes_.size(); }
    Seq first() const { return first_; }
    Seq last() const { return last_; }
    /// The value, and a fresh start.
    Bytes take();

private:
    Bytes bytes_;
    std::uint32_t count_ = 0;
    Seq first_ = 0;
    Seq last_ = 0;
};

class ChunkReader {
public:
    /// `corrupt` or `unsupported` where the header makes no sense. `value` must outlive it.
    static Result<ChunkReader> open(ByteView value, std::uint8_t priority);

    Seq first() const { return first_; }
    Seq last() const { return last_; }
    /// The next message, nothing at the end.
    Result<std::optional<ChunkMessage>> next();

private:
    ByteView rest_;
    std::uint32_t left_ = 0;
    std::uint8_t priority_ = 0;
    Seq first_ = 0;
    Seq last_ = 0;
    Seq at_ = 0;
};

struct BodyPart {
    /// All whose end lets the part go.
    std::vector<Target> targets;
    /// Valid as long as the value.
    ByteView bytes;
};
Bytes encode_body_part(const std::vector<Target>& targets, ByteView bytes);
Result<BodyPart> decode_body_part(ByteView value);

}  // namespace lvt::storage
