// Connection: from connection.start-ok to connection.open-ok.
#include "broker/core/tls_peer.h"
#include "broker/session/connection.h"
#include "broker/session/sasl.h"
#include "protocol/base/utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace lvt::broker {
namespace {

using amqp::AmqpError;
using amqp::ReplyCode;

bool flag_in(const amqp::TableView& table, ByteView name) {
    const auto value = table.find(name);
    return value && value->boolean().value_or(false);
}

ClientCapabilities capabilities_of(const amqp::Table& client_properties) {
    const auto value = client_properties.find("capabilities");
    const auto inside = value ? value->table() : std::nullopt;
    if (!inside) return {};
    const amqp::TableView table(*inside);
    return {
        flag_in(table, "consumer_cancel_notify"),
        flag_in(table, "connection.blocked"),
        flag_in(table, "authentication_failure_close")};
}

/// What is wrong with a value of connection.tune-ok, in RabbitMQ's words, or nothing. `offered` 0 means no limit.
std::optional<Bytes> check_negotiated(
    ByteView name, std::uint32_t lowest, std::uint32_t offered, std::uint32_t chosen) {
    if (chosen != 0 && chosen < lowest) {
        return fmt::format(
            "negotiated {} = {} is lower than the minimum allowed value ({})",
            name,
            chosen,
            lowest);
    }
    if (offered != 0 && (chosen == 0 || chosen > offered)) {
        return fmt::format(
            "negotiated {} = {}{} is higher than the maximum allowed value ({})",
            name,
            chosen,
            chosen == 0 ? " (no limit)" : "",
            offered);
    }
    return std::nullopt;
}

AmqpError out_of_order(const char* method) {
    return AmqpError{
        ReplyCode::channel_error, fmt::format("unexpected method {} in the handshake", method)};
}

}  // namespace

void Connection::on_handshake_frame(const amqp::Frame& frame) {
    if (frame.channel != 0 && state_ == State::awaiting_open) {
        return fail(AmqpError{
            ReplyCode::unexpected_frame,
            amqp::describe_frame(static_cast<std::uint8_t>(frame.type), frame.payload)});
    }
    if (frame.channel != 0) {
        return refuse_handshake(
            AmqpError{ReplyCode::channel_error, "frame on a channel before connection.open-ok"});
    }
    auto method = amqp::decode_method(frame.payload);
    if (method.has_error()) return refuse_handshake(method.error());
    on_handshake_method(std::move(*method));
}

void Connection::on_handshake_method(amqp::Method&& method) {
    if (std::holds_alternative<amqp::ConnectionClose>(method)) return close_by_client();
    if (state_ == State::starting) {
        if (auto* const start_ok = std::get_if<amqp::ConnectionStartOk>(&method))
            return on_start_ok(std::move(*start_ok));
    } else if (state_ == State::tuning) {
        if (const auto* const tune_ok = std::get_if<amqp::ConnectionTuneOk>(&method))
            return on_tune_ok(*tune_ok);
    } else if (state_ == State::awaiting_open) {
        if (auto* const open = std::get_if<amqp::ConnectionOpen>(&method))
            return on_open(std::move(*open));
        return std::visit(
            [&](const auto& unexpected) {
                fail(AmqpError{
                    ReplyCode::channel_error,
                    "unexpected method in connection state opening",
                    unexpected.kClassId,
                    unexpected.kMethodId});
            },
            method);
    }
    refuse_handshake(out_of_order(amqp::method_name(method)));
}

Bytes Connection::offered_mechanisms() const {
    Bytes offered;
    for (const Bytes& mechanism : session_.options.mechanisms) {
        if (mechanism == kExternal && !peer_.tls) continue;
        if (!offered.empty()) offered += ' ';
        offered += mechanism;
    }
    return offered;
}

