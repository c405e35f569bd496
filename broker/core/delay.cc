#include "broker/core/delay.h"

#include "broker/core/message_copy.h"
#include "protocol/amqp/properties.h"

#include <algorithm>

namespace lvt::broker {

using amqp::Properties;
using amqp::TableView;

namespace {

constexpr const char* kDelay = "x-delay";
constexpr std::int64_t kDelayMax = 1000LL * 366 * 24 * 60 * 60 * 1000;

}  // namespace

std::uint64_t delay_of(const Message& message) {
    const auto headers = Properties(message.properties()).headers();
    if (!headers) return 0;
    const auto delay = TableView(*headers).find(kDelay);
    if (!delay) return 0;
    return static_cast<std::uint64_t>(
        std::clamp<std::int64_t>(delay->integer().value_or(0), 0, kDelayMax));
}

MessagePtr after_delay(MessagePool& pool, const Message& message) {
    const Properties before(message.properties());
    amqp::Table headers;
    if (const auto old = before.headers()) {
        for (const auto& [name, value] : TableView(*old)) {
            if (name != kDelay)
                headers.add_value(name, value);
            else if (value.tag == 'I')
                headers.add_int(name, static_cast<std::int32_t>(-*value.integer()));
            else
                headers.add_long(name, -*value.integer());
        }
    }
    amqp::PropertiesBuilder changed(before);
    changed.set_headers(headers);
    MessagePtr copy = with_properties(pool, message, changed.build());
    if (message.hides_bcc()) copy.mutable_get()->hide_bcc();
    return copy;
}

}  // namespace lvt::broker
