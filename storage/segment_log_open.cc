// SegmentLog::open: which segments count, what they hold, and where they end.
//
// A segment ends where its records stop to be intact, or where a later generation begins again at a commit it also has: that was
// an unsynced tail which an earlier start has cut off. Bytes that make no sense are a torn tail, and end the journal, unless an
// intact record behind them says that the missing commit was durable: then they are damage, and that is an error.

#include "storage/segment_log.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace lvt::storage {
namespace {

constexpr std::string_view kPrefix = "segment-";
constexpr Lsn kNoLimit{std::numeric_limits<std::uint64_t>::max()};

/// The number in "segment-12", 0 where it is another name.
std::uint64_t number_of(std::string_view name) {
    if (!name.starts_with(kPrefix)) return 0;
    name.remove_prefix(kPrefix.size());
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    return error == std::errc() && end == name.data() + name.size() ? number : 0;
}

}  // namespace

struct SegmentLog::Found {
    /// By generation.
    std::vector<SegmentPtr> segments;
    /// Those whose header makes no sense: new ones that were never written to, or damaged ones.
    std::vector<SegmentPtr> headless;
};

Result<Lsn> SegmentLog::open(Lsn applied, const Visit& visit) {
    LVT_TRY(fs_.make_directory(options_.dir));
    Result<Found> found = find_segments();
    if (found.has_error()) return std::move(found).error();
    Result<Lsn> last = replay(*found, applied, visit);
    if (last.has_error()) return last;
    last_written_ = *last;
    // A killed process may have left commits that only the page cache knows; from now on they count.
    for (const SegmentPtr& segment : in_use_) LVT_TRY(segment->file->sync_data());
    for (SegmentPtr& segment : found->headless) give_back(std::move(segment));
    for (SegmentPtr& segment : found->segments) {
        const bool used = std::find(in_use_.begin(), in_use_.end(), segment) != in_use_.end();
        if (!used) give_back(std::move(segment));
    }
    return last;
}

Result<SegmentLog::Found> SegmentLog::find_segments() {
    const Result<std::vector<std::string>> names = fs_.list(options_.dir);
    if (names.has_error()) return names.error();
    Found found;
    for (const std::string& name : *names) {
        const std::uint64_t number = number_of(name);
        if (number == 0) continue;
        next_file_ = std::max(next_file_, number + 1);
        Result<SegmentPtr> opened = open_segment(options_.dir / name);
        if (opened.has_error()) return std::move(opened).error();
        const bool headless = (*opened)->header.generation == 0;
        (headless ? found.headless : found.segments).push_back(std::move(*opened));
    }
    std::sort(
        found.segments.begin(), found.segments.end(), [](const auto& left, const auto& right) {
            return left->header.generation < right->header.generation;
        });
    if (!found.segments.empty()) generation_ = found.segments.back()->header.generation;
    return found;
}

Result<SegmentLog::SegmentPtr> SegmentLog::open_segment(const Path& path) {
    Result<std::unique_ptr<File>> file = fs_.open(path, OpenMode::existing);
    if (file.has_error()) return std::move(file).error();
    auto segment = std::make_shared<Segment>();
    segment->path = path;
    segment->file = std::move(*file);
    const Result<std::uint64_t> size = segment->file->size();
    if (size.has_error()) return size.error();
    segment->size = *size;
    segment->sealed = true;
    char octets[kSegmentHeaderBytes];
    const Result<std::size_t> got = segment->file->read(0, octets, sizeof octets);
    if (got.has_error()) return got.error();
    const Result<SegmentHeader> header = decode_segment_header({octets, *got});
    if (header.has_value()) {
        segment->header = *header;
    } else if (header.error().kind == ErrorKind::unsupported) {
        return Error{
            ErrorKind::unsupported, "cannot use " + path.string() + ": " + header.error().message};
    }
    return segment;
}

