#include "protocol/amqp/properties.h"

#include <bit>

#include "protocol/base/assert.h"
#include "protocol/base/byte_writer.h"

namespace lvt::amqp {
namespace {

constexpr std::uint16_t kOctets = property::kDeliveryMode | property::kPriority;

AmqpError malformed(const char* text) {
    return AmqpError{ReplyCode::syntax_error, text, 60, 0};
}

/// Which of the values is this: 0 for bit 15.
std::size_t position(std::uint16_t flag) {
    ASSERT(std::has_single_bit(flag) && flag > property::kNone);
    return static_cast<std::size_t>(std::countl_zero(flag));
}

bool is_text(std::uint16_t flag) {
    return (flag & (kOctets | property::kHeaders | property::kTimestamp)) == 0;
}

/// Takes the encoded value off the front.
ByteView take_encoded(ByteReader& in, std::uint16_t flag) {
    const ByteView before = in.rest();
    if (flag == property::kHeaders) in.long_string();
    else if (flag == property::kTimestamp) in.u64();
    else if (flag & kOctets) in.u8();
    else in.short_string();
    return before.substr(0, before.size() - in.rest().size());
}

/// The values behind the flags.
bool scan_values(ByteReader& in, PropertiesScan& scan) {
    const std::uint16_t flags = scan.flags;
    if (flags & property::kContentType) in.short_string();
    if (flags & property::kContentEncoding) in.short_string();
    if (flags & property::kHeaders) {
        scan.headers = in.long_string();
        if (!scan.headers.empty() && validate_table(scan.headers).has_error()) return false;
    }
    if (flags & property::kDeliveryMode) scan.delivery_mode = in.u8();
    if (flags & property::kPriority) scan.priority = in.u8();
    if (flags & property::kCorrelationId) in.short_string();
    if (flags & property::kReplyTo) scan.reply_to = in.short_string();
    if (flags & property::kExpiration) scan.expiration = in.short_string();
    if (flags & property::kMessageId) in.short_string();
    if (flags & property::kTimestamp) in.u64();
    if (flags & property::kType) in.short_string();
    if (flags & property::kUserId) scan.user_id = in.short_string();
    if (flags & property::kAppId) in.short_string();
    if (flags & property::kClusterId) in.short_string();
    return in.ok() && in.done();
}

}  // namespace

bool scan_all_properties(ByteView bytes, PropertiesScan& out) {
    ByteReader in(bytes);
    out.flags = in.u16();
    return scan_values(in, out);
}

AmqpResult<void> Properties::validate(ByteView bytes) {
    ByteReader in(bytes);
    const std::uint16_t flags = in.u16();
    for (std::uint16_t flag = property::kContentType; flag > property::kNone; flag >>= 1) {
        if ((flags & flag) == 0) continue;
        const ByteView value = take_encoded(in, flag);
        if (flag != property::kHeaders || !in.ok()) continue;
        auto valid = validate_table(value.substr(4));
        if (valid.has_error()) return valid;
    }
    if (!in.ok()) return malformed("properties are cut off");
    if (!in.done()) return malformed("octets behind the properties");
    return {};
}

std::optional<ByteReader> Properties::seek(std::uint16_t flag) const {
    ByteReader in(bytes_);
    const std::uint16_t flags = in.u16();
    if ((flags & flag) == 0) return std::nullopt;
    for (std::uint16_t before = property::kContentType; before > flag; before >>= 1) {
        if (flags & before) take_encoded(in, before);
    }
    ASSERT(in.ok());
    return in;
}

std::optional<ByteView> Properties::text(std::uint16_t flag) const {
    auto in = seek(flag);
    if (!in) return std::nullopt;
    return in->short_string();
}

std::optional<std::uint8_t> Properties::octet(std::uint16_t flag) const {
    auto in = seek(flag);
    if (!in) return std::nullopt;
    return in->u8();
}

std::optional<ByteView> Properties::headers() const {
    auto in = seek(property::kHeaders);
    if (!in) return std::nullopt;
    return in->long_string();
}

std::optional<std::uint64_t> Properties::timestamp() const {
    auto in = seek(property::kTimestamp);
    if (!in) return std::nullopt;
    return in->u64();
}

PropertiesBuilder::PropertiesBuilder(const Properties& from) {
    ByteReader in(from.bytes());
    const std::uint16_t flags = in.u16();
    for (std::uint16_t flag = property::kContentType; flag > property::kNone; flag >>= 1) {
        if (flags & flag) set(flag, Bytes(take_encoded(in, flag)));
    }
    ASSERT(in.ok());
}

PropertiesBuilder& PropertiesBuilder::set(std::uint16_t flag, Bytes encoded) {
    values_[position(flag)] = std::move(encoded);
    return *this;
}

PropertiesBuilder& PropertiesBuilder::set_text(std::uint16_t flag, ByteView value) {
    ASSERT(is_text(flag));
    Bytes encoded;
    ByteWriter(encoded).short_string(value);
    return set(flag, std::move(encoded));
}

PropertiesBuilder& PropertiesBuilder::set_headers(const Table& headers) {
    Bytes encoded;
    ByteWriter(encoded).long_string(headers.bytes());
    return set(property::kHeaders, std::move(encoded));
}

PropertiesBuilder& PropertiesBuilder::set_delivery_mode(std::uint8_t value) {
    return set(property::kDeliveryMode, Bytes(1, static_cast<char>(value)));
}

PropertiesBuilder& PropertiesBuilder::set_priority(std::uint8_t value) {
    return set(property::kPriority, Bytes(1, static_cast<char>(value)));
}

PropertiesBuilder& PropertiesBuilder::set_timestamp(std::uint64_t seconds) {
    Bytes encoded;
    ByteWriter(encoded).u64(seconds);
    return set(property::kTimestamp, std::move(encoded));
}

PropertiesBuilder& PropertiesBuilder::clear(std::uint16_t flag) {
    values_[position(flag)].reset();
    return *this;
}

Bytes PropertiesBuilder::build() const {
    Bytes out;
    ByteWriter writer(out);
    std::uint16_t flags = 0;
    for (std::size_t i = 0; i < std::size(values_); ++i) {
        if (values_[i]) flags |= static_cast<std::uint16_t>(property::kContentType >> i);
    }
    writer.u16(flags);
    for (const auto& value : values_) {
        if (value) writer.raw(*value);
    }
    return out;
}

}  // namespace lvt::amqp
