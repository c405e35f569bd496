#include "broker/core/exchange.h"

#include "protocol/amqp/properties.h"

#include <fmt/format.h>

#include <array>

namespace lvt::broker {

namespace {

constexpr std::array<std::pair<const char*, ExchangeType>, 4> kTypes = {{
    {"direct", ExchangeType::direct},
    {"fanout", ExchangeType::fanout},
    {"topic", ExchangeType::topic},
    {"headers", ExchangeType::headers},
}};

}  // namespace

std::optional<ExchangeType> parse_exchange_type(ByteView name) {
    for (const auto& [text, type] : kTypes) {
        if (name == text) return type;
    }
    return std::nullopt;
}

const char* exchange_type_name(ExchangeType type) {
    return kTypes[static_cast<std::size_t>(type)].first;
}

bool Exchange::bind(BindingKey key, Destination destination) {
    const auto [at, added] = bindings_.try_emplace(std::move(key), destination);
    if (!added) return false;
    if (type_ == ExchangeType::direct) direct_[at->first.routing_key].insert(destination);
    if (type_ == ExchangeType::topic) topic_.insert(at->first.routing_key, destination);
    return true;
}

bool Exchange::unbind(const BindingKey& key) {
    const auto at = bindings_.find(key);
    if (at == bindings_.end()) return false;
    if (type_ == ExchangeType::direct) {
        const auto bucket = direct_.find(key.routing_key);
        bucket->second.erase(at->second);
        if (bucket->second.empty()) direct_.erase(bucket);
    }
    if (type_ == ExchangeType::topic) topic_.erase(key.routing_key, at->second);
    bindings_.erase(at);
    return true;
}

void Exchange::match(const Message& message, std::vector<Destination>& out) const {
    switch (type_) {
        case ExchangeType::direct: {
            const auto bucket = direct_.find(message.routing_key());
            if (bucket != direct_.end()) bucket->second.append_to(out);
            return;
        }
        case ExchangeType::fanout:
            for (const auto& [key, destination] : bindings_) out.push_back(destination);
            return;
        case ExchangeType::topic:
            return topic_.match(message.routing_key(), out);
        case ExchangeType::headers: {
            const ByteView headers =
                amqp::Properties(message.properties()).headers().value_or(ByteView());
            for (const auto& [key, destination] : bindings_) {
                if (headers_match(amqp::TableView(key.arguments), amqp::TableView(headers))) {
                    out.push_back(destination);
                }
            }
            return;
        }
    }
}

amqp::AmqpResult<void> check_headers_binding(const amqp::Table& arguments) {
    const auto mode = arguments.find("x-match");
    if (!mode) return {};
    const auto text = mode->string();
    if (!text) {
        return amqp::AmqpError{
            amqp::ReplyCode::precondition_failed,
            fmt::format(
                "Invalid x-match field type {} (value {}); expected longstr",
                mode->type_name(),
                mode->integer().value_or(0))};
    }
    for (const char* const known : {"all", "any", "all-with-x", "any-with-x"}) {
        if (*text == known) return {};
    }
    return amqp::AmqpError{
        amqp::ReplyCode::precondition_failed,
        fmt::format(
            "Invalid x-match field value <<\"{}\">>; expected all, any, all-with-x, or any-with-x",
            *text)};
}

bool headers_match(amqp::TableView arguments, amqp::TableView headers) {
    const auto mode_value = arguments.find("x-match");
    const ByteView mode = mode_value ? mode_value->string().value_or("all") : "all";
    const bool any = mode.starts_with("any");
    const bool with_x = mode.ends_with("-with-x");
    for (const auto& [name, expected] : arguments) {
        if (name == "x-match" || (!with_x && name.starts_with("x-"))) continue;
        const auto actual = headers.find(name);
        // A void value asks for the header's presence only.
        bool equal = actual.has_value();
        if (equal && expected.tag != 'V') {
            const auto a = expected.integer();
            const auto b = actual->integer();
            equal = a || b ? a == b : expected.tag == actual->tag && expected.raw == actual->raw;
        }
        if (equal && any) return true;
        if (!equal && !any) return false;
    }
    return !any;
}

}  // namespace lvt::broker
