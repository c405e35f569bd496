#include "broker/core/exchange.h"

#include "broker/core/argument_text.h"
#include "broker/core/consistent_hash.h"
#include "broker/core/queue.h"
#include "protocol/amqp/properties.h"
#include "protocol/base/byte_reader.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <iterator>

namespace lvt::broker {

namespace {

constexpr std::array<std::pair<const char*, ExchangeType>, 6> kTypes = {{
    {"direct", ExchangeType::direct},
    {"fanout", ExchangeType::fanout},
    {"topic", ExchangeType::topic},
    {"headers", ExchangeType::headers},
    {"x-consistent-hash", ExchangeType::consistent_hash},
    {"x-random", ExchangeType::random},
}};

}  // namespace

std::optional<ExchangeType> parse_exchange_type(ByteView name) {
    for (const auto& [text, type] : kTypes) {
        if (name == text) return type;
    }
    return std::nullopt;
}

std::optional<ExchangeType> routing_type(ByteView type, const amqp::Table& arguments) {
    if (type != kDelayedMessageType) return parse_exchange_type(type);
    const auto delayed = arguments.find("x-delayed-type");
    return parse_exchange_type(delayed ? delayed->string().value_or("") : "");
}

const char* exchange_type_name(ExchangeType type) {
    return kTypes[static_cast<std::size_t>(type)].first;
}

Exchange::Exchange(Bytes name, ExchangeType type) : name_(std::move(name)), type_(type) {}

Exchange::~Exchange() = default;

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

amqp::AmqpResult<void> Exchange::check_binding(const BindingKey& key) const {
    if (type_ == ExchangeType::headers) {
        return check_headers_binding(*amqp::Table::decode(key.arguments));
    }
    if (type_ == ExchangeType::consistent_hash) return check_hash_weight(key.routing_key);
    return {};
}

void Exchange::match(
    const Message& message, std::span<const Bytes> more_keys, std::uint64_t lot,
    std::vector<Destination>& out) const {
    switch (type_) {
        case ExchangeType::direct:
        case ExchangeType::topic:
            match_key(message.routing_key(), out);
            for (const Bytes& key : more_keys) match_key(key, out);
            return;
        case ExchangeType::fanout:
            for (const auto& [key, destination] : bindings_) out.push_back(destination);
            return;
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
        case ExchangeType::consistent_hash:
        case ExchangeType::random:
            return choose(message, lot, out);
    }
}

void Exchange::match_key(ByteView routing_key, std::vector<Destination>& out) const {
    if (type_ == ExchangeType::topic) return topic_.match(routing_key, out);
    const auto bucket = direct_.find(routing_key);
    if (bucket != direct_.end()) bucket->second.append_to(out);
}

void Exchange::choose(
    const Message& message, std::uint64_t lot, std::vector<Destination>& out) const {
    if (bindings_.empty()) return;
    if (type_ == ExchangeType::random) {
        const auto nth = static_cast<std::ptrdiff_t>(scramble(lot) % bindings_.size());
        out.push_back(std::next(bindings_.begin(), nth)->second);
        return;
    }
    const std::uint64_t hash = hash_of_message(arguments, message);
    double best = -1;
    Destination chosen;
    for (const auto& [key, destination] : bindings_) {
        const double score =
            rendezvous_score(hash, hash_of(key.destination), hash_weight(key.routing_key));
        if (score <= best) continue;
        best = score;
        chosen = destination;
    }
    out.push_back(chosen);
}

bool Exchange::routes_by_key() const {
    if (delays) return false;
    switch (type_) {
        case ExchangeType::headers:
        case ExchangeType::random:
            return false;
        case ExchangeType::consistent_hash:
            return !arguments.find("hash-header") && !arguments.find("hash-property");
        default:
            return true;
    }
}

std::optional<ByteView> Exchange::alternate() const {
    if (const auto argument = arguments.find("alternate-exchange")) return argument->string();
    if (const auto key = policy.find("alternate-exchange")) return key->string();
    return std::nullopt;
}

amqp::AmqpResult<void> check_headers_binding(const amqp::Table& arguments) {
    const auto mode = arguments.find("x-match");
    if (!mode) return {};
    const auto text = mode->string();
    if (mode->tag != 'S') {
        return amqp::AmqpError{
            amqp::ReplyCode::precondition_failed,
            fmt::format(
                "Invalid x-match field type {} (value {}); expected longstr",
                mode->type_name(),
                erlang_term(*mode))};
    }
    for (const char* const known : {"all", "any", "all-with-x", "any-with-x"}) {
        if (*text == known) return {};
    }
    return amqp::AmqpError{
        amqp::ReplyCode::precondition_failed,
        fmt::format(
            "Invalid x-match field value {}; expected all, any, all-with-x, or any-with-x",
            erlang_binary(*text))};
}

namespace {

std::optional<long double> number(const amqp::FieldValue& value) {
    if (const auto integer = value.integer()) return *integer;
    const char* const raw = value.raw.data();
    switch (value.tag) {
        case 'T':
            return load_big_endian<std::uint64_t>(raw);
        case 'd':
            return std::bit_cast<double>(load_big_endian<std::uint64_t>(raw));
        case 'f':
            return std::bit_cast<float>(load_big_endian<std::uint32_t>(raw));
        default:
            return std::nullopt;
    }
}

/// As in Erlang: numbers of all kinds by value, strings of both kinds by their octets.
bool same_value(const amqp::FieldValue& a, const amqp::FieldValue& b) {
    const auto number_a = number(a);
    const auto number_b = number(b);
    if (number_a || number_b) return number_a == number_b;
    return (a.tag == b.tag || (a.string() && b.string())) && a.raw == b.raw;
}

}  // namespace

bool headers_match(amqp::TableView arguments, amqp::TableView headers) {
    const auto mode_value = arguments.find("x-match");
    const ByteView mode = mode_value ? mode_value->string().value_or("all") : "all";
    const bool any = mode.starts_with("any");
    const bool with_x = mode.ends_with("-with-x");
    for (const auto& [name, expected] : arguments) {
        if (name == "x-match" || (!with_x && name.starts_with("x-"))) continue;
        const auto actual = headers.find(name);
        // A void value asks for the header's presence only.
        const bool equal = actual && (expected.tag == 'V' || same_value(expected, *actual));
        if (equal && any) return true;
        if (!equal && !any) return false;
    }
    return !any;
}

}  // namespace lvt::broker
