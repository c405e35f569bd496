#include "cluster/raft/log_record.h"

#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"

// storage/FORMAT.md draws these bytes; the numbers are frozen on disk.

namespace lvt::cluster {
namespace {

constexpr std::uint8_t kVersion = 1;

constexpr std::uint8_t kReset = 1;
constexpr std::uint8_t kVote = 2;
constexpr std::uint8_t kEntries = 3;
constexpr std::uint8_t kSnapshot = 4;

constexpr std::uint8_t kReplacesLog = 1;

/// Of an entry without data.
constexpr std::size_t kEntryBytesMin = 8 + 1 + 4;

Error corrupt(const char* what) {
    return Error{ErrorKind::corrupt, std::string("a group's record is damaged: ") + what};
}

bool read_entries(ByteReader& in, EntriesItem& out) {
    out.first = LogIndex{in.u64()};
    const std::size_t count = in.u32();
    if (out.first == LogIndex{} || count == 0 || count > in.rest().size() / kEntryBytesMin)
        return false;
    out.entries.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        Entry entry;
        entry.term = Term{in.u64()};
        const std::uint8_t type = in.u8();
        entry.type = static_cast<EntryType>(type);
        entry.data = Bytes(in.long_string());
        if (!in.ok() || entry.term == Term{} || type < 1 || type > 3) return false;
        if (entry.type == EntryType::change && Configuration::decode(entry.data).has_error())
            return false;
        out.entries.push_back(std::move(entry));
    }
    return true;
}

bool read_snapshot(ByteReader& in, SnapshotItem& out) {
    const std::uint8_t flags = in.u8();
    if (flags > kReplacesLog) return false;
    out.replaces_log = flags == kReplacesLog;
    out.log_first = LogIndex{in.u64()};
    out.snapshot.index = LogIndex{in.u64()};
    out.snapshot.term = Term{in.u64()};
    out.snapshot.chain = in.u32();
    out.snapshot.configuration_index = LogIndex{in.u64()};
    const Result<Configuration> configuration = Configuration::decode(in.long_string());
    out.snapshot.state = Bytes(in.long_string());
    if (!in.ok() || configuration.has_error()) return false;
    out.snapshot.configuration = *configuration;
    return out.log_first != LogIndex{} && out.snapshot.index != LogIndex{} &&
           out.snapshot.term != Term{} && out.log_first <= next(out.snapshot.index) &&
           (!out.replaces_log || out.log_first == next(out.snapshot.index)) &&
           out.snapshot.configuration_index != LogIndex{} &&
           out.snapshot.configuration_index <= out.snapshot.index;
}

}  // namespace

void LogRecordWriter::begin(std::uint8_t type) {
    if (bytes_.empty()) bytes_.push_back(static_cast<char>(kVersion));
    bytes_.push_back(static_cast<char>(type));
}

void LogRecordWriter::reset() { begin(kReset); }

void LogRecordWriter::vote(Term term, NodeId vote) {
    begin(kVote);
    ByteWriter out(bytes_);
    out.u64(term.value());
    out.u64(vote.value());
}

void LogRecordWriter::entries(LogIndex first, std::span<const Entry* const> entries) {
    begin(kEntries);
    ByteWriter out(bytes_);
    out.u64(first.value());
    out.u32(static_cast<std::uint32_t>(entries.size()));
    for (const Entry* entry : entries) {
        out.u64(entry->term.value());
        out.u8(static_cast<std::uint8_t>(entry->type));
        out.long_string(entry->data);
    }
}

void LogRecordWriter::snapshot(bool replaces_log, LogIndex log_first, const Snapshot& snapshot) {
    begin(kSnapshot);
    ByteWriter out(bytes_);
    out.u8(replaces_log ? kReplacesLog : 0);
    out.u64(log_first.value());
    out.u64(snapshot.index.value());
    out.u64(snapshot.term.value());
    out.u32(snapshot.chain);
    out.u64(snapshot.configuration_index.value());
    out.long_string(snapshot.configuration.encode());
    out.long_string(snapshot.state);
}

Result<std::vector<LogItem>> decode_log_record(ByteView record) {
    ByteReader in(record);
    const std::uint8_t version = in.u8();
    if (!in.ok()) return corrupt("it is empty");
    if (version != kVersion) {
        return Error{
            ErrorKind::unsupported,
            "a group's record has format version " + std::to_string(version) +
                "; this build knows 1"};
    }
    std::vector<LogItem> items;
    while (!in.done()) {
        bool good = true;
        switch (in.u8()) {
            case kReset:
                items.emplace_back(ResetItem{});
                break;
            case kVote: {
                const Term term{in.u64()};
                items.emplace_back(VoteItem{term, NodeId{in.u64()}});
                good = term != Term{};
                break;
            }
            case kEntries:
                good = read_entries(in, std::get<EntriesItem>(items.emplace_back(EntriesItem{})));
                break;
            case kSnapshot:
                good =
                    read_snapshot(in, std::get<SnapshotItem>(items.emplace_back(SnapshotItem{})));
                break;
            default:
                return corrupt("an item is of an unknown type");
        }
        if (!good || !in.ok()) return corrupt("an item ends early or makes no sense");
    }
    return items;
}

}  // namespace lvt::cluster
