#include "storage/record.h"

#include "protocol/base/assert.h"
#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"

#include <algorithm>
#include <cstring>

// storage/FORMAT.md draws these bytes; the numbers are frozen on disk.

namespace lvt::storage {
namespace {

constexpr std::uint8_t kRecordVersion = 1;

enum class EntryType : std::uint8_t {
    message = 1,
    piece = 2,
    settled = 3,
    floor = 4,
    counts = 5,
    delivering = 6,
    delivered_at_stop = 7,
    metadata = 8,
    group = 9,
};

constexpr std::uint8_t kFlagExpires = 1;
constexpr std::uint8_t kFlagCounts = 2;
constexpr std::uint8_t kFlagInPieces = 4;
constexpr std::uint8_t kFlagsKnown = kFlagExpires | kFlagCounts | kFlagInPieces;

/// In the one octet for the number of targets: the number follows in four.
constexpr std::uint8_t kManyTargets = 255;

/// Room for everything of a message but its targets and content.
constexpr std::size_t kMessageFixedMax = 16 + 8 + 8 + 4;

void append_targets(ByteWriter& out, std::span<const Target> targets) {
    for (const Target& target : targets) {
        char octets[16];
        store_big_endian(octets, target.queue.value());
        store_big_endian(octets + 8, target.seq);
        out.raw({octets, sizeof octets});
    }
}

void append_runs(ByteWriter& out, std::span<const SeqRun> runs) {
    out.u32(static_cast<std::uint32_t>(runs.size()));
    for (const SeqRun& run : runs) {
        out.u64(run.first);
        out.u64(run.count);
    }
}

/// The fixed part of a message entry, built on the stack; answers its size.
std::size_t store_message_start(
    char* to, std::uint8_t flags, const MessageHeader& header, std::size_t targets,
    std::size_t content_bytes) {
    if (header.expires_at_ms != 0) flags |= kFlagExpires;
    if ((header.delivery_count | header.return_count) != 0) flags |= kFlagCounts;
    char* at = to;
    *at++ = static_cast<char>(EntryType::message);
    *at++ = static_cast<char>(flags);
    *at++ = static_cast<char>(header.priority);
    *at++ = static_cast<char>(targets < kManyTargets ? targets : kManyTargets);
    store_big_endian(at, static_cast<std::uint32_t>(content_bytes));
    store_big_endian(at + 4, header.published_at_ms);
    at += 12;
    if ((flags & kFlagExpires) != 0) {
        store_big_endian(at, header.expires_at_ms);
        at += 8;
    }
    if ((flags & kFlagCounts) != 0) {
        store_big_endian(at, header.delivery_count);
        store_big_endian(at + 4, header.return_count);
        at += 8;
    }
    if (targets >= kManyTargets) {
        store_big_endian(at, static_cast<std::uint32_t>(targets));
        at += 4;
    }
    return static_cast<std::size_t>(at - to);
}

Error corrupt(const char* what) {
    return Error{ErrorKind::corrupt, std::string("a commit's record is damaged: ") + what};
}

bool read_targets(ByteReader& in, std::size_t count, std::vector<Target>& out) {
    if (count > in.rest().size() / 16) return false;
    out.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        const QueueUid queue{in.u64()};
        out.push_back({queue, in.u64()});
    }
    return in.ok();
}

bool read_runs(ByteReader& in, std::vector<SeqRun>& out) {
    const std::size_t count = in.u32();
    if (count > in.rest().size() / 16) return false;
    out.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        const Seq first = in.u64();
        out.push_back({first, in.u64()});
        if (out.back().end() < first) return false;
    }
    return in.ok();
}

bool read_message(ByteReader& in, MessageEntry& out) {
    const std::uint8_t flags = in.u8();
    if ((flags & ~kFlagsKnown) != 0) return false;
    out.header.priority = in.u8();
    std::size_t targets = in.u8();
    const std::size_t content_bytes = in.u32();
    out.header.published_at_ms = in.u64();
    if ((flags & kFlagExpires) != 0) out.header.expires_at_ms = in.u64();
    if ((flags & kFlagCounts) != 0) {
        out.header.delivery_count = in.u32();
        out.header.return_count = in.u32();
    }
    if (targets == kManyTargets) targets = in.u32();
    if (!in.ok() || !read_targets(in, targets, out.targets)) return false;
    if ((flags & kFlagInPieces) != 0) {
        out.body_id = in.u64();
        out.content_bytes = in.u64();
        if (out.body_id == 0) return false;
    }
    out.content = in.view(content_bytes);
    if ((flags & kFlagInPieces) == 0) out.content_bytes = out.content.size();
    return in.ok();
}

bool read_piece(ByteReader& in, PieceEntry& out) {
    const std::size_t targets = in.u32();
    if (!in.ok() || !read_targets(in, targets, out.targets)) return false;
    out.body_id = in.u64();
    out.part = in.u32();
    out.bytes = in.long_string();
    return in.ok() && out.body_id != 0;
}

}  // namespace

RecordWriter::RecordWriter() { bytes_.push_back(static_cast<char>(kRecordVersion)); }

void RecordWriter::message(
    std::span<const Target> targets, const MessageHeader& header, ByteView head, ByteView tail) {
    ASSERT(head.size() + tail.size() <= kPieceBytes);
    char start[kMessageFixedMax + 16];
    std::size_t size =
        store_message_start(start, 0, header, targets.size(), head.size() + tail.size());
    ByteWriter out(bytes_);
    if (targets.size() == 1) {
        store_big_endian(start + size, targets[0].queue.value());
        store_big_endian(start + size + 8, targets[0].seq);
        size += 16;
        out.raw({start, size});
    } else {
        out.raw({start, size});
        append_targets(out, targets);
    }
    out.raw(head);
    out.raw(tail);
    ++entries_;
}

