#include "cluster/raft/message.h"

#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"

// cluster/PROTOCOL.md draws these bytes; the numbers are frozen on the wire.

namespace lvt::cluster {
namespace {

constexpr std::uint8_t kVersion = 1;

enum class Type : std::uint8_t {
    append_entries = 1,
    append_entries_result = 2,
    request_vote = 3,
    request_vote_result = 4,
    install_snapshot = 5,
    timeout_now = 6,
};

constexpr std::size_t kHeaderBytes = 1 + 1 + 1 + 2 + 2 + 4 * 8;
constexpr std::size_t kEntryBytesMin = 8 + 1 + 4;

/// Terms and indexes stay below it, so that no sum of them overflows.
constexpr std::uint64_t kNumberMax = std::uint64_t{1} << 62;

Error corrupt() { return Error{ErrorKind::corrupt, "a message of a group makes no sense"}; }

/// Failed where it is too large.
template <class Number>
Number number(ByteReader& in) {
    const std::uint64_t value = in.u64();
    if (value >= kNumberMax) (void)in.view(in.rest().size() + 1);
    return Number{value};
}

struct Writer {
    ByteWriter& out;

    void operator()(const AppendEntries& body) const {
        out.u64(body.previous.value());
        out.u64(body.previous_term.value());
        out.u32(body.chain);
        out.u64(body.commit.value());
        out.u32(static_cast<std::uint32_t>(body.entries.size()));
        for (const Entry& entry : body.entries) {
            out.u64(entry.term.value());
            out.u8(static_cast<std::uint8_t>(entry.type));
            out.long_string(entry.data);
        }
    }
    void operator()(const AppendEntriesResult& body) const {
        out.u64(body.rejected.value());
        out.u64(body.last.value());
    }
    void operator()(const RequestVote& body) const {
        out.u64(body.candidate.value());
        out.u64(body.last.value());
        out.u64(body.last_term.value());
        out.u8(static_cast<std::uint8_t>(body.disrupt_leader ? 1 : 0));
        out.u8(static_cast<std::uint8_t>(body.pre_vote ? 1 : 0));
    }
    void operator()(const RequestVoteResult& body) const {
        out.u8(static_cast<std::uint8_t>(body.granted ? 1 : 0));
        out.u8(static_cast<std::uint8_t>(body.pre_vote ? 1 : 0));
    }
    void operator()(const InstallSnapshot& body) const {
        const Snapshot& snapshot = body.snapshot;
        out.u64(snapshot.index.value());
        out.u64(snapshot.term.value());
        out.u32(snapshot.chain);
        out.u64(snapshot.configuration_index.value());
        out.long_string(snapshot.configuration.encode());
        out.long_string(snapshot.state);
    }
    void operator()(const TimeoutNow& body) const {
        out.u64(body.last.value());
        out.u64(body.last_term.value());
    }
};

std::size_t size_of(const Message& message) {
    std::size_t size = kHeaderBytes + 64;
    if (const auto* append = std::get_if<AppendEntries>(&message.body)) {
        for (const Entry& entry : append->entries) size += kEntryBytesMin + entry.data.size();
    } else if (const auto* install = std::get_if<InstallSnapshot>(&message.body)) {
        size += install->snapshot.state.size() + 32 * (kMembersMax + 1);
    }
    return size;
}

/// 0 or 1; anything else is a failure.
bool read_bool(ByteReader& in, bool& good) {
    const std::uint8_t octet = in.u8();
    if (octet > 1) good = false;
    return octet == 1;
}

bool read(ByteReader& in, Term term, AppendEntries& body) {
    body.previous = number<LogIndex>(in);
    body.previous_term = number<Term>(in);
    body.chain = in.u32();
    body.commit = number<LogIndex>(in);
    const std::size_t count = in.u32();
    if (!in.ok() || count > in.rest().size() / kEntryBytesMin) return false;
    if ((body.previous == LogIndex{}) != (body.previous_term == Term{})) return false;
    Term before = body.previous_term;
    body.entries.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        Entry entry;
        entry.term = number<Term>(in);
        const std::uint8_t type = in.u8();
        entry.type = static_cast<EntryType>(type);
        entry.data = Bytes(in.long_string());
        if (!in.ok() || type < 1 || type > 3 || entry.data.size() > kEntryBytesMax) return false;
        if (entry.term == Term{} || entry.term < before) return false;
        if (entry.type == EntryType::change && Configuration::decode(entry.data).has_error())
            return false;
        before = entry.term;
        body.entries.push_back(std::move(entry));
    }
    return before <= term;
}

bool read(ByteReader& in, Term, AppendEntriesResult& body) {
    body.rejected = number<LogIndex>(in);
    body.last = number<LogIndex>(in);
    return true;
}

bool read(ByteReader& in, Term, RequestVote& body) {
    bool good = true;
    body.candidate = NodeId{in.u64()};
    body.last = number<LogIndex>(in);
    body.last_term = number<Term>(in);
    body.disrupt_leader = read_bool(in, good);
    body.pre_vote = read_bool(in, good);
    return good && body.candidate != NodeId{};
}

bool read(ByteReader& in, Term, RequestVoteResult& body) {
    bool good = true;
    body.granted = read_bool(in, good);
    body.pre_vote = read_bool(in, good);
    return good;
}

bool read(ByteReader& in, Term term, InstallSnapshot& body) {
    Snapshot& snapshot = body.snapshot;
    snapshot.index = number<LogIndex>(in);
    snapshot.term = number<Term>(in);
    snapshot.chain = in.u32();
    snapshot.configuration_index = number<LogIndex>(in);
    const Result<Configuration> configuration = Configuration::decode(in.long_string());
    snapshot.state = Bytes(in.long_string());
    if (!in.ok() || configuration.has_error()) return false;
    snapshot.configuration = *configuration;
    return snapshot.index != LogIndex{} && snapshot.term != Term{} && snapshot.term <= term &&
           snapshot.configuration_index != LogIndex{} &&
           snapshot.configuration_index <= snapshot.index;
}

bool read(ByteReader& in, Term, TimeoutNow& body) {
    body.last = number<LogIndex>(in);
    body.last_term = number<Term>(in);
    return true;
}

template <class Body>
bool read_body(ByteReader& in, Message& message) {
    return read(in, message.term, message.body.emplace<Body>());
}

bool read_body(Type type, ByteReader& in, Message& message) {
    switch (type) {
        case Type::append_entries:
            return read_body<AppendEntries>(in, message);
        case Type::append_entries_result:
            return read_body<AppendEntriesResult>(in, message);
        case Type::request_vote:
            return read_body<RequestVote>(in, message);
        case Type::request_vote_result:
            return read_body<RequestVoteResult>(in, message);
        case Type::install_snapshot:
            return read_body<InstallSnapshot>(in, message);
        case Type::timeout_now:
            return read_body<TimeoutNow>(in, message);
    }
    return false;
}

}  // namespace

