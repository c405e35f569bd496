#include "broker/core/peer_item.h"

#include "broker/core/message_codec.h"
#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"

#include <fmt/format.h>

#include <type_traits>

namespace lvt::broker {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 9;

/// One archive writes and one reads the fields that `fields()` names, so both agree on their order.
class Writer {
public:
    explicit Writer(Bytes& out) : bytes_(out), out_(out) {}
    void operator()(const bool& value) { out_.u8(value); }
    void operator()(const Outcome& value) { out_.u8(static_cast<std::uint8_t>(value)); }
    void operator()(const std::uint16_t& value) { out_.u16(value); }
    void operator()(const std::uint32_t& value) { out_.u32(value); }
    void operator()(const std::uint64_t& value) { out_.u64(value); }
    void operator()(const amqp::ReplyCode& value) { out_.u16(static_cast<std::uint16_t>(value)); }
    template <class Tag, class Value>
    void operator()(const StrongId<Tag, Value>& value) {
        (*this)(value.value());
    }
    void operator()(const Bytes& value) { out_.long_string(value); }
    void operator()(const SessionId& value) {
        out_.u32(value.slot);
        out_.u32(value.epoch);
    }
    void operator()(const SlotProgress& value) {
        (*this)(value.channel), (*this)(value.slot), (*this)(value.encoded);
    }
    template <class T>
    void operator()(const std::vector<T>& values) {
        out_.u32(static_cast<std::uint32_t>(values.size()));
        for (const T& value : values) (*this)(value);
    }
    template <class T>
    void operator()(const Boxed<T>& value) {
        (*this)(*value);
    }
    void operator()(const amqp::AmqpError& value) {
        (*this)(value.code), (*this)(value.text), (*this)(value.class_id), (*this)(value.method_id);
        (*this)(value.hard);
    }
    template <class M>
    void operator()(const std::unique_ptr<M>& method) {
        const std::size_t at = out_.size();
        out_.u32(0);
        amqp::encode_method(*method, out_);
        out_.patch_u32(at, static_cast<std::uint32_t>(out_.size() - at - sizeof(std::uint32_t)));
    }
    void operator()(const MessagePtr& message) {
        const ByteView octets = message->head_and_body();
        out_.u32(static_cast<std::uint32_t>(kMessagePrefixBytes + octets.size()));
        const std::size_t at = bytes_.size();
        bytes_.resize(at + kMessagePrefixBytes);
        encode_message_prefix(*message, bytes_.data() + at);
        bytes_.append(octets);
    }

private:
    Bytes& bytes_;
    ByteWriter out_;
};

class Reader {
public:
    Reader(ByteView bytes, MessagePool& pool) : in_(bytes), pool_(pool) {}
    void operator()(bool& value) { value = in_.u8() != 0; }
    void operator()(Outcome& value) {
        value = static_cast<Outcome>(in_.u8());
        sound_ = sound_ && value <= Outcome::discard;
    }
    void operator()(std::uint16_t& value) { value = in_.u16(); }
    void operator()(std::uint32_t& value) { value = in_.u32(); }
    void operator()(std::uint64_t& value) { value = in_.u64(); }
    void operator()(amqp::ReplyCode& value) { value = static_cast<amqp::ReplyCode>(in_.u16()); }
    template <class Tag, class Value>
    void operator()(StrongId<Tag, Value>& value) {
        Value plain{};
        (*this)(plain);
        value = StrongId<Tag, Value>(plain);
    }
    void operator()(Bytes& value) { value = Bytes(in_.long_string()); }
    void operator()(SessionId& value) {
        value.slot = in_.u32();
        value.epoch = in_.u32();
    }
    void operator()(SlotProgress& value) {
        (*this)(value.channel), (*this)(value.slot), (*this)(value.encoded);
    }
    template <class T>
    void operator()(std::vector<T>& values) {
        for (std::uint32_t left = in_.u32(); left > 0 && in_.ok(); --left)
            (*this)(values.emplace_back());
    }
    template <class T>
    void operator()(Boxed<T>& value) {
        (*this)(*value);
    }
    void operator()(amqp::AmqpError& value) {
        (*this)(value.code), (*this)(value.text), (*this)(value.class_id), (*this)(value.method_id);
        (*this)(value.hard);
    }
    void operator()(std::unique_ptr<amqp::Method>& method) {
        auto decoded = amqp::decode_method(in_.long_string());
        sound_ = sound_ && decoded.has_value();
        method = std::make_unique<amqp::Method>(
            decoded.has_value() ? std::move(*decoded) : amqp::Method());
    }
    void operator()(std::unique_ptr<amqp::BasicConsume>& method) {
        std::unique_ptr<amqp::Method> any;
        (*this)(any);
        auto* const consume = std::get_if<amqp::BasicConsume>(any.get());
        sound_ = sound_ && consume;
        method = std::make_unique<amqp::BasicConsume>(
            consume ? std::move(*consume) : amqp::BasicConsume());
    }
    void operator()(MessagePtr& message) {
        const ByteView stored = in_.long_string();
        if (!ok()) return;
        Result<MessagePtr> decoded = decode_message(pool_, stored);
        sound_ = decoded.has_value();
        if (!sound_) return;
        message = std::move(*decoded);
    }
    bool ok() const { return in_.ok() && sound_; }
    ByteView rest() const { return in_.rest(); }

private:
    ByteReader in_;
    MessagePool& pool_;
    bool sound_ = true;
};

template <class Item, class Archive>
void fields(Item& item, Archive& archive) {
    using T = std::remove_const_t<Item>;
    const auto all = [&](auto&... field) { (archive(field), ...); };
    if constexpr (std::is_same_v<T, PeerHello>)
        all(item.node, item.starts);
    else if constexpr (std::is_same_v<T, OpenShadow>)
        all(item.session, item.user, item.peer, item.local, item.vhost);
    else if constexpr (std::is_same_v<T, OpenChannel> || std::is_same_v<T, ChannelClosed>)
        all(item.session, item.channel);
    else if constexpr (std::is_same_v<T, CloseChannel>)
        all(item.session, item.channel, item.progress);
    else if constexpr (std::is_same_v<T, CloseSession>)
        all(item.session, item.progress);
    else if constexpr (std::is_same_v<T, Perform> || std::is_same_v<T, Reply>)
        all(item.session, item.channel, item.method);
    else if constexpr (std::is_same_v<T, Consume>)
        all(item.session, item.channel, item.slot, item.method);
    else if constexpr (std::is_same_v<T, Cancel>) {
        all(item.session, item.channel, item.slot, item.encoded, item.consumer_tag);
        all(item.no_wait, item.keep);
    } else if constexpr (std::is_same_v<T, Recover>)
        all(item.session, item.channel, item.no_wait, item.progress);
    else if constexpr (std::is_same_v<T, Settle>)
        all(item.session, item.channel, item.slot, item.outcome, item.first, item.count);
    else if constexpr (std::is_same_v<T, DeliveriesTaken>)
        all(item.session, item.bytes);
    else if constexpr (std::is_same_v<T, PeerPublish>)
        all(item.queues, item.awaited, item.message);
    else if constexpr (std::is_same_v<T, PeerPublished>)
        all(item.up_to);
    else if constexpr (std::is_same_v<T, PeerRefused>)
        all(item.number);
    else if constexpr (std::is_same_v<T, Deliver>) {
        all(item.session, item.channel, item.redelivered, item.no_ack, item.slot, item.index);
        all(item.message);
    } else if constexpr (std::is_same_v<T, GotMessage>) {
        all(item.session, item.channel, item.redelivered, item.no_ack, item.message_count);
        all(item.index, item.message);
    } else if constexpr (std::is_same_v<T, ChannelFailed>)
        all(item.session, item.channel, item.error);
    else if constexpr (std::is_same_v<T, SessionFailed>)
        all(item.session, item.error);
    else if constexpr (std::is_same_v<T, SessionClosed>)
        all(item.session);
    else if constexpr (std::is_same_v<T, ConsumerCancelled>)
        all(item.session, item.channel, item.slot);
    else if constexpr (std::is_same_v<T, PeerAlarm>)
        all(item.memory, item.disk);
    else {
        static_assert(std::is_same_v<T, PeerDirectReply>);
        all(item.vhost, item.name, item.message);
    }
}

/// The place of T in the variant.
template <class T, std::size_t index = 0>
constexpr std::size_t index_of() {
    if constexpr (std::is_same_v<T, std::variant_alternative_t<index, PeerItem>>)
        return index;
    else
        return index_of<T, index + 1>();
}

template <std::size_t index = 0>
std::optional<PeerItem> read_as(std::size_t type, Reader& archive) {
    if constexpr (index == std::variant_size_v<PeerItem>) {
        return std::nullopt;
    } else {
        if (type != index) return read_as<index + 1>(type, archive);
        std::variant_alternative_t<index, PeerItem> item;
        fields(item, archive);
        if (!archive.ok()) return std::nullopt;
        return PeerItem(std::move(item));
    }
}

}  // namespace

