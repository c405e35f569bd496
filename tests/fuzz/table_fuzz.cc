// Tables: what is accepted can be walked to its last value, taken apart and put together again.
#include "protocol/amqp/table.h"
#include "protocol/base/assert.h"
#include "tests/fuzz/pieces.h"

namespace lvt::amqp {
namespace {

Bytes rebuild_table(ByteView bytes);

Bytes rebuild_array(ByteView bytes);

/// The value with everything inside of it rebuilt.
void append_rebuilt(Bytes& out, const FieldValue& value) {
    Bytes inside;
    if (value.table()) inside = rebuild_table(value.raw);
    else if (value.array()) inside = rebuild_array(value.raw);
    else inside = value.raw;
    ASSERT(value.type_name() != nullptr);
    ASSERT(!(value.integer() && value.string()));
    if (value.boolean()) ASSERT(value.raw.size() == 1);
    append_value(out, FieldValue{value.tag, inside});
}

Bytes rebuild_array(ByteView bytes) {
    Bytes out;
    ArrayView(bytes).for_each([&](const FieldValue& value) { append_rebuilt(out, value); });
    return out;
}

Bytes rebuild_table(ByteView bytes) {
    Bytes out;
    for (const auto& [name, value] : TableView(bytes)) {
        ASSERT(TableView(bytes).find(name).has_value());
        out.push_back(static_cast<char>(name.size()));
        out.append(name);
        append_rebuilt(out, value);
    }
    return out;
}

}  // namespace
}  // namespace lvt::amqp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace lvt;
    const auto table = amqp::Table::decode(as_view(data, size));
    if (table.has_error()) {
        ASSERT(table.error().code == amqp::ReplyCode::syntax_error);
        return 0;
    }
    ASSERT(amqp::rebuild_table(table->bytes()) == as_view(data, size));
    return 0;
}
