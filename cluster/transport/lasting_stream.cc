#include "cluster/transport/lasting_stream.h"

#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"

#include <algorithm>
#include <utility>

// cluster/PROTOCOL.md draws these frames; the numbers are frozen on the wire.

namespace lvt::cluster {
namespace {

enum Kind : std::uint8_t { part = 0, last_part = 1, received_so_far = 2, over = 3 };

Bytes frame_of(Kind kind, ByteView rest) {
    Bytes out;
    out.reserve(1 + rest.size());
    out.push_back(static_cast<char>(kind));
    out.append(rest);
    return out;
}

}  // namespace

Bytes LastingStream::farewell() { return frame_of(Kind::over, {}); }

Result<void> LastingStream::resume(std::uint64_t received_there) {
    interrupt();
    LVT_TRY(forget(received_there));
    linked_ = true;
    // This side's own greeting has told it.
    acknowledged_ = received_;
    return {};
}

void LastingStream::interrupt() {
    linked_ = false;
    incoming_.clear();
    given_ = offset_ = 0;
    in_flight_bytes_ = 0;
    acknowledge_ = false;
    unacknowledged_bytes_ = 0;
}

Result<void> LastingStream::forget(std::uint64_t up_to) {
    if (up_to < forgotten_ || up_to - forgotten_ > kept_.size())
        return Error{ErrorKind::corrupt, "it acknowledges what it was not sent"};
    for (; forgotten_ < up_to; ++forgotten_) {
        const std::size_t size = kept_.front().size();
        kept_bytes_ -= size;
        if (given_ > 0) {
            --given_;
            in_flight_bytes_ -= size;
        }
        kept_.pop_front();
    }
    return {};
}

void LastingStream::push(Bytes batch) {
    kept_bytes_ += batch.size();
    kept_.push_back(std::move(batch));
}

std::optional<Bytes> LastingStream::next_frame() {
    if (!linked_) return std::nullopt;
    if (std::exchange(acknowledge_, false)) {
        Bytes number;
        ByteWriter(number).u64(received_);
        acknowledged_ = received_;
        unacknowledged_bytes_ = 0;
        return frame_of(Kind::received_so_far, number);
    }
    if (given_ == kept_.size()) return std::nullopt;
    if (offset_ == 0 && in_flight_bytes_ > options_.in_flight_bytes_max) return std::nullopt;
    const Bytes& batch = kept_[given_];
    const ByteView chunk = ByteView(batch).substr(offset_, options_.chunk_bytes);
    offset_ += chunk.size();
    const bool whole = offset_ == batch.size();
    if (whole) {
        ++given_;
        offset_ = 0;
        in_flight_bytes_ += batch.size();
    }
    return frame_of(whole ? Kind::last_part : Kind::part, chunk);
}

Result<LastingStream::Arrival> LastingStream::take(ByteView frame) {
    ByteReader in(frame);
    Arrival out;
    const std::uint8_t kind = in.u8();
    if (!in.ok() || kind > Kind::over) return Error{ErrorKind::corrupt, "its frame is of no kind"};
    if (kind == Kind::over) {
        out.over = true;
    } else if (kind == Kind::received_so_far) {
        const std::uint64_t number = in.u64();
        if (!in.ok() || number > forgotten_ + given_)
            return Error{ErrorKind::corrupt, "it acknowledges what it was not sent"};
        LVT_TRY(forget(number));
    } else {
        if (incoming_.size() + in.rest().size() > kBatchBytesMax)
            return Error{ErrorKind::corrupt, "its batch is too large"};
        incoming_.append(in.rest());
        if (kind == Kind::part) return out;
        ++received_;
        unacknowledged_bytes_ += incoming_.size();
        acknowledge_ |= unacknowledged_bytes_ >= options_.acknowledge_bytes;
        out.batch = std::exchange(incoming_, {});
    }
    return out;
}

}  // namespace lvt::cluster