void begin_peer_batch(Bytes& out, std::uint64_t number) {
    ByteWriter writer(out);
    writer.u8(kVersion);
    writer.u64(number);
}

template <class Item>
void append_peer_item(Bytes& out, const Item& item) {
    out.push_back(static_cast<char>(index_of<Item>() + 1));
    Writer archive(out);
    fields(item, archive);
}

Result<std::uint64_t> PeerBatchReader::number() {
    if (rest_.size() < kHeaderBytes) return Error{ErrorKind::corrupt, "a batch was cut off"};
    ByteReader in(rest_);
    const std::uint8_t version = in.u8();
    const std::uint64_t number = in.u64();
    rest_ = in.rest();
    if (version != kVersion)
        return Error{ErrorKind::unsupported, fmt::format("a batch is of version {}", version)};
    return number;
}

Result<std::optional<PeerItem>> PeerBatchReader::next() {
    if (rest_.empty()) return std::optional<PeerItem>();
    const auto type = static_cast<std::uint8_t>(rest_.front());
    Reader archive(rest_.substr(1), pool_);
    std::optional<PeerItem> item = read_as(std::size_t{type} - 1, archive);
    rest_ = archive.rest();
    if (!item)
        return Error{ErrorKind::corrupt, fmt::format("an item of type {} makes no sense", type)};
    return item;
}

