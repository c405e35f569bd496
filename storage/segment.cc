#include "storage/segment.h"

#include "protocol/base/byte_reader.h"
#include "storage/crc32c.h"

#include <algorithm>

namespace lvt::storage {
namespace {

constexpr std::uint64_t kMagic = 0x4c56544a524e4c0aull;  // "LVTJRNL\n"
constexpr std::uint32_t kSegmentVersion = 1;
constexpr std::uint64_t kWindowBytes = 1024 * 1024;
/// The check sum covers everything of the record's header behind itself, and the payload.
constexpr std::size_t kCrcBytes = 4;

std::uint32_t record_crc(const char* header, ByteView payload) {
    return crc32c(crc32c(0, {header + kCrcBytes, kRecordHeaderBytes - kCrcBytes}), payload);
}

}  // namespace

Bytes encode_segment_header(const SegmentHeader& header) {
    Bytes out(kSegmentHeaderBytes, '\0');
    store_big_endian(out.data(), kMagic);
    store_big_endian(out.data() + 8, kSegmentVersion);
    store_big_endian(out.data() + 12, header.generation);
    store_big_endian(out.data() + 16, header.first_lsn.value());
    store_big_endian(
        out.data() + kSegmentHeaderBytes - 4,
        crc32c(0, ByteView(out).substr(0, kSegmentHeaderBytes - 4)));
    return out;
}

Result<SegmentHeader> decode_segment_header(ByteView bytes) {
    const Error damaged{ErrorKind::corrupt, "the segment's header is damaged"};
    if (bytes.size() < kSegmentHeaderBytes) return damaged;
    ByteReader in(bytes);
    if (in.u64() != kMagic) return damaged;
    const std::uint32_t version = in.u32();
    const std::uint32_t crc =
        load_big_endian<std::uint32_t>(bytes.data() + kSegmentHeaderBytes - 4);
    if (crc != crc32c(0, bytes.substr(0, kSegmentHeaderBytes - 4))) return damaged;
    if (version != kSegmentVersion) {
        return Error{
            ErrorKind::unsupported,
            "it has format version " + std::to_string(version) + "; this build knows 1"};
    }
    SegmentHeader header;
    header.generation = in.u32();
    header.first_lsn = Lsn{in.u64()};
    return header;
}

void store_record_header(char* to, const RecordHeader& header, ByteView payload) {
    store_big_endian(to + 4, static_cast<std::uint32_t>(payload.size()));
    store_big_endian(to + 8, header.generation);
    store_big_endian(to + 12, static_cast<std::uint32_t>(header.kind));
    store_big_endian(to + 16, header.lsn.value());
    store_big_endian(to + 24, header.synced_lsn.value());
    store_big_endian(to, record_crc(to, payload));
}

Result<ByteView> RecordScanner::window(std::uint64_t offset, std::uint64_t bytes) {
    if (offset < buffer_offset_ || offset + bytes > buffer_offset_ + buffer_.size()) {
        buffer_.resize(std::min(std::max(bytes, kWindowBytes), size_ - offset));
        buffer_offset_ = offset;
        const Result<std::size_t> got = file_.read(offset, buffer_.data(), buffer_.size());
        if (got.has_error()) return got.error();
        buffer_.resize(*got);
    }
    return ByteView(buffer_).substr(offset - buffer_offset_, bytes);
}

Result<std::optional<RecordScanner::Record>> RecordScanner::record_at(
    std::uint64_t offset, bool any_generation, Lsn proof) {
    const std::optional<Record> nothing;
    if (offset + kRecordHeaderBytes > size_) return nothing;
    const Result<ByteView> head = window(offset, kRecordHeaderBytes);
    if (head.has_error()) return head.error();
    if (head->size() < kRecordHeaderBytes) return nothing;
    ByteReader in(*head);
    Record record;
    const std::uint32_t crc = in.u32();
    const std::uint32_t length = in.u32();
    record.header.generation = in.u32();
    record.header.kind = static_cast<RecordKind>(in.u32());
    record.header.lsn = Lsn{in.u64()};
    record.header.synced_lsn = Lsn{in.u64()};
    record.offset = offset;
    if (!any_generation && record.header.generation != generation_) return nothing;
    if (record.header.kind != RecordKind::commit && record.header.kind != RecordKind::mark)
        return nothing;
    if (record.header.synced_lsn < proof || record.header.synced_lsn > record.header.lsn)
        return nothing;
    if (offset + kRecordHeaderBytes + length > size_) return nothing;
    const Result<ByteView> all = window(offset, kRecordHeaderBytes + length);
    if (all.has_error()) return all.error();
    if (all->size() < kRecordHeaderBytes + length) return nothing;
    record.payload = all->substr(kRecordHeaderBytes);
    if (crc != record_crc(all->data(), record.payload)) return nothing;
    return std::optional<Record>(record);
}

Result<std::optional<RecordScanner::Record>> RecordScanner::next() {
    Result<std::optional<Record>> record = record_at(offset_, false, Lsn{0});
    if (record.has_value() && record->has_value())
        offset_ += record_room((*record)->payload.size());
    return record;
}

Result<std::optional<std::uint64_t>> RecordScanner::find_proof(Lsn lsn, bool any_generation) {
    const auto is_candidate = [&](const char* at) {
        if (!any_generation) return load_big_endian<std::uint32_t>(at + 8) == generation_;
        const auto kind = static_cast<RecordKind>(load_big_endian<std::uint32_t>(at + 12));
        return kind == RecordKind::commit || kind == RecordKind::mark;
    };
    std::uint64_t at = offset_;
    while (at + kRecordHeaderBytes <= size_) {
        const Result<ByteView> got = window(at, std::min(kWindowBytes, size_ - at));
        if (got.has_error()) return got.error();
        const Bytes seen(*got);
        if (seen.size() < kRecordHeaderBytes) break;
        std::uint64_t i = 0;
        for (; i + kRecordHeaderBytes <= seen.size(); i += 8) {
            if (!is_candidate(seen.data() + i)) continue;
            const Result<std::optional<Record>> record = record_at(at + i, any_generation, lsn);
            if (record.has_error()) return record.error();
            if (record->has_value()) return std::optional<std::uint64_t>(at + i);
        }
        at += i;
    }
    return std::optional<std::uint64_t>();
}

}  // namespace lvt::storage
