// The properties of class basic (spec 4.2.6.1), kept in wire form and read when somebody asks.
//
//   flags u16, then the values whose flag is set, in this order:
//
//     bit 15 content_type  14 content_encoding  13 headers (table)  12 delivery_mode u8  11 priority u8
//     10 correlation_id  9 reply_to  8 expiration  7 message_id  6 timestamp u64  5 type  4 user_id  3 app_id
//     2 cluster_id  (short strings where nothing is said)  1, 0 without a meaning
//
// The specification's bit 0 announces another word of flags. Class basic has none; RabbitMQ ignores both low bits, and so do we.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/amqp/amqp_error.h"
#include "protocol/amqp/table.h"
#include "protocol/base/byte_reader.h"
#include "protocol/base/bytes.h"

namespace lvt::amqp {

/// The flag of each property.
namespace property {
inline constexpr std::uint16_t kContentType = 1 << 15;
inline constexpr std::uint16_t kContentEncoding = 1 << 14;
inline constexpr std::uint16_t kHeaders = 1 << 13;
inline constexpr std::uint16_t kDeliveryMode = 1 << 12;
inline constexpr std::uint16_t kPriority = 1 << 11;
inline constexpr std::uint16_t kCorrelationId = 1 << 10;
inline constexpr std::uint16_t kReplyTo = 1 << 9;
inline constexpr std::uint16_t kExpiration = 1 << 8;
inline constexpr std::uint16_t kMessageId = 1 << 7;
inline constexpr std::uint16_t kTimestamp = 1 << 6;
inline constexpr std::uint16_t kType = 1 << 5;
inline constexpr std::uint16_t kUserId = 1 << 4;
inline constexpr std::uint16_t kAppId = 1 << 3;
inline constexpr std::uint16_t kClusterId = 1 << 2;
inline constexpr std::uint16_t kNone = 0x0003;
}  // namespace property

inline constexpr std::uint8_t kPersistent = 2;

/// What a broker wants to know of every message. Views into the scanned bytes.
struct PropertiesScan {
    std::uint16_t flags = 0;
    /// 0 where absent; kPersistent asks for the disk.
    std::uint8_t delivery_mode = 0;
    /// 0 where absent.
    std::uint8_t priority = 0;
    /// The inside of the headers table, for TableView.
    ByteView headers;
    ByteView reply_to;
    ByteView expiration;
    ByteView user_id;

    bool has(std::uint16_t flag) const { return (flags & flag) != 0; }
    bool persistent() const { return delivery_mode == kPersistent; }
};

/// One pass over properties in wire form that validates all of them, headers included. False where they are malformed:
/// Properties::validate tells why. `out` must be fresh. Allocates only where a headers table is malformed.
inline bool scan_properties(ByteView bytes, PropertiesScan& out);

/// What scan_properties does where the properties are not one of the two commonest.
bool scan_all_properties(ByteView bytes, PropertiesScan& out);

inline bool scan_properties(ByteView bytes, PropertiesScan& out) {
    if (bytes.size() == 3 && bytes[0] == property::kDeliveryMode >> 8 && bytes[1] == 0) {
        out.flags = property::kDeliveryMode;
        out.delivery_mode = static_cast<std::uint8_t>(bytes[2]);
        return true;
    }
    if (bytes.size() == 2 && bytes[0] == 0 && bytes[1] == 0) return true;
    return scan_all_properties(bytes, out);
}

inline std::optional<PropertiesScan> scan_properties(ByteView bytes) {
    std::optional<PropertiesScan> scan(std::in_place);
    if (!scan_properties(bytes, *scan)) scan.reset();
    return scan;
}

/// A view of properties that were validated before. Valid as long as the bytes are.
class Properties {
public:
    /// None at all.
    Properties() = default;
    /// `validated`: scan_properties or validate accepted them.
    explicit Properties(ByteView validated) : bytes_(validated) {}

    /// syntax_error (502, closes the connection) where they are malformed: cut off, too long, or a
    /// malformed headers table.
    static AmqpResult<void> validate(ByteView bytes);

    /// The wire form, from the flags on.
    ByteView bytes() const { return bytes_; }
    std::uint16_t flags() const { return load_big_endian<std::uint16_t>(bytes_.data()); }
    bool has(std::uint16_t flag) const { return (flags() & flag) != 0; }

    std::optional<ByteView> content_type() const { return text(property::kContentType); }
    std::optional<ByteView> content_encoding() const { return text(property::kContentEncoding); }
    /// The inside of the table, for TableView.
    std::optional<ByteView> headers() const;
    std::optional<std::uint8_t> delivery_mode() const { return octet(property::kDeliveryMode); }
    std::optional<std::uint8_t> priority() const { return octet(property::kPriority); }
    std::optional<ByteView> correlation_id() const { return text(property::kCorrelationId); }
    std::optional<ByteView> reply_to() const { return text(property::kReplyTo); }
    /// Milliseconds as decimal text; not checked here.
    std::optional<ByteView> expiration() const { return text(property::kExpiration); }
    std::optional<ByteView> message_id() const { return text(property::kMessageId); }
    /// Seconds since 1970; clients send milliseconds as well.
    std::optional<std::uint64_t> timestamp() const;
    std::optional<ByteView> type() const { return text(property::kType); }
    std::optional<ByteView> user_id() const { return text(property::kUserId); }
    std::optional<ByteView> app_id() const { return text(property::kAppId); }
    std::optional<ByteView> cluster_id() const { return text(property::kClusterId); }

private:
    /// A reader in front of that property's value, if it is there.
    std::optional<ByteReader> seek(std::uint16_t flag) const;
    std::optional<ByteView> text(std::uint16_t flag) const;
    std::optional<std::uint8_t> octet(std::uint16_t flag) const;

    ByteView bytes_{"\0\0", 2};
};

/// Builds properties in wire form; starts empty or from a message's, so that one can be changed and the rest kept.
class PropertiesBuilder {
public:
    PropertiesBuilder() = default;
    explicit PropertiesBuilder(const Properties& from);

    /// Any of the short strings, by flag; at most 255 octets.
    PropertiesBuilder& set_text(std::uint16_t flag, ByteView value);
    PropertiesBuilder& set_headers(const Table& headers);
    PropertiesBuilder& set_delivery_mode(std::uint8_t value);
    PropertiesBuilder& set_priority(std::uint8_t value);
    PropertiesBuilder& set_timestamp(std::uint64_t seconds);
    /// Takes any property away.
    PropertiesBuilder& clear(std::uint16_t flag);

    Bytes build() const;

private:
    PropertiesBuilder& set(std::uint16_t flag, Bytes encoded);

    /// The encoded value of each property, from bit 15 down; absent ones are not set.
    std::optional<Bytes> values_[14];
};

}  // namespace lvt::amqp