void RecordWriter::message_in_pieces(
    std::span<const Target> targets, const MessageHeader& header, std::uint64_t body_id,
    std::uint64_t content_bytes) {
    ASSERT(body_id != 0);
    char start[kMessageFixedMax];
    const std::size_t size = store_message_start(start, kFlagInPieces, header, targets.size(), 0);
    ByteWriter out(bytes_);
    out.raw({start, size});
    append_targets(out, targets);
    out.u64(body_id);
    out.u64(content_bytes);
    ++entries_;
}

void RecordWriter::piece(
    std::span<const Target> targets, std::uint64_t body_id, std::uint32_t part, ByteView bytes) {
    ASSERT(body_id != 0 && bytes.size() <= kPieceBytes);
    ByteWriter out(bytes_);
    out.u8(static_cast<std::uint8_t>(EntryType::piece));
    out.u32(static_cast<std::uint32_t>(targets.size()));
    append_targets(out, targets);
    out.u64(body_id);
    out.u32(part);
    out.long_string(bytes);
    ++entries_;
}

void RecordWriter::settled(QueueUid queue, std::span<const SeqRun> runs) {
    ByteWriter out(bytes_);
    out.u8(static_cast<std::uint8_t>(EntryType::settled));
    out.u64(queue.value());
    append_runs(out, runs);
    ++entries_;
}

void RecordWriter::floor(QueueUid queue, Seq floor) {
    ByteWriter out(bytes_);
    out.u8(static_cast<std::uint8_t>(EntryType::floor));
    out.u64(queue.value());
    out.u64(floor);
    ++entries_;
}

void RecordWriter::counts(
    QueueUid queue, Seq seq, std::uint32_t delivery_count, std::uint32_t return_count) {
    ByteWriter out(bytes_);
    out.u8(static_cast<std::uint8_t>(EntryType::counts));
    out.u64(queue.value());
    out.u64(seq);
    out.u32(delivery_count);
    out.u32(return_count);
    ++entries_;
}

void RecordWriter::delivering(QueueUid queue) {
    ByteWriter out(bytes_);
    out.u8(static_cast<std::uint8_t>(EntryType::delivering));
    out.u64(queue.value());
    ++entries_;
}

void RecordWriter::delivered_at_stop(QueueUid queue, std::span<const SeqRun> runs) {
    ByteWriter out(bytes_);
    out.u8(static_cast<std::uint8_t>(EntryType::delivered_at_stop));
    out.u64(queue.value());
    append_runs(out, runs);
    ++entries_;
}

void RecordWriter::metadata(std::uint64_t version, ByteView command) {
    ByteWriter out(bytes_);
    out.u8(static_cast<std::uint8_t>(EntryType::metadata));
    out.u64(version);
    out.long_string(command);
    ++entries_;
}

void RecordWriter::group(std::uint64_t group, ByteView record) {
    ByteWriter out(bytes_);
    out.u8(static_cast<std::uint8_t>(EntryType::group));
    out.u64(group);
    out.long_string(record);
    ++entries_;
}

bool RecordWriter::empty() const { return entries_ == 0; }

Bytes RecordWriter::take() {
    Bytes out = std::move(bytes_);
    bytes_ = Bytes();
    bytes_.push_back(static_cast<char>(kRecordVersion));
    entries_ = 0;
    return out;
}

RecordReader::RecordReader(ByteView payload) : rest_(payload) {}

Result<std::optional<RecordEntry>> RecordReader::next() {
    ByteReader in(rest_);
    if (!started_) {
        const std::uint8_t version = in.u8();
        if (!in.ok()) return corrupt("it is empty");
        if (version != kRecordVersion) {
            return Error{
                ErrorKind::unsupported,
                "a commit's record has format version " + std::to_string(version) +
                    "; this build knows 1"};
        }
        started_ = true;
    }
    if (in.done()) {
        rest_ = {};
        return std::optional<RecordEntry>();
    }
    std::optional<RecordEntry> entry;
    bool good = true;
    switch (static_cast<EntryType>(in.u8())) {
        case EntryType::message:
            good = read_message(in, std::get<MessageEntry>(entry.emplace(MessageEntry{})));
            break;
        case EntryType::piece:
            good = read_piece(in, std::get<PieceEntry>(entry.emplace(PieceEntry{})));
            break;
        case EntryType::settled: {
            SettledEntry settled{QueueUid{in.u64()}, {}};
            good = read_runs(in, settled.runs);
            entry = std::move(settled);
            break;
        }
        case EntryType::floor: {
            const QueueUid queue{in.u64()};
            entry = FloorEntry{queue, in.u64()};
            break;
        }
        case EntryType::counts: {
            CountsEntry counts{QueueUid{in.u64()}};
            counts.seq = in.u64();
            counts.delivery_count = in.u32();
            counts.return_count = in.u32();
            entry = counts;
            break;
        }
        case EntryType::delivering:
            entry = DeliveringEntry{QueueUid{in.u64()}};
            break;
        case EntryType::delivered_at_stop: {
            DeliveredAtStopEntry delivered{QueueUid{in.u64()}, {}};
            good = read_runs(in, delivered.runs);
            entry = std::move(delivered);
            break;
        }
        case EntryType::metadata: {
            const std::uint64_t version = in.u64();
            entry = MetadataEntry{version, in.long_string()};
            break;
        }
        case EntryType::group:
            entry = GroupEntry{in.u64(), in.long_string()};
            break;
        default:
            return corrupt("an entry is of an unknown type");
    }
    if (!good || !in.ok()) return corrupt("an entry ends early or makes no sense");
    rest_ = in.rest();
    return entry;
}

}  // namespace lvt::storage
