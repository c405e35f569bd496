#include "broker/session/sasl.h"

#include <fmt/format.h>

#include "protocol/amqp/table.h"

namespace lvt::broker {
namespace {

using amqp::AmqpError;
using amqp::AmqpResult;
using amqp::ReplyCode;

AmqpResult<Credentials> parse_plain(ByteView response) {
    const std::size_t second = response.find('\0', 1);
    if (response.empty() || response[0] != '\0' || second == ByteView::npos ||
        response.find('\0', second + 1) != ByteView::npos) {
        return AmqpError{ReplyCode::syntax_error, "malformed PLAIN response"};
    }
    return Credentials{
        Bytes(response.substr(1, second - 1)), Bytes(response.substr(second + 1))};
}

AmqpResult<Credentials> parse_amqplain(ByteView response) {
    const auto table = amqp::Table::decode(response);
    if (table.has_error()) return AmqpError{ReplyCode::syntax_error, "malformed AMQPLAIN response"};
    const auto login = table->find("LOGIN");
    const auto password = table->find("PASSWORD");
    if (!login || !password) {
        return AmqpError{
            ReplyCode::syntax_error, "AMQPLAIN response is missing LOGIN or PASSWORD"};
    }
    if (login->tag != 'S' || password->tag != 'S') {
        return AmqpError{ReplyCode::access_refused, "LOGIN and PASSWORD have to be long strings"};
    }
    return Credentials{Bytes(*login->string()), Bytes(*password->string())};
}

}  // namespace

AmqpResult<Credentials> parse_credentials(ByteView mechanism, ByteView response) {
    if (mechanism == "PLAIN") return parse_plain(response);
    if (mechanism == "AMQPLAIN") return parse_amqplain(response);
    return unknown_mechanism(mechanism);
}

AmqpError unknown_mechanism(ByteView mechanism) {
    return {
        ReplyCode::command_invalid,
        fmt::format("unknown authentication mechanism '{}'", mechanism)};
}

}  // namespace lvt::broker
