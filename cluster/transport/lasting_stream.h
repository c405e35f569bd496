// LastingStream: one side of a stream of batches between two processes that outlives its links. What the other side has not acknowledged is
// kept, and sent again over the next link: each batch comes exactly once and in order, while both processes live. Without sockets and clock.
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

#include <cstdint>
#include <deque>
#include <optional>

namespace lvt::cluster {

class LastingStream {
public:
    struct Options {
        /// A batch goes in frames of so many octets.
        std::size_t chunk_bytes = 1u << 20;
        /// After so many octets the other side is told that they have come.
        std::size_t acknowledge_bytes = 256 * 1024;
        /// With more on their way without acknowledgement, further batches wait here: they are not kept a second time by the link.
        std::size_t in_flight_bytes_max = 8u << 20;
    };
    /// Larger than any message with what belongs to it; more in one batch makes no sense.
    static constexpr std::size_t kBatchBytesMax = std::size_t{1} << 30;

    /// What came with a frame.
    struct Arrival {
        /// Whole now.
        std::optional<Bytes> batch;
        /// The other side says that the stream is over.
        bool over = false;
    };

    /// `name`: what both sides call it. It has no link yet.
    LastingStream(std::uint64_t name, Options options) : name_(name), options_(options) {}
    explicit LastingStream(std::uint64_t name) : LastingStream(name, Options()) {}

    std::uint64_t name() const { return name_; }
    bool linked() const { return linked_; }
    /// Batches of the other side that have come.
    std::uint64_t received() const { return received_; }
    /// Of batches that the other side has not acknowledged.
    std::uint64_t kept_bytes() const { return kept_bytes_; }

    /// There is a new link, and so many batches have come to the other side. corrupt where that cannot be.
    Result<void> resume(std::uint64_t received_there);
    /// The link is gone, and what was on its way with it.
    void interrupt();

    /// To be sent, once there is a link and it is its turn.
    void push(Bytes batch);
    /// The other side shall be told now what has come; also a sign of life.
    void acknowledge() { acknowledge_ = true; }
    /// All that has come is acknowledged, or about to be.
    bool acknowledged() const { return acknowledge_ || acknowledged_ == received_; }
    /// For the link, in order; nothing where there is none, or nothing to say. The caller writes it, or calls interrupt().
    std::optional<Bytes> next_frame();
    /// The last frame of a side that ends the stream.
    static Bytes farewell();

    /// One frame of the link. corrupt: it makes no sense, and the stream is over.
    Result<Arrival> take(ByteView frame);

private:
    Result<void> forget(std::uint64_t up_to);

    const std::uint64_t name_;
    const Options options_;
    bool linked_ = false;

    /// In order; the first is of number forgotten_ + 1.
    std::deque<Bytes> kept_;
    std::uint64_t forgotten_ = 0;
    std::uint64_t kept_bytes_ = 0;
    /// Of kept_: batches that the present link was given whole, then octets of the next one.
    std::size_t given_ = 0;
    std::size_t offset_ = 0;
    std::uint64_t in_flight_bytes_ = 0;

    Bytes incoming_;
    std::uint64_t received_ = 0;
    std::uint64_t acknowledged_ = 0;
    std::uint64_t unacknowledged_bytes_ = 0;
    bool acknowledge_ = false;
};

}  // namespace lvt::cluster