template void append_peer_item(Bytes&, const PeerHello&);
template void append_peer_item(Bytes&, const OpenShadow&);
template void append_peer_item(Bytes&, const OpenChannel&);
template void append_peer_item(Bytes&, const CloseChannel&);
template void append_peer_item(Bytes&, const CloseSession&);
template void append_peer_item(Bytes&, const Perform&);
template void append_peer_item(Bytes&, const Consume&);
template void append_peer_item(Bytes&, const Cancel&);
template void append_peer_item(Bytes&, const Recover&);
template void append_peer_item(Bytes&, const Settle&);
template void append_peer_item(Bytes&, const DeliveriesTaken&);
template void append_peer_item(Bytes&, const PeerPublish&);
template void append_peer_item(Bytes&, const PeerPublished&);
template void append_peer_item(Bytes&, const PeerRefused&);
template void append_peer_item(Bytes&, const Deliver&);
template void append_peer_item(Bytes&, const GotMessage&);
template void append_peer_item(Bytes&, const Reply&);
template void append_peer_item(Bytes&, const ChannelFailed&);
template void append_peer_item(Bytes&, const SessionFailed&);
template void append_peer_item(Bytes&, const ChannelClosed&);
template void append_peer_item(Bytes&, const SessionClosed&);
template void append_peer_item(Bytes&, const ConsumerCancelled&);
template void append_peer_item(Bytes&, const PeerAlarm&);
template void append_peer_item(Bytes&, const PeerDirectReply&);

}  // namespace lvt::broker
