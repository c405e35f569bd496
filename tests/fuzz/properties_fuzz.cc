// Properties: the one-pass scan, the validation and the accessors agree, and the builder keeps every octet that means something.
#include "protocol/amqp/properties.h"
#include "protocol/base/assert.h"
#include "tests/fuzz/pieces.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace lvt;
    const ByteView bytes = as_view(data, size);
    const auto scan = amqp::scan_properties(bytes);
    ASSERT(scan.has_value() == amqp::Properties::validate(bytes).has_value());
    if (!scan) return 0;
    const amqp::Properties properties(bytes);
    ASSERT(scan->flags == properties.flags());
    ASSERT(scan->delivery_mode == properties.delivery_mode().value_or(0));
    ASSERT(scan->priority == properties.priority().value_or(0));
    ASSERT(scan->headers == properties.headers().value_or(""));
    ASSERT(scan->reply_to == properties.reply_to().value_or(""));
    ASSERT(scan->expiration == properties.expiration().value_or(""));
    ASSERT(scan->user_id == properties.user_id().value_or(""));
    ASSERT(properties.timestamp().has_value() == scan->has(amqp::property::kTimestamp));
    ASSERT(properties.cluster_id().has_value() == scan->has(amqp::property::kClusterId));
    // The two lowest flags mean nothing and are not passed on.
    Bytes kept(bytes);
    kept[1] = static_cast<char>(kept[1] & ~amqp::property::kNone);
    ASSERT(amqp::PropertiesBuilder(properties).build() == kept);
    return 0;
}
