#include "storage/segment_log.h"

#include "protocol/base/assert.h"

#include <algorithm>

namespace lvt::storage {
namespace {

constexpr char kPrefix[] = "segment-";
constexpr std::size_t kStageBytes = 256 * 1024;
/// A payload from this size on is written from where it lies instead of being copied beside its header.
constexpr std::size_t kCopyBytesMax = 32 * 1024;

}  // namespace

Result<void> SegmentLog::write(std::span<const Commit> commits, Lsn synced) {
    for (const Commit& commit : commits) {
        const std::uint64_t room = record_room(commit.record.size());
        const bool fits =
            active_ != nullptr && stage_offset_ + stage_.size() + room <= active_->size;
        if (!fits) LVT_TRY(roll(commit.lsn, room));
        RecordHeader header;
        header.generation = active_->header.generation;
        header.lsn = commit.lsn;
        header.synced_lsn = synced;
        LVT_TRY(append(header, commit.record));
        last_written_ = commit.lsn;
    }
    return flush_stage();
}

Result<void> SegmentLog::append(const RecordHeader& header, ByteView payload) {
    char octets[kRecordHeaderBytes];
    store_record_header(octets, header, payload);
    stage_.append(octets, sizeof octets);
    if (payload.size() <= kCopyBytesMax) {
        stage_.append(payload);
    } else {
        LVT_TRY(flush_stage());
        LVT_TRY(write_at(stage_offset_, payload));
        stage_offset_ += payload.size();
    }
    stage_.append(record_room(payload.size()) - kRecordHeaderBytes - payload.size(), '\0');
    return stage_.size() >= kStageBytes ? flush_stage() : Result<void>();
}

Result<void> SegmentLog::flush_stage() {
    if (stage_.empty()) return {};
    LVT_TRY(write_at(stage_offset_, stage_));
    stage_offset_ += stage_.size();
    stage_.clear();
    return {};
}

Result<void> SegmentLog::write_at(std::uint64_t offset, ByteView bytes) {
    Result<void> written = active_->file->write(offset, bytes);
    if (written.has_error() && written.error().kind == ErrorKind::no_space && options_.make_room &&
        options_.make_room())
        written = active_->file->write(offset, bytes);
    return written;
}

Result<void> SegmentLog::sync() { return active_ ? active_->file->sync_data() : Result<void>(); }

Result<void> SegmentLog::write_mark(Lsn last) {
    if (active_ == nullptr) return {};
    if (stage_offset_ + kRecordHeaderBytes > active_->size) return {};
    RecordHeader header;
    header.generation = active_->header.generation;
    header.kind = RecordKind::mark;
    header.lsn = last;
    header.synced_lsn = last;
    LVT_TRY(append(header, {}));
    LVT_TRY(flush_stage());
    return sync();
}

Result<void> SegmentLog::roll(Lsn first_lsn, std::uint64_t room) {
    LVT_TRY(flush_stage());
    if (active_ != nullptr) {
        // What follows must not be on the disk without what was before it.
        LVT_TRY(active_->file->sync_data());
        const std::lock_guard lock(mutex_);
        active_->sealed = true;
        active_->last_lsn = last_written_;
    }
    const std::uint64_t size = std::max(options_.segment_bytes, kSegmentHeaderBytes + room);
    SegmentPtr next = take_free(size);
    if (next == nullptr) {
        Result<SegmentPtr> made = create(size);
        if (made.has_error() && made.error().kind == ErrorKind::no_space && options_.make_room &&
            options_.make_room()) {
            Result<SegmentPtr> again = create(size);
            if (again.has_error()) return std::move(again).error();
            next = std::move(*again);
        } else if (made.has_error()) {
            return std::move(made).error();
        } else {
            next = std::move(*made);
        }
    }
    next->header = SegmentHeader{++generation_, first_lsn};
    next->sealed = false;
    active_ = next;
    stage_ = encode_segment_header(next->header);
    stage_offset_ = 0;
    const std::lock_guard lock(mutex_);
    bytes_in_use_ += next->size;
    in_use_.push_back(std::move(next));
    return {};
}

SegmentLog::SegmentPtr SegmentLog::take_free(std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    const auto at = std::find_if(
        free_.begin(), free_.end(), [size](const SegmentPtr& s) { return s->size >= size; });
    if (at == free_.end()) return nullptr;
    SegmentPtr segment = std::move(*at);
    free_.erase(at);
    bytes_free_ -= segment->size;
    return segment;
}

Result<SegmentLog::SegmentPtr> SegmentLog::create(std::uint64_t size) {
    auto segment = std::make_shared<Segment>();
    segment->path = options_.dir / (kPrefix + std::to_string(next_file_++));
    segment->size = size;
    Result<std::unique_ptr<File>> file = fs_.open(segment->path, OpenMode::create);
    if (file.has_error()) return std::move(file).error();
    segment->file = std::move(*file);
    Result<void> made = segment->file->allocate(size);
    if (made.has_value()) made = segment->file->sync();
    if (made.has_value()) made = fs_.sync_directory(options_.dir);
    if (made.has_error()) {
        (void)fs_.remove(segment->path);
        return std::move(made).error();
    }
    return segment;
}

Result<void> SegmentLog::read(Lsn after, Lsn last, const Visit& visit) {
    std::vector<SegmentPtr> segments;
    {
        const std::lock_guard lock(mutex_);
        for (const SegmentPtr& segment : in_use_) {
            const bool before = segment->sealed && segment->last_lsn <= after;
            if (!before && segment->header.first_lsn <= last) segments.push_back(segment);
        }
    }
    Lsn expected{after.value() + 1};
    for (const SegmentPtr& segment : segments) {
        RecordScanner scanner(*segment->file, segment->size, segment->header.generation);
        Lsn at = segment->header.first_lsn;
        while (at <= last) {
            const Result<std::optional<RecordScanner::Record>> record = scanner.next();
            if (record.has_error()) return record.error();
            if (!record->has_value() || (*record)->header.lsn != at) break;
            if (at == expected) {
                LVT_TRY(visit(at, (*record)->payload));
                expected = Lsn{at.value() + 1};
            }
            at = Lsn{at.value() + 1};
        }
    }
    if (expected > last) return {};
    return Error{
        ErrorKind::corrupt,
        "the journal in " + options_.dir.string() + " is damaged: commit " +
            std::to_string(expected.value()) + " was durable and cannot be read any more"};
}

void SegmentLog::recycle(Lsn last) {
    for (;;) {
        SegmentPtr segment;
        {
            const std::lock_guard lock(mutex_);
            if (in_use_.empty()) return;
            const SegmentPtr& oldest = in_use_.front();
            if (!oldest->sealed || oldest->last_lsn > last) return;
            segment = oldest;
            in_use_.pop_front();
            bytes_in_use_ -= segment->size;
        }
        give_back(std::move(segment));
    }
}

void SegmentLog::give_back(SegmentPtr segment) {
    {
        const std::lock_guard lock(mutex_);
        const bool fits = bytes_in_use_ + bytes_free_ + segment->size <= options_.bytes_max;
        if (fits && segment->size == options_.segment_bytes) {
            bytes_free_ += segment->size;
            free_.push_back(std::move(segment));
            return;
        }
    }
    // Where it cannot be removed it stays and is found to be free at the next start.
    (void)fs_.remove(segment->path);
}

std::optional<Lsn> SegmentLog::target_of_retirement() const {
    const std::lock_guard lock(mutex_);
    if (bytes_in_use_ <= options_.bytes_max) return std::nullopt;
    std::optional<Lsn> target;
    std::uint64_t left = bytes_in_use_;
    for (const SegmentPtr& segment : in_use_) {
        if (!segment->sealed || left <= options_.bytes_max / 4 * 3) break;
        left -= segment->size;
        target = segment->last_lsn;
    }
    return target;
}

std::uint64_t SegmentLog::bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_in_use_;
}

}  // namespace lvt::storage
