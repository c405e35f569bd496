#include "broker/core/consistent_hash.h"

#include "broker/core/argument_text.h"
#include "protocol/amqp/properties.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace lvt::broker {

namespace {

/// More makes no difference that anybody could measure.
constexpr double kWeightMax = 1e9;

bool is_integer(ByteView text) {
    if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    return !text.empty() && std::all_of(text.begin(), text.end(), digit);
}

amqp::AmqpError precondition_failed(Bytes text) {
    return {amqp::ReplyCode::precondition_failed, std::move(text)};
}

}  // namespace

std::optional<HashProperty> parse_hash_property(ByteView name) {
    if (name == "correlation_id") return HashProperty::correlation_id;
    if (name == "message_id") return HashProperty::message_id;
    if (name == "timestamp") return HashProperty::timestamp;
    return std::nullopt;
}

amqp::AmqpResult<void> check_hash_weight(ByteView key) {
    if (!is_integer(key)) {
        return precondition_failed(
            fmt::format("The binding key must be an integer: {}", erlang_binary(key)));
    }
    if (hash_weight(key) < 1) return precondition_failed("The binding key must be greater than 0");
    return {};
}

double hash_weight(ByteView key) {
    double weight = 0;
    if (key.starts_with('+')) key.remove_prefix(1);
    const auto read = std::from_chars(key.data(), key.data() + key.size(), weight);
    return read.ec == std::errc::result_out_of_range ? kWeightMax : std::min(weight, kWeightMax);
}

std::uint64_t hash_of_message(const amqp::Table& arguments, const Message& message) {
    const amqp::Properties properties(message.properties());
    if (const auto header = arguments.find("hash-header")) {
        const amqp::TableView headers(properties.headers().value_or(ByteView()));
        const auto value = headers.find(header->string().value_or(""));
        return hash_of(value ? erlang_text(*value) : Bytes());
    }
    const auto argument = arguments.find("hash-property");
    const auto property =
        argument ? parse_hash_property(argument->string().value_or("")) : std::nullopt;
    if (!property) return hash_of(message.routing_key());
    switch (*property) {
        case HashProperty::correlation_id:
            return hash_of(properties.correlation_id().value_or(ByteView()));
        case HashProperty::message_id:
            return hash_of(properties.message_id().value_or(ByteView()));
        case HashProperty::timestamp:
            break;
    }
    return hash_of(std::to_string(properties.timestamp().value_or(0)));
}

std::uint64_t hash_of(ByteView bytes) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : bytes) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    return scramble(hash);
}

double rendezvous_score(std::uint64_t message_hash, std::uint64_t destination_hash, double weight) {
    constexpr double kUnit = 1.0 / (std::uint64_t{1} << 53);
    const std::uint64_t mixed = scramble(message_hash ^ destination_hash);
    const double uniform = (static_cast<double>(mixed >> 11) + 0.5) * kUnit;  // in (0, 1)
    return weight / -std::log(uniform);
}

std::uint64_t scramble(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

}  // namespace lvt::broker