Result<Lsn> SegmentLog::replay(Found& found, Lsn applied, const Visit& visit) {
    const std::size_t count = found.segments.size();
    // Where a later segment takes over.
    std::vector<Lsn> limits(count, kNoLimit);
    for (std::size_t i = count; i-- > 1;)
        limits[i - 1] = std::min(limits[i], found.segments[i]->header.first_lsn);

    Lsn expected{applied.value() + 1};
    for (std::size_t i = 0; i < count; ++i) {
        const SegmentPtr& segment = found.segments[i];
        if (segment->header.first_lsn >= limits[i] || limits[i] <= expected) continue;
        std::uint64_t end_offset = kSegmentHeaderBytes;
        bool goes_on = false;
        Bytes where = options_.dir.string() + " is damaged: a segment is missing";
        for (const SegmentPtr& headless : found.headless)
            where += ", the header of " + headless->path.string() + " at offset 0 is unreadable";
        // Where it begins too late, the commits between are nowhere.
        if (segment->header.first_lsn <= expected) {
            const Lsn before = expected;
            Result<SegmentEnd> end = replay_segment(*segment, limits[i], expected, visit);
            if (end.has_error()) return std::move(end).error();
            end_offset = end->offset;
            where = segment->path.string() + " is damaged at offset " + std::to_string(end_offset);
            goes_on = end->complete;
            if (expected > before) {
                segment->last_lsn = Lsn{expected.value() - 1};
                bytes_in_use_ += segment->size;
                in_use_.push_back(segment);
            }
        }
        if (!goes_on) {
            const auto first = found.segments.begin() + static_cast<std::ptrdiff_t>(i);
            LVT_TRY(check_tail({first, found.segments.end()}, end_offset, expected, false, where));
            break;
        }
    }
    for (const SegmentPtr& segment : found.headless) {
        const Bytes where = segment->path.string() + " is damaged at offset 0";
        LVT_TRY(check_tail({segment}, kSegmentHeaderBytes, expected, true, where));
    }
    return Lsn{expected.value() - 1};
}

Result<SegmentLog::SegmentEnd> SegmentLog::replay_segment(
    Segment& segment, Lsn limit, Lsn& expected, const Visit& visit) {
    RecordScanner scanner(*segment.file, segment.size, segment.header.generation);
    Lsn at = segment.header.first_lsn;
    bool closed = false;
    while (at < limit) {
        const Result<std::optional<RecordScanner::Record>> record = scanner.next();
        if (record.has_error()) return record.error();
        if (!record->has_value()) break;
        const RecordHeader& header = (*record)->header;
        closed = header.kind == RecordKind::mark && header.lsn.value() + 1 == at.value();
        if (closed) continue;
        if (header.kind == RecordKind::mark || header.lsn != at) break;
        if (at == expected) {
            LVT_TRY(visit(at, (*record)->payload));
            expected = Lsn{at.value() + 1};
        }
        at = Lsn{at.value() + 1};
    }
    // Nothing is written behind a mark, so nothing can be missing behind it.
    return SegmentEnd{scanner.offset(), at == limit || (closed && limit == kNoLimit)};
}

Result<void> SegmentLog::check_tail(
    const std::vector<SegmentPtr>& segments, std::uint64_t offset, Lsn missing, bool any_generation,
    const Bytes& where) const {
    std::uint64_t from = offset;
    for (const SegmentPtr& segment : segments) {
        RecordScanner scanner(*segment->file, segment->size, segment->header.generation, from);
        const Result<std::optional<std::uint64_t>> proof =
            scanner.find_proof(missing, any_generation);
        if (proof.has_error()) return proof.error();
        if (proof->has_value()) {
            return Error{
                ErrorKind::corrupt,
                where + ": commit " + std::to_string(missing.value()) +
                    " was durable and cannot be read (known from " + segment->path.string() +
                    ", offset " + std::to_string(**proof) +
                    "); restore the data directory from a copy, or remove the damaged file to go "
                    "on without it"};
        }
        from = kSegmentHeaderBytes;
    }
    return {};
}

}  // namespace lvt::storage
