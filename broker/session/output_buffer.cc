#include "broker/session/output_buffer.h"

#include <algorithm>
#include <cstring>

#include "protocol/base/assert.h"

namespace lvt::broker {
namespace {

constexpr std::size_t kFirstBytes = 512;
/// More than this is not expected of the next filling, however large one was.
constexpr std::size_t kExpectedMax = 512 * 1024;

}  // namespace

void OutputBuffer::append(ByteView octets) {
    std::memcpy(reserve(octets.size()), octets.data(), octets.size());
    commit(octets.size());
}

void OutputBuffer::consume(std::size_t size) {
    ASSERT(size <= this->size());
    begin_ += size;
    if (empty()) clear();
}

void OutputBuffer::clear() {
    expected_ = std::min(kExpectedMax, std::max(end_ + end_ / 4, expected_ - expected_ / 8));
    begin_ = end_ = capacity_ = 0;
    octets_.reset();
}

void OutputBuffer::make_room(std::size_t size) {
    const std::size_t used = end_ - begin_;
    if (used + size <= capacity_ && begin_ >= capacity_ / 2) {
        std::memmove(octets_.get(), octets_.get() + begin_, used);
    } else {
        const std::size_t wanted = std::max({kFirstBytes, expected_, capacity_ * 2, used + size});
        std::unique_ptr<char[]> bigger(new char[wanted]);
        if (used > 0) std::memcpy(bigger.get(), octets_.get() + begin_, used);
        octets_ = std::move(bigger);
        capacity_ = wanted;
    }
    begin_ = 0;
    end_ = used;
}

}  // namespace lvt::broker
