// ClientConnection: the client's side of one AMQP connection on a blocking socket.
#pragma once

#include "broker/load/amqp_url.h"
#include "broker/load/client_tls.h"
#include "broker/load/frame_input.h"
#include "protocol/amqp/method.h"
#include "protocol/base/result.h"

#include <atomic>

namespace lvt::broker::load {

/// One thread. Errors are those of the socket, or what the server said when it closed the connection or the channel.
class ClientConnection {
public:
    /// Connects and logs in with PLAIN; heartbeats off, frames of at most 128 KB.
    static Result<ClientConnection> open(const AmqpUrl& url, ByteView connection_name);

    ClientConnection(ClientConnection&& other) noexcept;
    ClientConnection& operator=(ClientConnection&&) = delete;
    ~ClientConnection();

    /// "RabbitMQ 3.10.8"; from the server's properties.
    const Bytes& server() const { return server_; }
    std::uint32_t frame_max() const { return frame_max_; }
    int descriptor() const { return descriptor_; }

    /// Writes all of it, waiting as long as the server does not read, but gives up once `*abandon` is true.
    Result<void> send(ByteView octets, const std::atomic<bool>* abandon = nullptr);
    Result<void> send(std::uint16_t channel, const amqp::Method& method);

    enum class Wait { no, briefly };
    /// Reads what is there into input(): the number of octets, 0 if none came (within 50 ms where it waits).
    Result<std::size_t> receive(Wait wait);
    FrameInput& input() { return input_; }

    /// Sends a method and waits for the next one on that channel; contents that arrive meanwhile are dropped. Up to 60 s.
    Result<amqp::Method> call(std::uint16_t channel, const amqp::Method& method);
    Result<void> open_channel(std::uint16_t channel);
    /// Connection.close and its answer; what the server still sends is dropped.
    Result<void> close();

    /// Why the server ended the connection, if it has said so; else `error`. Use it when sending or receiving failed.
    Error reason(Error error);

    /// The error that connection.close or channel.close stands for; success for every other method.
    static Result<void> error_of(const amqp::Method& method);

private:
    ClientConnection(int descriptor, std::uint32_t frame_max);
    static Result<int> connect(const AmqpUrl& url);
    /// nullopt where the socket takes nothing now.
    Result<std::optional<std::size_t>> send_some(ByteView octets);
    Result<void> log_in(const AmqpUrl& url, ByteView connection_name);
    Result<void> start(const AmqpUrl& url, ByteView connection_name);
    Result<amqp::Method> next_method(std::uint16_t channel);

    int descriptor_;
    std::optional<ClientTls> tls_;
    std::uint32_t frame_max_;
    FrameInput input_;
    Bytes server_;
};

}  // namespace lvt::broker::load
