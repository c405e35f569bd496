// decode_method: what it accepts is encoded to something that it reads as the same.
#include "protocol/amqp/method.h"
#include "protocol/base/assert.h"
#include "tests/fuzz/pieces.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace lvt;
    const ByteView payload = as_view(data, size);
    const auto method = amqp::decode_method(payload);
    if (method.has_error()) {
        ASSERT(method.error().closes_connection());
        ASSERT(method.error().reply_text().size() <= 255);
        return 0;
    }
    Bytes encoded;
    ByteWriter writer(encoded);
    amqp::encode_method(*method, writer);
    // Only unused bits may differ.
    ASSERT(encoded.size() == payload.size());
    const auto again = amqp::decode_method(encoded);
    ASSERT(again.has_value() && *again == *method);
    return 0;
}
