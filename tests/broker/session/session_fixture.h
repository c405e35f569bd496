// SessionFixture: a Connection with a client's and a core's side in the hands of the test. Frames go in, commands are looked
// at; effects go in, frames are looked at.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <utility>

#include "broker/core/tls_peer.h"
#include "broker/session/connection.h"
#include "protocol/amqp/method_frame.h"
#include "protocol/base/clock.h"

namespace lvt::broker {

struct OwnedFrame {
    amqp::FrameType type = amqp::FrameType::heartbeat;
    std::uint16_t channel = 0;
    Bytes payload;
};

struct Content {
    std::uint64_t body_size = 0;
    Bytes properties;
    Bytes body;
    std::size_t body_frames = 0;
};

class RecordingLog final : public LogSink {
public:
    void write(LogLevel level, std::string_view line) override {
        lines.emplace_back(level, line);
    }
    bool enabled(LogLevel) const override { return true; }
    std::size_t count(LogLevel level) const;
    bool contains(ByteView text) const;

    std::vector<std::pair<LogLevel, Bytes>> lines;
};

/// Properties without any.
inline constexpr ByteView kNoProperties{"\0\0", 2};

template <class M>
Bytes frame_of(std::uint16_t channel, const M& method) {
    Bytes out;
    amqp::encode_method_frame(out, channel, method);
    return out;
}
/// basic.publish with its content, body frames cut at `frame_max`.
Bytes publish_frames(
    std::uint16_t channel, ByteView exchange, ByteView routing_key, ByteView body,
    ByteView properties = kNoProperties, std::uint32_t frame_max = 131'072);
Bytes ack_frame(std::uint16_t channel, std::uint64_t tag, bool multiple = false);

class SessionFixture : public ::testing::Test {
protected:
    static constexpr SessionId kId{7, 3};

    // The client's side.

    /// For connect(): null where nothing is encrypted.
    std::shared_ptr<const TlsPeer> tls;
    std::shared_ptr<void> admission;

    /// A connection before its first octet.
    void connect();
    /// The same, up to connection.open-ok, with nothing left to look at.
    void log_in(bool with_capabilities = true, std::uint16_t heartbeat_s = 0);
    void open_channel(std::uint16_t channel);
    void receive(ByteView octets);
    template <class M>
    void receive(std::uint16_t channel, const M& method) {
        receive(frame_of(channel, method));
    }
    /// Whatever the socket would get, decoded.
    template <class M>
    M expect(std::uint16_t channel) {
        const OwnedFrame frame = next_frame();
        EXPECT_EQ(frame.type, amqp::FrameType::method);
        EXPECT_EQ(frame.channel, channel);
        auto method = amqp::decode_method(frame.payload);
        if (!method || !std::holds_alternative<M>(*method)) {
            ADD_FAILURE() << "expected " << M::kName << ", got "
                          << (method ? amqp::method_name(*method) : "no method");
            return M{};
        }
        return std::get<M>(std::move(*method));
    }
    Content expect_content(std::uint16_t channel);
    void expect_heartbeat();
    void expect_silence();
    void expect_channel_close(std::uint16_t channel, std::uint16_t code, ByteView text);
    void expect_connection_close(std::uint16_t code, ByteView text);
    OwnedFrame next_frame();

    // The core's side.

    template <class C>
    C expect_command() {
        if (commands.empty()) {
            ADD_FAILURE() << "no command";
            return C{};
        }
        LaneCommand command = std::move(commands.front());
        commands.erase(commands.begin());
        if (!std::holds_alternative<C>(command)) {
            ADD_FAILURE() << "another command: alternative " << command.index();
            return C{};
        }
        C out = std::get<C>(std::move(command));
        EXPECT_EQ(out.session, kId);
        return out;
    }
    void expect_no_command();
    void give(LaneEffect effect);
    template <class M>
    void reply(std::uint16_t channel, const M& method) {
        give(Reply{kId, ChannelId(channel), std::make_unique<amqp::Method>(method)});
    }
    /// A client that consumes; the slot that the lane chose.
    ConsumerSlot consume(std::uint16_t channel, ByteView tag, bool no_ack = false);
    void deliver(
        std::uint16_t channel, ConsumerSlot slot, DeliveryIndex index, ByteView body,
        bool no_ack = false);
    MessagePtr message(ByteView body);
    void end_of_turn();
    /// Time passes; the timer rings whenever it is due.
    void advance(Milliseconds by);

    /// Of the user that log_in() logs in.
    bool impersonator = false;
    SessionOptions options;
    MessagePool pool;
    SeededRandom random{1};
    RecordingLog log;
    CommandBatch commands;
    ManualClock clock;
    std::unique_ptr<Connection> connection;

private:
    void drain();

    std::deque<OwnedFrame> frames_;
    std::unique_ptr<amqp::FrameDecoder> decoder_;
};

}  // namespace lvt::broker
