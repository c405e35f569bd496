#include "tests/protocol/random_amqp.h"

#include <gtest/gtest.h>

#include <array>
#include <utility>

namespace lvt::amqp {
namespace {

constexpr ByteView kTags = "tbBsuIilLfdDSxTVAF";

std::size_t fixed_bytes(char tag) {
    switch (tag) {
        case 'V': return 0;
        case 't':
        case 'b':
        case 'B': return 1;
        case 's':
        case 'u': return 2;
        case 'I':
        case 'i':
        case 'f': return 4;
        case 'D': return 5;
        default: return 8;
    }
}

template <std::size_t... Index>
constexpr auto method_makers(std::index_sequence<Index...>) {
    using Make = Method (*)(RandomAmqp&);
    return std::array<Make, sizeof...(Index)>{[](RandomAmqp& random) {
        Method method(std::in_place_index<Index>);
        std::get<Index>(method).for_each_field([&](const char*, auto& field) {
            random.fill(field);
        });
        return method;
    }...};
}

}  // namespace

std::uint64_t test_seed() {
    const int asked = GTEST_FLAG_GET(random_seed);
    return asked == 0 ? 1 : static_cast<std::uint64_t>(asked);
}

std::string trace(std::uint64_t seed, int round) {
    return "seed " + std::to_string(seed) + ", round " + std::to_string(round);
}

void RandomAmqp::append_value(Bytes& out, int depth) {
    const std::size_t nested = 2;
    const char tag = kTags[below(depth > 0 ? kTags.size() : kTags.size() - nested)];
    ByteWriter writer(out);
    writer.u8(static_cast<std::uint8_t>(tag));
    if (tag == 'F') {
        writer.long_string(table(depth - 1).bytes());
    } else if (tag == 'A') {
        Bytes inside;
        for (std::size_t count = below(4); count > 0; --count) append_value(inside, depth - 1);
        writer.long_string(inside);
    } else if (tag == 'S' || tag == 'x') {
        writer.long_string(octets(20));
    } else {
        writer.raw(random_.bytes(fixed_bytes(tag)));
    }
}

Table RandomAmqp::table(int depth) {
    Bytes bytes;
    for (std::size_t count = below(5); count > 0; --count) {
        ByteWriter(bytes).short_string(octets(12));
        append_value(bytes, depth);
    }
    return Table::decode(bytes).value();
}

Bytes RandomAmqp::properties() {
    PropertiesBuilder builder;
    const auto flags = static_cast<std::uint16_t>(integer());
    for (std::uint16_t flag = property::kContentType; flag > property::kNone; flag >>= 1) {
        if ((flags & flag) == 0) continue;
        if (flag == property::kHeaders) builder.set_headers(table());
        else if (flag == property::kDeliveryMode) builder.set_delivery_mode(1 + coin());
        else if (flag == property::kPriority) builder.set_priority(below(256));
        else if (flag == property::kTimestamp) builder.set_timestamp(integer());
        else builder.set_text(flag, octets(30));
    }
    return builder.build();
}

Method RandomAmqp::method(std::size_t index) {
    static constexpr auto kMakers =
        method_makers(std::make_index_sequence<std::variant_size_v<Method>>());
    return kMakers[index](*this);
}

}  // namespace lvt::amqp