Bytes encode_message(const Message& message) {
    Bytes bytes;
    bytes.reserve(size_of(message));
    ByteWriter out(bytes);
    out.u8(kVersion);
    out.u8(static_cast<std::uint8_t>(message.body.index() + 1));
    out.u8(message.words.version);
    out.u16(message.words.features);
    out.u16(message.words.capacity);
    out.u64(message.group.value());
    out.u64(message.from.value());
    out.u64(message.to.value());
    out.u64(message.term.value());
    std::visit(Writer{out}, message.body);
    return bytes;
}

Result<Message> decode_message(ByteView bytes) {
    ByteReader in(bytes);
    const std::uint8_t version = in.u8();
    if (!in.ok()) return corrupt();
    if (version != kVersion) {
        return Error{
            ErrorKind::unsupported,
            "a message of a group has format version " + std::to_string(version) +
                "; this build knows 1"};
    }
    Message message;
    const Type type = static_cast<Type>(in.u8());
    message.words.version = in.u8();
    message.words.features = in.u16();
    message.words.capacity = in.u16();
    message.group = GroupId{in.u64()};
    message.from = NodeId{in.u64()};
    message.to = NodeId{in.u64()};
    message.term = number<Term>(in);
    const bool named = message.from != NodeId{} && message.to != NodeId{};
    if (!in.ok() || !named || message.from == message.to || message.term == Term{})
        return corrupt();
    if (!read_body(type, in, message) || !in.ok() || !in.done()) return corrupt();
    return message;
}

}  // namespace lvt::cluster
