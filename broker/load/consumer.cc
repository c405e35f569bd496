#include "broker/load/consumer.h"

#include "protocol/amqp/method_frame.h"

namespace lvt::broker::load {
namespace {

constexpr std::uint32_t kDeliver =
    std::uint32_t{amqp::BasicDeliver::kClassId} << 16 | amqp::BasicDeliver::kMethodId;

std::uint64_t load_own_order(const char* from) {
    std::uint64_t value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

Error malformed() { return Error{ErrorKind::io, "the server sent a malformed delivery"}; }

}  // namespace

Consumer::Consumer(
    const LoadOptions& options, std::vector<Source> sources, std::uint8_t run,
    ClientConnection connection, RunControl& control)
    : options_(options), run_(run), connection_(std::move(connection)), control_(control) {
    for (Source& source : sources) {
        intakes_.emplace_back();
        intakes_.back().source = std::move(source);
    }
}

Result<void> Consumer::prepare() {
    for (std::size_t i = 0; i < intakes_.size(); ++i) {
        LVT_TRY(connection_.open_channel(static_cast<std::uint16_t>(i + 1)));
    }
    return {};
}

void Consumer::run() {
    outcome_ = consume_all();
    if (outcome_.has_error()) {
        outcome_ = connection_.reason(outcome_.error());
        control_.abandon = true;
    } else if (!control_.abandon) {
        outcome_ = connection_.close();
    }
    if (subscribed_ < intakes_.size()) control_.consumers_ready.count_down();
    progress_.done = true;
    control_.worker_ended.release();
}

Result<void> Consumer::subscribe() {
    for (std::size_t i = 0; i < intakes_.size(); ++i) {
        const auto channel = static_cast<std::uint16_t>(i + 1);
        if (options_.prefetch > 0) {
            amqp::BasicQos qos;
            qos.prefetch_count = options_.prefetch;
            LVT_TRY(connection_.send(channel, qos));
        }
        amqp::BasicConsume consume;
        consume.queue = intakes_[i].source.name;
        consume.no_ack = options_.ack_every == 0;
        LVT_TRY(connection_.send(channel, consume));
    }
    return {};
}

Result<void> Consumer::consume_all() {
    LVT_TRY(subscribe());
    while (!control_.stop_consuming && !control_.abandon) {
        Result<std::size_t> received = connection_.receive(ClientConnection::Wait::briefly);
        if (received.has_error()) return std::move(received).error();
        if (*received == 0) continue;
        now_ns_ = monotonic_ns();
        const std::uint64_t before = count_;
        amqp::Frame frame;
        while (connection_.input().next(frame)) LVT_TRY(on_frame(frame));
        record_latency();
        LVT_TRY(flush());
        if (count_ == before) continue;
        if (before == 0) first_ns_ = now_ns_;
        last_ns_ = now_ns_;
        progress_.set(count_);
    }
    ack_rest();
    return flush();
}

Result<void> Consumer::on_frame(const amqp::Frame& frame) {
    if (frame.channel == 0 || frame.channel > intakes_.size()) {
        const bool method = frame.type == amqp::FrameType::method;
        return method ? on_other_method(frame.payload) : Result<void>();
    }
    Intake& intake = intakes_[frame.channel - std::size_t{1}];
    switch (frame.type) {
        case amqp::FrameType::method:
            return on_method(intake, frame);
        case amqp::FrameType::header:
            return on_header(intake, frame.payload, frame.channel);
        case amqp::FrameType::body:
            return on_body(intake, frame.payload, frame.channel);
        case amqp::FrameType::heartbeat:
            return {};
    }
    return malformed();
}

Result<void> Consumer::on_method(Intake& intake, const amqp::Frame& frame) {
    const ByteView payload = frame.payload;
    if (payload.size() < sizeof kDeliver) return malformed();
    if (load_big_endian<std::uint32_t>(payload.data()) != kDeliver) return on_other_method(payload);
    // Consumer tag (short string), delivery tag, redelivered, exchange, routing key.
    if (payload.size() < 5) return malformed();
    const std::size_t tag_bytes = static_cast<std::uint8_t>(payload[4]);
    if (payload.size() < 5 + tag_bytes + 9) return malformed();
    const char* const behind_tag = payload.data() + 5 + tag_bytes;
    intake.delivery_tag = load_big_endian<std::uint64_t>(behind_tag);
    redelivered_ += behind_tag[8] & 1;
    return {};
}

Result<void> Consumer::on_other_method(ByteView payload) {
    const amqp::AmqpResult<amqp::Method> method = amqp::decode_method(payload);
    if (method.has_error()) return Error{ErrorKind::io, method.error().text};
    LVT_TRY(ClientConnection::error_of(*method));
    if (std::holds_alternative<amqp::BasicCancel>(*method)) {
        return Error{ErrorKind::io, "the server cancelled the consumer"};
    }
    if (std::holds_alternative<amqp::BasicConsumeOk>(*method) && ++subscribed_ == intakes_.size()) {
        control_.consumers_ready.count_down();
    }
    return {};
}

Result<void> Consumer::on_header(Intake& intake, ByteView payload, std::uint16_t channel) {
    if (payload.size() < amqp::kContentHeaderBytes) return malformed();
    intake.body_left = load_big_endian<std::uint64_t>(payload.data() + 4);
    intake.body_begins = true;
    if (intake.body_left == 0) on_message_end(intake, channel);
    return {};
}

Result<void> Consumer::on_body(Intake& intake, ByteView payload, std::uint16_t channel) {
    if (payload.size() > intake.body_left) return malformed();
    if (intake.body_begins) read_stamps(intake, payload);
    intake.body_begins = false;
    intake.body_left -= payload.size();
    if (intake.body_left == 0) on_message_end(intake, channel);
    return {};
}

void Consumer::read_stamps(Intake& intake, ByteView body) {
    if (body.size() < kStampBytes) return;
    if (body.size() >= kCheckedBytes) {
        const Position at = Position::unpack(load_own_order(body.data() + kStampBytes));
        if (at.run != run_) return;
        intake.check.seen(at.stream, at.seq);
    }
    const std::uint64_t stamp = load_own_order(body.data());
    if (stamp != stamp_ns_) {
        record_latency();
        stamp_ns_ = stamp;
    }
    ++stamp_times_;
}

void Consumer::record_latency() {
    if (stamp_times_ == 0) return;
    latency_.record(now_ns_ > stamp_ns_ ? now_ns_ - stamp_ns_ : 0, stamp_times_);
    stamp_times_ = 0;
}

void Consumer::on_message_end(Intake& intake, std::uint16_t channel) {
    ++count_;
    if (options_.ack_every == 0) return;
    if (++intake.unacked < options_.ack_every) return;
    ack(channel, intake.delivery_tag, options_.ack_every > 1);
    intake.unacked = 0;
}

void Consumer::ack(std::uint16_t channel, std::uint64_t delivery_tag, bool multiple) {
    const std::size_t at = acks_.size();
    acks_.resize(at + amqp::kAckFrameBytes);
    amqp::put_ack_frame(acks_.data() + at, channel, delivery_tag, multiple);
}

void Consumer::ack_rest() {
    for (std::size_t i = 0; i < intakes_.size(); ++i) {
        if (intakes_[i].unacked == 0) continue;
        ack(static_cast<std::uint16_t>(i + 1), intakes_[i].delivery_tag, true);
        intakes_[i].unacked = 0;
    }
}

Result<void> Consumer::flush() {
    if (acks_.empty()) return {};
    Result<void> sent = connection_.send(acks_, &control_.abandon);
    acks_.clear();
    return sent;
}

}  // namespace lvt::broker::load
