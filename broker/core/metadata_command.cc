#include "broker/core/metadata_command.h"

#include "protocol/base/byte_writer.h"

#include <fmt/format.h>

#include <type_traits>

namespace lvt::broker {

namespace {

/// A command is written in the first version that knows all that it says.
constexpr std::uint8_t kFormatVersionMax = 2;

std::uint8_t version_of(const MetadataCommand& command) {
    if (const auto* const put = std::get_if<PutQueue>(&command); put && put->home.value() != 0)
        return 2;
    const auto* const gone = std::get_if<DeleteQueue>(&command);
    return gone && gone->uid.value() != 0 ? 2 : 1;
}

/// One archive writes and one reads the fields that `fields()` names, so both agree on their order.
class Writer {
public:
    Writer(Bytes& out, std::uint8_t version) : version(version), out_(out) {}
    const std::uint8_t version;
    void operator()(const Bytes& value) { out_.long_string(value); }
    void operator()(const bool& value) { out_.u8(value); }
    void operator()(const std::int32_t& value) { out_.u32(static_cast<std::uint32_t>(value)); }
    void operator()(const std::uint64_t& value) { out_.u64(value); }
    template <class Tag>
    void operator()(const StrongId<Tag, std::uint64_t>& value) {
        out_.u64(value.value());
    }
    void operator()(const amqp::Table& value) { out_.long_string(value.bytes()); }
    void operator()(const std::vector<Bytes>& values) {
        out_.u32(static_cast<std::uint32_t>(values.size()));
        for (const Bytes& value : values) (*this)(value);
    }
    void operator()(const std::vector<ClusterNode>& nodes) {
        out_.u32(static_cast<std::uint32_t>(nodes.size()));
        for (const ClusterNode& node : nodes) (*this)(node.id), (*this)(node.starts);
    }

private:
    ByteWriter out_;
};

class Reader {
public:
    Reader(ByteReader& in, std::uint8_t version) : version(version), in_(in) {}
    const std::uint8_t version;
    void operator()(Bytes& value) { value = Bytes(in_.long_string()); }
    void operator()(bool& value) { value = in_.u8() != 0; }
    void operator()(std::int32_t& value) { value = static_cast<std::int32_t>(in_.u32()); }
    void operator()(std::uint64_t& value) { value = in_.u64(); }
    template <class Tag>
    void operator()(StrongId<Tag, std::uint64_t>& value) {
        value = StrongId<Tag, std::uint64_t>(in_.u64());
    }
    void operator()(amqp::Table& value) {
        auto table = amqp::Table::decode(in_.long_string());
        if (table.has_value())
            value = std::move(*table);
        else
            tables_ok_ = false;
    }
    void operator()(std::vector<Bytes>& values) {
        for (std::uint32_t left = in_.u32(); left > 0 && in_.ok(); --left) {
            (*this)(values.emplace_back());
        }
    }
    void operator()(std::vector<ClusterNode>& nodes) {
        for (std::uint32_t left = in_.u32(); left > 0 && in_.ok(); --left) {
            ClusterNode& node = nodes.emplace_back();
            (*this)(node.id), (*this)(node.starts);
        }
    }
    bool ok() const { return in_.ok() && tables_ok_; }

private:
    ByteReader& in_;
    bool tables_ok_ = true;
};

template <class Command, class Archive>
void fields(Command& c, Archive& archive) {
    using T = std::remove_const_t<Command>;
    if constexpr (
        std::is_same_v<T, PutVhost> || std::is_same_v<T, DeleteVhost> ||
        std::is_same_v<T, DeleteUser> || std::is_same_v<T, DeleteGlobalParameter>) {
        archive(c.name);
    } else if constexpr (std::is_same_v<T, PutUser>) {
        archive(c.name), archive(c.password_hash), archive(c.tags);
    } else if constexpr (std::is_same_v<T, PutPermissions>) {
        archive(c.user), archive(c.vhost), archive(c.configure), archive(c.write), archive(c.read);
    } else if constexpr (std::is_same_v<T, DeletePermissions>) {
        archive(c.user), archive(c.vhost);
    } else if constexpr (std::is_same_v<T, PutExchange>) {
        archive(c.vhost), archive(c.name), archive(c.type), archive(c.durable);
        archive(c.auto_delete), archive(c.internal), archive(c.arguments);
    } else if constexpr (std::is_same_v<T, PutQueue>) {
        archive(c.vhost), archive(c.name), archive(c.uid), archive(c.durable);
        archive(c.auto_delete), archive(c.exclusive), archive(c.arguments);
        if (archive.version >= 2) archive(c.home);
    } else if constexpr (std::is_same_v<T, DeleteQueue>) {
        archive(c.vhost), archive(c.name);
        if (archive.version >= 2) archive(c.uid);
    } else if constexpr (std::is_same_v<T, NoteApplied>) {
        archive(c.index), archive(c.origin), archive(c.starts), archive(c.number);
        archive(c.uid_max);
    } else if constexpr (std::is_same_v<T, ForgetNode>) {
        archive(c.node);
    } else if constexpr (std::is_same_v<T, BeginRun>) {
        archive(c.alive);
    } else if constexpr (std::is_same_v<T, PutBinding> || std::is_same_v<T, DeleteBinding>) {
        archive(c.vhost), archive(c.source), archive(c.to_queue), archive(c.destination);
        archive(c.routing_key), archive(c.arguments);
    } else if constexpr (std::is_same_v<T, PutPolicy>) {
        archive(c.vhost), archive(c.name), archive(c.of_operator), archive(c.pattern);
        archive(c.apply_to), archive(c.priority), archive(c.definition);
    } else if constexpr (std::is_same_v<T, DeletePolicy>) {
        archive(c.vhost), archive(c.name), archive(c.of_operator);
    } else if constexpr (std::is_same_v<T, PutTopicPermissions>) {
        archive(c.user), archive(c.vhost), archive(c.exchange), archive(c.write), archive(c.read);
    } else if constexpr (std::is_same_v<T, DeleteTopicPermissions>) {
        archive(c.user), archive(c.vhost), archive(c.exchange);
    } else if constexpr (std::is_same_v<T, PutLimits>) {
        archive(c.of_user), archive(c.name), archive(c.limits);
    } else if constexpr (std::is_same_v<T, DescribeVhost>) {
        archive(c.name), archive(c.description), archive(c.tags), archive(c.default_queue_type);
    } else if constexpr (std::is_same_v<T, PutGlobalParameter>) {
        archive(c.name), archive(c.value);
    } else if constexpr (std::is_same_v<T, PutDelayQueue>) {
        archive(c.vhost), archive(c.exchange), archive(c.uid);
    } else {
        static_assert(std::is_same_v<T, DeleteExchange> || std::is_same_v<T, BeginSeed>);
        if constexpr (std::is_same_v<T, DeleteExchange>) archive(c.vhost), archive(c.name);
    }
}

template <std::size_t index = 0>
Result<MetadataCommand> decode_as(std::size_t type, std::uint8_t version, ByteReader& in) {
    if constexpr (index == std::variant_size_v<MetadataCommand>) {
        return Error{ErrorKind::unsupported, fmt::format("metadata command type {}", type + 1)};
    } else {
        if (type != index) return decode_as<index + 1>(type, version, in);
        std::variant_alternative_t<index, MetadataCommand> command;
        Reader archive(in, version);
        fields(command, archive);
        if (!archive.ok() || !in.done()) {
            return Error{ErrorKind::corrupt, fmt::format("metadata command of type {}", type + 1)};
        }
        return MetadataCommand(std::move(command));
    }
}

}  // namespace

Bytes encode_metadata(const MetadataCommand& command) {
    Bytes out;
    const std::uint8_t version = version_of(command);
    out.push_back(static_cast<char>(version));
    out.push_back(static_cast<char>(command.index() + 1));
    Writer archive(out, version);
    std::visit([&](const auto& c) { fields(c, archive); }, command);
    return out;
}

Result<MetadataCommand> decode_metadata(ByteView bytes) {
    ByteReader in(bytes);
    const std::uint8_t version = in.u8();
    const std::uint8_t type = in.u8();
    if (!in.ok()) return Error{ErrorKind::corrupt, "metadata command cut off"};
    if (version == 0 || version > kFormatVersionMax) {
        return Error{
            ErrorKind::unsupported, fmt::format("metadata command of version {}", version)};
    }
    return decode_as(std::size_t{type} - 1, version, in);
}

Result<std::vector<MetadataCommand>> read_commands(ByteReader& in, std::string_view what) {
    std::vector<MetadataCommand> out;
    while (!in.done()) {
        const ByteView bytes = in.long_string();
        if (!in.ok()) return Error{ErrorKind::corrupt, fmt::format("{} cut off", what)};
        auto command = decode_metadata(bytes);
        if (command.has_error()) return std::move(command).error();
        out.push_back(std::move(*command));
    }
    return out;
}

}  // namespace lvt::broker
