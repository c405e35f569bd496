#include "broker/management/message_json.h"

#include "broker/management/json_values.h"
#include "broker/management/table_json.h"
#include "protocol/amqp/properties.h"
#include "protocol/base/base64.h"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <charconv>

namespace lvt::broker {

namespace json = boost::json;

namespace {

constexpr std::pair<std::string_view, std::uint16_t> kTexts[] = {
    {"content_type", amqp::property::kContentType},
    {"content_encoding", amqp::property::kContentEncoding},
    {"correlation_id", amqp::property::kCorrelationId},
    {"reply_to", amqp::property::kReplyTo},
    {"expiration", amqp::property::kExpiration},
    {"message_id", amqp::property::kMessageId},
    {"type", amqp::property::kType},
    {"user_id", amqp::property::kUserId},
    {"app_id", amqp::property::kAppId},
    {"cluster_id", amqp::property::kClusterId},
};

std::optional<ByteView> text_of(const amqp::Properties& all, std::uint16_t flag) {
    switch (flag) {
        case amqp::property::kContentType:
            return all.content_type();
        case amqp::property::kContentEncoding:
            return all.content_encoding();
        case amqp::property::kCorrelationId:
            return all.correlation_id();
        case amqp::property::kReplyTo:
            return all.reply_to();
        case amqp::property::kExpiration:
            return all.expiration();
        case amqp::property::kMessageId:
            return all.message_id();
        case amqp::property::kType:
            return all.type();
        case amqp::property::kUserId:
            return all.user_id();
        case amqp::property::kAppId:
            return all.app_id();
        default:
            return all.cluster_id();
    }
}

/// An empty one is a list: that is how RabbitMQ's clients know it.
json::value json_of_properties(const amqp::Properties& all) {
    json::object out;
    for (const auto& [name, flag] : kTexts)
        if (const auto text = text_of(all, flag)) out[name] = json_text(*text);
    if (const auto headers = all.headers()) out["headers"] = json_of(amqp::TableView(*headers));
    if (const auto mode = all.delivery_mode()) out["delivery_mode"] = *mode;
    if (const auto priority = all.priority()) out["priority"] = *priority;
    if (const auto timestamp = all.timestamp()) out["timestamp"] = *timestamp;
    if (out.empty()) return json::array();
    return out;
}

std::optional<std::uint64_t> number_of(const json::value& value) {
    if (const json::string* const text = value.if_string()) {
        std::uint64_t number = 0;
        const auto [end, error] =
            std::from_chars(text->data(), text->data() + text->size(), number);
        if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
        return number;
    }
    boost::system::error_code error;
    const auto number = value.to_number<std::uint64_t>(error);
    if (error) return std::nullopt;
    return number;
}

Error wrong(std::string_view name) {
    return {ErrorKind::invalid, fmt::format("property '{}' is not of its type", name)};
}

}  // namespace

json::object json_of(const GotMessage& got, const GetForm& form) {
    const Message& message = *got.message;
    const ByteView shown = message.body().substr(0, form.payload_max);
    json::string text = json_text(shown);
    // What JSON cannot hold goes as base64.
    const bool as_text = !form.base64 && std::string_view(text) == shown;
    return {
        {"payload_bytes", message.body().size()},
        {"redelivered", got.redelivered},
        {"exchange", json_text(message.exchange())},
        {"routing_key", json_text(message.routing_key())},
        {"message_count", got.message_count},
        {"properties", json_of_properties(amqp::Properties(message.properties()))},
        {"payload", as_text ? std::move(text) : json::string(base64_encoded(shown))},
        {"payload_encoding", as_text ? "string" : "base64"}};
}

Result<Bytes> properties_of(const json::object& properties) {
    amqp::PropertiesBuilder builder;
    for (const auto& [name, flag] : kTexts) {
        const json::value* const value = properties.if_contains(name);
        if (!value || value->is_null()) continue;
        const auto number = value->is_string() ? std::nullopt : number_of(*value);
        if (!value->is_string() && !number) return wrong(name);
        const Bytes text = number ? std::to_string(*number) : Bytes(value->get_string());
        if (text.size() > 255) return wrong(name);
        builder.set_text(flag, text);
    }
    const auto number = [&](const char* name,
                            std::uint64_t max) -> Result<std::optional<std::uint64_t>> {
        const json::value* const value = properties.if_contains(name);
        if (!value || value->is_null()) return std::optional<std::uint64_t>();
        const auto number = number_of(*value);
        if (!number || *number > max) return wrong(name);
        return number;
    };
    const auto mode = number("delivery_mode", 255);
    if (mode.has_error()) return mode.error();
    if (*mode) builder.set_delivery_mode(static_cast<std::uint8_t>(**mode));
    const auto priority = number("priority", 255);
    if (priority.has_error()) return priority.error();
    if (*priority) builder.set_priority(static_cast<std::uint8_t>(**priority));
    const auto timestamp = number("timestamp", ~std::uint64_t{0});
    if (timestamp.has_error()) return timestamp.error();
    if (*timestamp) builder.set_timestamp(**timestamp);
    if (const json::value* const headers = properties.if_contains("headers");
        headers && !headers->is_null() && !headers->is_array()) {
        auto table = table_of(*headers);
        if (table.has_error()) return wrong("headers");
        builder.set_headers(*table);
    }
    return builder.build();
}

}  // namespace lvt::broker
