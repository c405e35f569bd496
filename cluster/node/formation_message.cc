#include "cluster/node/formation_message.h"

#include <fmt/format.h>

// cluster/PROTOCOL.md draws these bytes; the numbers are frozen on the wire.

namespace lvt::cluster {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kFactsBytesMax = 64 * 1024;

enum class Type : std::uint8_t {
    hello = 1,
    prepare = 2,
    promise = 3,
    accept = 4,
    accepted = 5,
    refusal = 6,
    join = 7,
    join_answer = 8,
    remove = 9,
    remove_answer = 10,
};

struct Writer {
    ByteWriter& out;

    void operator()(const Hello& body) const {
        out.u8(static_cast<std::uint8_t>(body.answer ? 1 : 0));
        write_terms(out, body.terms);
        write_charter(out, body.cluster);
        out.u64(body.leader.value());
        write_peers(out, body.members);
        out.u16(static_cast<std::uint16_t>(body.heard.size()));
        for (const NodeId id : body.heard) out.u64(id.value());
        out.long_string(body.facts);
    }
    void operator()(const Prepare& body) const {
        write_ballot(out, body.ballot);
        write_terms(out, body.terms);
    }
    void operator()(const Promise& body) const {
        write_ballot(out, body.ballot);
        write_ballot(out, body.accepted);
        write_charter(out, body.charter);
    }
    void operator()(const Accept& body) const {
        write_ballot(out, body.ballot);
        write_terms(out, body.terms);
        write_charter(out, body.charter);
    }
    void operator()(const Accepted& body) const { write_ballot(out, body.ballot); }
    void operator()(const Refusal& body) const {
        write_ballot(out, body.ballot);
        out.u8(static_cast<std::uint8_t>(body.reason));
        write_ballot(out, body.promised);
        write_terms(out, body.terms);
    }
    void operator()(const Join& body) const { out.u64(body.cluster.value()); }
    void operator()(const JoinAnswer& body) const {
        out.u8(static_cast<std::uint8_t>(body.status));
        write_charter(out, body.cluster);
        out.u64(body.leader.value());
        write_peers(out, body.members);
        out.long_string(body.reason);
    }
    void operator()(const Remove& body) const {
        out.u64(body.cluster.value());
        out.u64(body.node.value());
    }
    void operator()(const RemoveAnswer& body) const {
        out.u64(body.cluster.value());
        out.u64(body.node.value());
        out.u8(static_cast<std::uint8_t>(body.status));
    }
};

template <class Enum>
Enum read_enum(ByteReader& in, Enum last) {
    const std::uint8_t value = in.u8();
    if (value < 1 || value > static_cast<std::uint8_t>(last)) fail(in);
    return static_cast<Enum>(value);
}

Hello read_hello(ByteReader& in) {
    Hello out;
    const std::uint8_t answer = in.u8();
    if (answer > 1) fail(in);
    out.answer = answer == 1;
    out.terms = read_terms(in);
    out.cluster = read_charter(in);
    out.leader = NodeId{in.u64()};
    out.members = read_peers(in);
    const std::size_t heard = in.u16();
    for (std::size_t i = 0; i < heard && in.ok(); ++i) out.heard.emplace_back(in.u64());
    out.facts = in.long_string();
    if (out.facts.size() > kFactsBytesMax) fail(in);
    return out;
}

Promise read_promise(ByteReader& in) {
    Promise out;
    out.ballot = read_ballot(in);
    out.accepted = read_ballot(in);
    out.charter = read_charter(in);
    return out;
}

Accept read_accept(ByteReader& in) {
    Accept out;
    out.ballot = read_ballot(in);
    out.terms = read_terms(in);
    if (auto charter = read_charter(in))
        out.charter = std::move(*charter);
    else
        fail(in);
    return out;
}

Refusal read_refusal(ByteReader& in) {
    Refusal out;
    out.ballot = read_ballot(in);
    out.reason = read_enum(in, RefusalReason::member);
    out.promised = read_ballot(in);
    out.terms = read_terms(in);
    return out;
}

JoinAnswer read_join_answer(ByteReader& in) {
    JoinAnswer out;
    out.status = read_enum(in, JoinStatus::refused);
    out.cluster = read_charter(in);
    out.leader = NodeId{in.u64()};
    out.members = read_peers(in);
    out.reason = in.long_string();
    if (out.status == JoinStatus::welcome && !out.cluster) fail(in);
    return out;
}

}  // namespace

Bytes encode_formation(const FormationMessage& message) {
    Bytes bytes;
    ByteWriter out(bytes);
    out.u8(kVersion);
    out.u8(static_cast<std::uint8_t>(message.body.index() + 1));
    write_peer(out, message.from);
    std::visit(Writer{out}, message.body);
    return bytes;
}

Result<FormationMessage> decode_formation(ByteView bytes) {
    ByteReader in(bytes);
    if (const std::uint8_t version = in.u8(); version != kVersion)
        return Error{
            ErrorKind::unsupported,
            fmt::format("version {} of formation's messages is unknown", version)};
    const auto type = static_cast<Type>(in.u8());
    FormationMessage out;
    out.from = read_peer(in);
    switch (type) {
        case Type::hello:
            out.body = read_hello(in);
            break;
        case Type::prepare: {
            const Ballot ballot = read_ballot(in);
            out.body = Prepare{ballot, read_terms(in)};
            break;
        }
        case Type::promise:
            out.body = read_promise(in);
            break;
        case Type::accept:
            out.body = read_accept(in);
            break;
        case Type::accepted:
            out.body = Accepted{read_ballot(in)};
            break;
        case Type::refusal:
            out.body = read_refusal(in);
            break;
        case Type::join:
            out.body = Join{ClusterId{in.u64()}};
            break;
        case Type::join_answer:
            out.body = read_join_answer(in);
            break;
        case Type::remove: {
            const ClusterId cluster{in.u64()};
            out.body = Remove{cluster, NodeId{in.u64()}};
            break;
        }
        case Type::remove_answer: {
            const ClusterId cluster{in.u64()};
            const NodeId node{in.u64()};
            out.body = RemoveAnswer{cluster, node, read_enum(in, RemoveStatus::minority)};
            break;
        }
        default:
            fail(in);
    }
    if (!in.ok() || !in.done())
        return Error{ErrorKind::corrupt, "a message of formation makes no sense"};
    return out;
}

}  // namespace lvt::cluster