void Connection::on_start_ok(amqp::ConnectionStartOk&& method) {
    const auto& mechanisms = session_.options.mechanisms;
    const bool external = method.mechanism == kExternal && peer_.tls;
    if (std::find(mechanisms.begin(), mechanisms.end(), method.mechanism) == mechanisms.end())
        return refuse_handshake(unknown_mechanism(method.mechanism));
    amqp::AmqpResult<Credentials> credentials = Credentials{};
    if (external)
        credentials->user = peer_.tls->login;
    else
        credentials = parse_credentials(method.mechanism, method.response);
    client_properties_ = std::move(method.client_properties);
    session_.capabilities = capabilities_of(client_properties_);
    mechanism_ = std::move(method.mechanism);
    if (credentials.has_error()) {
        const AmqpError& error = credentials.error();
        return error.code == ReplyCode::access_refused ? refuse_login(error.text)
                                                       : refuse_handshake(error);
    }
    session_.user = credentials->user;
    if (external && session_.user.empty()) return refuse_login(peer_.tls->login_fault);
    session_.commands.emplace_back(Login{
        session_.id,
        LoginRequest{
            .user = std::move(credentials->user),
            .password = std::move(credentials->password),
            .mechanism = mechanism_,
            .peer = peer_.address,
            .local = peer_.local_address,
            .loopback = peer_.loopback,
            .by_certificate = external,
            .stats = session_.stats}});
    in_core_ = InCore::session;
    state_ = State::authenticating;
}

void Connection::on_login_decided(const LoginDecided& decided) {
    if (state_ != State::authenticating) return;
    if (!decided.accepted) return refuse_login(decided.reason);
    session_.impersonator = decided.impersonator;
    amqp::ConnectionTune tune;
    tune.channel_max = session_.options.channel_max;
    tune.frame_max = session_.options.frame_max;
    tune.heartbeat = session_.options.heartbeat_s;
    send(tune);
    state_ = State::tuning;
    resume();
}

void Connection::refuse_login(ByteView reason) {
    log(LogLevel::warning,
        fmt::format("login of user '{}' by {} refused: {}", session_.user, mechanism_, reason));
    if (!session_.capabilities.authentication_failure_close)
        return end_after(session_.options.login_failure_delay);
    close_in_core();
    const AmqpError error{
        ReplyCode::access_refused,
        fmt::format(
            "Login was refused using authentication mechanism {}. For details see the broker "
            "logfile.",
            mechanism_)};
    amqp::ConnectionClose close;
    close.reply_code = static_cast<std::uint16_t>(error.code);
    close.reply_text = error.reply_text();
    send(close);
    state_ = State::closing_by_broker;
    deadline_ = now_ + session_.options.login_failure_delay;
    resume();
}

void Connection::on_tune_ok(const amqp::ConnectionTuneOk& method) {
    const SessionOptions& options = session_.options;
    auto wrong = check_negotiated("channel_max", 1, options.channel_max, method.channel_max);
    if (!wrong) {
        wrong = check_negotiated(
            "frame_max", amqp::kFrameMaxLowest, options.frame_max, method.frame_max);
    }
    if (wrong) return refuse_handshake(AmqpError{ReplyCode::not_allowed, std::move(*wrong)});
    constexpr std::uint32_t kNoLimit = std::numeric_limits<std::int32_t>::max();
    session_.frame_max = method.frame_max == 0 ? kNoLimit : method.frame_max;
    decoder_.set_frame_max(session_.frame_max);
    channel_max_ = method.channel_max;
    heartbeat_s_ = method.heartbeat;
    heartbeat_.start(heartbeat_s_, now_);
    state_ = State::awaiting_open;
}

void Connection::on_open(amqp::ConnectionOpen&& method) {
    if (!is_utf8(method.virtual_host)) {
        return fail(AmqpError{
            ReplyCode::frame_error,
            "Malformed UTF-8 in shortstr",
            amqp::ConnectionOpen::kClassId,
            amqp::ConnectionOpen::kMethodId});
    }
    log(LogLevel::info,
        fmt::format("user '{}' opens vhost '{}'", session_.user, method.virtual_host));
    session_.commands.emplace_back(OpenVhost{
        session_.id,
        VhostRequest{
            std::move(method.virtual_host),
            std::exchange(client_properties_, {}),
            channel_max_,
            session_.frame_max,
            heartbeat_s_,
            peer_.tls}});
    state_ = State::opening;
}

void Connection::on_vhost_opened() {
    if (state_ != State::opening) return;
    send(amqp::ConnectionOpenOk{});
    state_ = State::running;
    peer_.admission.reset();
    deadline_.reset();
    resume();
}

void Connection::refuse_handshake(const AmqpError& error) {
    log(LogLevel::warning, "handshake failed: " + error.text);
    end_after(session_.options.login_failure_delay);
}

}  // namespace lvt::broker
