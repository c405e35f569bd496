// One segment file of the journal as bytes. storage/FORMAT.md draws them.
//
// A segment is written from its start, and overwritten in place when it is used again: its generation tells the records of
// this use from what is left of earlier ones.
#pragma once

#include "storage/fs.h"
#include "storage/types.h"

#include <optional>

namespace lvt::storage {

inline constexpr std::size_t kSegmentHeaderBytes = 64;
inline constexpr std::size_t kRecordHeaderBytes = 32;

struct SegmentHeader {
    /// Grows with every use of any segment.
    std::uint32_t generation = 0;
    /// Of the first record.
    Lsn first_lsn;
};

/// kSegmentHeaderBytes of them.
Bytes encode_segment_header(const SegmentHeader& header);
/// `corrupt` where it is not one or is damaged, `unsupported` where its version is not ours.
Result<SegmentHeader> decode_segment_header(ByteView bytes);

enum class RecordKind : std::uint32_t {
    commit = 1,
    /// No payload: written when the journal is closed, so that everything before it is known to have been durable.
    mark = 2,
};

struct RecordHeader {
    std::uint32_t generation = 0;
    RecordKind kind = RecordKind::commit;
    /// A mark has that of the commit before it.
    Lsn lsn;
    /// What was durable when this record was written.
    Lsn synced_lsn;
};

/// Room of a record in its segment: header, payload and what fills it up to 8 octets.
inline std::uint64_t record_room(std::size_t payload_bytes) {
    return kRecordHeaderBytes + ((payload_bytes + 7) & ~std::uint64_t{7});
}

/// Writes kRecordHeaderBytes at `to`, check sum included.
void store_record_header(char* to, const RecordHeader& header, ByteView payload);

/// Walks over the records of one generation.
class RecordScanner {
public:
    struct Record {
        RecordHeader header;
        /// Valid until the next call.
        ByteView payload;
        std::uint64_t offset = 0;
    };

    /// `file` must outlive it; `size` is the file's.
    RecordScanner(
        File& file, std::uint64_t size, std::uint32_t generation,
        std::uint64_t offset = kSegmentHeaderBytes)
        : file_(file), size_(size), generation_(generation), offset_(offset) {}

    /// The record at offset(), or nothing where there is no intact one of the generation.
    Result<std::optional<Record>> next();
    std::uint64_t offset() const { return offset_; }

    /// From offset() on, in steps of 8 octets: the offset of an intact record, of the generation unless `any_generation`, that proves that
    /// the commit `lsn` was durable.
    Result<std::optional<std::uint64_t>> find_proof(Lsn lsn, bool any_generation = false);

private:
    Result<ByteView> window(std::uint64_t offset, std::uint64_t bytes);
    Result<std::optional<Record>> record_at(std::uint64_t offset, bool any_generation, Lsn proof);

    File& file_;
    std::uint64_t size_;
    std::uint32_t generation_;
    std::uint64_t offset_;
    Bytes buffer_;
    std::uint64_t buffer_offset_ = 0;
};

}  // namespace lvt::storage
