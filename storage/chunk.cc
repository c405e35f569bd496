#include "storage/chunk.h"

#include "protocol/base/assert.h"
#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"

namespace lvt::storage {
namespace {

constexpr std::uint8_t kChunkVersion = 1;
constexpr std::uint8_t kBodyVersion = 1;
constexpr std::size_t kChunkHeaderBytes = 1 + 4 + 8 + 8;
constexpr std::size_t kChunkKeyBytes = 8 + 1 + 1 + 8;
constexpr std::size_t kBodyKeyBytes = 1 + 8 + 4;

constexpr std::uint8_t kFlagExpires = 1;
constexpr std::uint8_t kFlagCounts = 2;
constexpr std::uint8_t kFlagBody = 4;
constexpr std::uint8_t kFlagsKnown = kFlagExpires | kFlagCounts | kFlagBody;

Error corrupt(const char* what) {
    return Error{ErrorKind::corrupt, std::string("the store is damaged: ") + what};
}

Error unsupported(const char* what, std::uint8_t version) {
    return Error{
        ErrorKind::unsupported,
        std::string("the store has ") + what + " of format version " + std::to_string(version) +
            "; this build knows 1"};
}

Bytes lane_key(QueueUid queue, LaneKey lane) {
    Bytes key;
    ByteWriter out(key);
    out.u64(queue.value());
    out.u8(lane.priority);
    out.u8(lane.late ? 1 : 0);
    return key;
}

/// The least string above all that begin with `prefix`; empty where there is none.
Bytes after_prefix(Bytes prefix) {
    while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
    if (!prefix.empty()) prefix.back() = static_cast<char>(prefix.back() + 1);
    return prefix;
}

}  // namespace

Bytes chunk_key(QueueUid queue, LaneKey lane, Seq first) {
    Bytes key = lane_key(queue, lane);
    ByteWriter(key).u64(first);
    return key;
}

Bytes queue_key(QueueUid queue) {
    Bytes key;
    ByteWriter(key).u64(queue.value());
    return key;
}

Bytes lane_end_key(QueueUid queue, LaneKey lane) { return after_prefix(lane_key(queue, lane)); }

std::optional<ParsedChunkKey> parse_chunk_key(ByteView key) {
    if (key.size() != kChunkKeyBytes) return std::nullopt;
    ByteReader in(key);
    ParsedChunkKey parsed;
    parsed.queue = QueueUid{in.u64()};
    parsed.lane.priority = in.u8();
    parsed.lane.late = in.u8() != 0;
    parsed.first = in.u64();
    return parsed;
}

Bytes body_key(const BodyRef& ref) {
    Bytes key;
    ByteWriter out(key);
    out.u8(static_cast<std::uint8_t>(ref.source));
    out.u64(ref.id);
    out.u32(ref.part);
    return key;
}

Bytes body_end_key(const BodyRef& ref) {
    if (ref.source == BodyRef::Source::shared) return body_key(ref) + '\0';
    return after_prefix(body_key(ref).substr(0, 1 + 8));
}

std::optional<BodyRef> parse_body_key(ByteView key) {
    if (key.size() != kBodyKeyBytes || static_cast<unsigned char>(key[0]) > 1) return std::nullopt;
    ByteReader in(key);
    BodyRef ref;
    ref.source = static_cast<BodyRef::Source>(in.u8());
    ref.id = in.u64();
    ref.part = in.u32();
    return ref;
}

void ChunkBuilder::add(const ChunkMessage& message) {
    if (empty()) {
        bytes_.assign(kChunkHeaderBytes, '\0');
        first_ = last_ = message.seq;
    }
    ASSERT(message.seq >= last_ && message.seq - last_ <= 0xffffffffu);
    const MessageHeader& header = message.header;
    std::uint8_t flags = 0;
    if (header.expires_at_ms != 0) flags |= kFlagExpires;
    if ((header.delivery_count | header.return_count) != 0) flags |= kFlagCounts;
    if (message.body) flags |= kFlagBody;
    ByteWriter out(bytes_);
    out.u32(static_cast<std::uint32_t>(message.seq - last_));
    out.u8(flags);
    out.u64(header.published_at_ms);
    if ((flags & kFlagExpires) != 0) out.u64(header.expires_at_ms);
    if ((flags & kFlagCounts) != 0) {
        out.u32(header.delivery_count);
        out.u32(header.return_count);
    }
    if (message.body) {
        out.raw(body_key(*message.body));
        out.u64(message.content_bytes);
    } else {
        out.long_string(message.content);
    }
    last_ = message.seq;
    ++count_;
}

Bytes ChunkBuilder::take() {
    char* to = bytes_.data();
    *to = static_cast<char>(kChunkVersion);
    store_big_endian(to + 1, count_);
    store_big_endian(to + 5, first_);
    store_big_endian(to + 13, last_);
    count_ = 0;
    return std::exchange(bytes_, Bytes());
}

Result<ChunkReader> ChunkReader::open(ByteView value, std::uint8_t priority) {
    ByteReader in(value);
    const std::uint8_t version = in.u8();
    if (in.ok() && version != kChunkVersion) return unsupported("a chunk", version);
    ChunkReader reader;
    reader.priority_ = priority;
    reader.left_ = in.u32();
    reader.first_ = reader.at_ = in.u64();
    reader.last_ = in.u64();
    reader.rest_ = in.rest();
    if (!in.ok() || reader.last_ < reader.first_) return corrupt("a chunk has no header");
    return reader;
}

Result<std::optional<ChunkMessage>> ChunkReader::next() {
    if (left_ == 0) return std::optional<ChunkMessage>();
    ByteReader in(rest_);
    std::optional<ChunkMessage> message(std::in_place);
    message->seq = at_ + in.u32();
    const std::uint8_t flags = in.u8();
    if ((flags & ~kFlagsKnown) != 0) return corrupt("a chunk's message has unknown flags");
    message->header.priority = priority_;
    message->header.published_at_ms = in.u64();
    if ((flags & kFlagExpires) != 0) message->header.expires_at_ms = in.u64();
    if ((flags & kFlagCounts) != 0) {
        message->header.delivery_count = in.u32();
        message->header.return_count = in.u32();
    }
    if ((flags & kFlagBody) != 0) {
        message->body = parse_body_key(in.view(kBodyKeyBytes));
        message->content_bytes = in.u64();
        if (!message->body) return corrupt("a chunk's message refers to no body");
    } else {
        message->content = in.long_string();
        message->content_bytes = message->content.size();
    }
    if (!in.ok()) return corrupt("a chunk ends early");
    at_ = message->seq;
    rest_ = in.rest();
    --left_;
    return message;
}

Bytes encode_body_part(const std::vector<Target>& targets, ByteView bytes) {
    Bytes value;
    value.reserve(5 + 16 * targets.size() + bytes.size());
    ByteWriter out(value);
    out.u8(kBodyVersion);
    out.u32(static_cast<std::uint32_t>(targets.size()));
    for (const Target& target : targets) {
        out.u64(target.queue.value());
        out.u64(target.seq);
    }
    out.raw(bytes);
    return value;
}

Result<BodyPart> decode_body_part(ByteView value) {
    ByteReader in(value);
    const std::uint8_t version = in.u8();
    if (in.ok() && version != kBodyVersion) return unsupported("a body", version);
    const std::size_t count = in.u32();
    if (!in.ok() || count > in.rest().size() / 16) return corrupt("a body has no targets");
    BodyPart part;
    part.targets.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        const QueueUid queue{in.u64()};
        part.targets.push_back({queue, in.u64()});
    }
    part.bytes = in.rest();
    return part;
}

}  // namespace lvt::storage
