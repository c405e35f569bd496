#include "broker/load/producer.h"

#include <poll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <limits>

namespace lvt::broker::load {
namespace {

constexpr std::uint32_t method_key(std::uint16_t class_id, std::uint16_t method_id) {
    return std::uint32_t{class_id} << 16 | method_id;
}
constexpr std::uint32_t kAck = method_key(amqp::BasicAck::kClassId, amqp::BasicAck::kMethodId);
constexpr std::uint32_t kNack = method_key(amqp::BasicNack::kClassId, amqp::BasicNack::kMethodId);
/// Class id, method id, delivery tag, bits.
constexpr std::size_t kSettleBytes = 13;

timespec to_timespec(std::uint64_t ns) {
    return {static_cast<time_t>(ns / 1'000'000'000u), static_cast<long>(ns % 1'000'000'000u)};
}

}  // namespace

Producer::Producer(
    const LoadOptions& options, PublishFrames frames, std::uint64_t messages,
    ClientConnection connection, RunControl& control)
    : options_(options),
      frames_(std::move(frames)),
      messages_(messages),
      connection_(std::move(connection)),
      control_(control),
      window_(options.confirm) {}

Result<void> Producer::prepare() {
    LVT_TRY(connection_.open_channel(kChannel));
    if (!window_.active()) return {};
    Result<amqp::Method> answer = connection_.call(kChannel, amqp::ConfirmSelect{});
    if (answer.has_error()) return std::move(answer).error();
    return {};
}

void Producer::run() {
    ::prctl(PR_SET_TIMERSLACK, 1);
    control_.start.wait();
    outcome_ = publish_all();
    if (outcome_.has_error()) {
        outcome_ = connection_.reason(outcome_.error());
        control_.abandon = true;
    } else if (!control_.abandon) {
        outcome_ = connection_.close();
    }
    progress_.done = true;
    control_.worker_ended.release();
}

std::size_t Producer::left() const {
    if (messages_ == 0) return std::numeric_limits<std::size_t>::max();
    return messages_ - sent_;
}

Result<void> Producer::publish_all() {
    const std::uint64_t begin = monotonic_ns();
    const double seconds = options_.seconds > 0 ? options_.seconds : 1e9;
    const std::uint64_t end = begin + static_cast<std::uint64_t>(seconds * 1e9);
    const Pacer pacer(options_.rate, begin);
    while (!control_.abandon && left() > 0) {
        const std::uint64_t now = monotonic_ns();
        if (now >= end) break;
        if (window_.active() && window_.room() == 0) {
            LVT_TRY(take_confirms(ClientConnection::Wait::briefly));
            continue;
        }
        const std::size_t due = std::min(pacer.due(now, sent_), left());
        if (due == 0) {
            LVT_TRY(wait_until_due(std::min(pacer.due_ns(sent_), end), now));
            continue;
        }
        LVT_TRY(publish(window_.active() ? std::min(due, window_.room()) : due, now, pacer));
    }
    while (window_.outstanding() > 0 && !control_.abandon) {
        LVT_TRY(take_confirms(ClientConnection::Wait::briefly));
    }
    return {};
}

Result<void> Producer::publish(std::size_t limit, std::uint64_t now_ns, const Pacer& pacer) {
    const bool late = pacer.active() && !slept_;
    const std::uint64_t first = sent_;
    const PublishFrames::Batch batch = frames_.next(limit, [&](std::size_t i) {
        return late ? std::min(now_ns, pacer.due_ns(first + i)) : now_ns;
    });
    sent_ += batch.messages;
    if (window_.active()) window_.sent(batch.messages, now_ns);
    LVT_TRY(connection_.send(batch.octets, &control_.abandon));
    progress_.set(sent_);
    last_sent_ns_ = monotonic_ns();
    slept_ = false;
    if (!window_.active()) return {};
    return take_confirms(ClientConnection::Wait::no);
}

Result<void> Producer::wait_until_due(std::uint64_t due_ns, std::uint64_t now_ns) {
    slept_ = true;
    const timespec pause = to_timespec(due_ns > now_ns ? due_ns - now_ns : 0);
    pollfd readable{.fd = connection_.descriptor(), .events = POLLIN, .revents = 0};
    if (::ppoll(&readable, 1, &pause, nullptr) <= 0) return {};
    return take_confirms(ClientConnection::Wait::no);
}

Result<void> Producer::take_confirms(ClientConnection::Wait wait) {
    Result<std::size_t> received = connection_.receive(wait);
    if (received.has_error()) return std::move(received).error();
    if (*received == 0) return {};
    const std::uint64_t now = monotonic_ns();
    amqp::Frame frame;
    while (connection_.input().next(frame)) {
        if (frame.type == amqp::FrameType::method) LVT_TRY(on_method(frame.payload, now));
    }
    return {};
}

Result<void> Producer::on_method(ByteView payload, std::uint64_t now_ns) {
    const std::uint32_t key =
        payload.size() == kSettleBytes ? load_big_endian<std::uint32_t>(payload.data()) : 0;
    if (key == kAck || key == kNack) {
        const auto number = load_big_endian<std::uint64_t>(payload.data() + 4);
        const bool multiple = payload[12] & 1;
        const std::size_t settled = window_.settle(number, multiple, now_ns, confirm_latency_);
        (key == kAck ? confirmed_ : nacked_) += settled;
        return {};
    }
    const amqp::AmqpResult<amqp::Method> method = amqp::decode_method(payload);
    if (method.has_error()) return Error{ErrorKind::io, method.error().text};
    return ClientConnection::error_of(*method);
}

}  // namespace lvt::broker::load
