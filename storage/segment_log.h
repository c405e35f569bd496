// The journal's files: a row of segments that commits are appended to, and that are used again once their commits are
// needed no more. No thread of its own: Journal gives it one.
#pragma once

#include "storage/segment.h"

#include <deque>
#include <functional>
#include <mutex>
#include <span>

namespace lvt::storage {

struct SegmentLogOptions {
    Path dir;
    /// Size of one file; a record that is larger gets a larger file.
    std::uint64_t segment_bytes = 64ull << 20;
    /// What all files together should have; above it target_of_retirement() answers.
    std::uint64_t bytes_max = 512ull << 20;
    /// Called when the disk is full; true where it could free some space and the write is worth another try.
    std::function<bool()> make_room;
};

class SegmentLog {
public:
    struct Commit {
        Lsn lsn;
        Bytes record;
    };
    using Visit = std::function<Result<void>(Lsn lsn, ByteView record)>;

    SegmentLog(Fs& fs, SegmentLogOptions options) : fs_(fs), options_(std::move(options)) {}

    /// Finds the segments and visits every commit after `applied` in order. Answers the last one (`applied` where there is
    /// none). `corrupt`, with file and offset, where a commit cannot be read that was durable.
    Result<Lsn> open(Lsn applied, const Visit& visit);

    // The writer's thread.

    /// Writes, without a sync at the end. `synced` is what was durable before. After an error nothing may be written any more.
    Result<void> write(std::span<const Commit> commits, Lsn synced);
    /// Everything written is durable when it answers.
    Result<void> sync();
    /// Tells a later open() that all up to `last`, which is durable, has to be there. Nothing is written behind it.
    Result<void> write_mark(Lsn last);

    // The retirer's thread.

    /// Visits the commits in (after, last], which must be durable.
    Result<void> read(Lsn after, Lsn last, const Visit& visit);
    /// Commits up to `last` are needed no more.
    void recycle(Lsn last);

    // Any thread.

    /// How far commits should be retired to come back below the budget; nothing while below it.
    std::optional<Lsn> target_of_retirement() const;
    /// Octets of all segments in use.
    std::uint64_t bytes() const;

private:
    struct Segment {
        Path path;
        std::unique_ptr<File> file;
        /// Of the file.
        std::uint64_t size = 0;
        SegmentHeader header;
        /// Where it is sealed.
        Lsn last_lsn;
        bool sealed = false;
    };
    using SegmentPtr = std::shared_ptr<Segment>;
    struct Found;

    Result<Found> find_segments();
    Result<SegmentPtr> open_segment(const Path& path);
    Result<Lsn> replay(Found& found, Lsn applied, const Visit& visit);
    struct SegmentEnd {
        std::uint64_t offset = 0;
        /// It ends where the next one begins, or was closed.
        bool complete = false;
    };
    Result<SegmentEnd> replay_segment(
        Segment& segment, Lsn limit, Lsn& expected, const Visit& visit);
    /// An error if one of `segments`, the first from `offset` on, proves that `missing` was durable.
    Result<void> check_tail(
        const std::vector<SegmentPtr>& segments, std::uint64_t offset, Lsn missing,
        bool any_generation, const Bytes& where) const;

    Result<void> roll(Lsn first_lsn, std::uint64_t room);
    SegmentPtr take_free(std::uint64_t size);
    Result<SegmentPtr> create(std::uint64_t size);
    Result<void> append(const RecordHeader& header, ByteView payload);
    Result<void> flush_stage();
    Result<void> write_at(std::uint64_t offset, ByteView bytes);
    void give_back(SegmentPtr segment);

    Fs& fs_;
    SegmentLogOptions options_;

    // The writer's.
    SegmentPtr active_;
    std::uint32_t generation_ = 0;
    std::uint64_t next_file_ = 1;
    Bytes stage_;
    std::uint64_t stage_offset_ = 0;
    Lsn last_written_;

    mutable std::mutex mutex_;
    /// Ascending; the last may be active. Guarded by mutex_, as is what follows.
    std::deque<SegmentPtr> in_use_;
    std::deque<SegmentPtr> free_;
    std::uint64_t bytes_in_use_ = 0;
    std::uint64_t bytes_free_ = 0;
};

}  // namespace lvt::storage
