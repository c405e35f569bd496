// OutputBuffer: the octets that wait for a connection's socket.
#pragma once

#include <cstddef>
#include <memory>

#include "protocol/base/bytes.h"

namespace lvt::broker {

/// Grows as needed and gives its memory back whenever it has been emptied, so that an idle connection owns none.
class OutputBuffer {
public:
    /// What waits. Valid until the next call that is not const.
    ByteView view() const { return {octets_.get() + begin_, end_ - begin_}; }
    std::size_t size() const { return end_ - begin_; }
    bool empty() const { return begin_ == end_; }

    /// Memory for `size` more octets; commit() says how many of them were written. Valid until the next call.
    char* reserve(std::size_t size) {
        if (capacity_ - end_ < size) make_room(size);
        return octets_.get() + end_;
    }
    void commit(std::size_t size) { end_ += size; }
    void append(ByteView octets);

    /// Drops `size` octets from the front.
    void consume(std::size_t size);
    void clear();

private:
    void make_room(std::size_t size);

    std::unique_ptr<char[]> octets_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    /// What the last fillings needed, and a quarter more: the size to begin with. A filling that outgrows it is moved, with all its
    /// bodies; memory that is not written to costs nothing.
    std::size_t expected_ = 0;
};

}  // namespace lvt::broker
