// The payload of one commit: entries that say what happened, in order. storage/FORMAT.md draws the bytes.
#pragma once

#include "protocol/base/result.h"
#include "storage/types.h"

#include <optional>
#include <span>
#include <variant>

namespace lvt::storage {

/// Bodies are cut into pieces of this size where a message's content is larger (design 4).
inline constexpr std::size_t kPieceBytes = 256 * 1024;

/// Builds the payload of one commit. Reusable: take() leaves it empty, capacity kept.
class RecordWriter {
public:
    RecordWriter();

    /// A message whose whole content (head + tail, joined by the store) is at most kPieceBytes. Given as two views so that
    /// the caller need not join them.
    void message(
        std::span<const Target> targets, const MessageHeader& header, ByteView head, ByteView tail);

    /// A message whose content was written before, as pieces of `body_id`. Visible only now.
    void message_in_pieces(
        std::span<const Target> targets, const MessageHeader& header, std::uint64_t body_id,
        std::uint64_t content_bytes);
    /// One piece of a large content; parts count from 0, in order, each kPieceBytes but the last. `targets` as in the message
    /// that will refer to it: they tell when the piece may be forgotten. `body_id` is the lsn-unique choice of the caller.
    void piece(
        std::span<const Target> targets, std::uint64_t body_id, std::uint32_t part, ByteView bytes);

    /// These messages of the queue are done with: acked, dropped, expired or moved.
    void settled(QueueUid queue, std::span<const SeqRun> runs);
    /// Purge or delete: everything below `floor` is settled.
    void floor(QueueUid queue, Seq floor);
    void counts(QueueUid queue, Seq seq, std::uint32_t delivery_count, std::uint32_t return_count);
    /// From here on messages of the queue may be handed out (design rule 12).
    void delivering(QueueUid queue);
    /// After a clean stop: exactly these were handed out before; the mark of delivering() is lifted.
    void delivered_at_stop(QueueUid queue, std::span<const SeqRun> runs);
    /// A metadata command, opaque, with its place in the sequence of all metadata commands.
    void metadata(std::uint64_t version, ByteView command);
    /// What a replicated group (cluster/raft) keeps, opaque.
    void group(std::uint64_t group, ByteView record);

    bool empty() const;
    std::size_t size() const { return bytes_.size(); }
    std::size_t entries() const { return entries_; }
    /// Memory for so many octets in all.
    void reserve(std::size_t size) { bytes_.reserve(size); }
    /// The finished payload, and a fresh start.
    Bytes take();

private:
    Bytes bytes_;
    std::size_t entries_ = 0;
};

struct MessageEntry {
    std::vector<Target> targets;
    MessageHeader header;
    ByteView content;           // empty where it is in pieces
    std::uint64_t body_id = 0;  // not 0 where it is in pieces
    std::uint64_t content_bytes = 0;
};
struct PieceEntry {
    std::vector<Target> targets;
    std::uint64_t body_id = 0;
    std::uint32_t part = 0;
    ByteView bytes;
};
struct SettledEntry {
    QueueUid queue;
    std::vector<SeqRun> runs;
};
struct FloorEntry {
    QueueUid queue;
    Seq floor = 0;
};
struct CountsEntry {
    QueueUid queue;
    Seq seq = 0;
    std::uint32_t delivery_count = 0;
    std::uint32_t return_count = 0;
};
struct DeliveringEntry {
    QueueUid queue;
};
struct DeliveredAtStopEntry {
    QueueUid queue;
    std::vector<SeqRun> runs;
};
struct MetadataEntry {
    std::uint64_t version = 0;
    ByteView command;
};
struct GroupEntry {
    std::uint64_t group = 0;
    ByteView record;
};

/// Views in it are valid as long as the payload.
using RecordEntry = std::variant<
    MessageEntry, PieceEntry, SettledEntry, FloorEntry, CountsEntry, DeliveringEntry,
    DeliveredAtStopEntry, MetadataEntry, GroupEntry>;

/// Walks over the entries of a payload.
class RecordReader {
public:
    explicit RecordReader(ByteView payload);
    /// The next entry; nothing at the end; corrupt or unsupported where the bytes make no sense.
    Result<std::optional<RecordEntry>> next();

private:
    ByteView rest_;
    bool started_ = false;
};

/// Calls `visit(const RecordEntry&)`, which answers Result<void>, for each entry in order; ends with the first error.
template <class Visit>
Result<void> for_each_entry(ByteView payload, Visit visit) {
    RecordReader reader(payload);
    for (;;) {
        const Result<std::optional<RecordEntry>> entry = reader.next();
        if (entry.has_error()) return entry.error();
        if (!entry->has_value()) return {};
        LVT_TRY(visit(**entry));
    }
}

}  // namespace lvt::storage
