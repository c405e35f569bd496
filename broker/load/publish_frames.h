// PublishFrames: a producer's messages, encoded once; before each write only time and number are filled in.
//
//   method frame (basic.publish) | header frame | body frames      one message
//   message of destination 0 | of 1 | ... | of n-1 | of 0 | ...    the arena: whole rounds, at least 64 KB where they fit
#pragma once

#include "broker/load/load_plan.h"
#include "broker/load/sequence_check.h"

#include <cstdint>
#include <vector>

namespace lvt::broker::load {

struct PublishFramesOptions {
    std::uint16_t channel = 1;
    Bytes exchange;
    std::uint32_t body_bytes = 0;
    bool persistent = false;
    std::uint32_t frame_max = 0;
    /// Tells this run's messages from older ones.
    std::uint8_t run = 0;
};

/// One thread.
class PublishFrames {
public:
    /// About this much goes into one write.
    static constexpr std::size_t kWriteBytes = 64 * 1024;

    PublishFrames(
        const PublishFramesOptions& options, const std::vector<Destination>& destinations);

    struct Batch {
        ByteView octets;
        std::size_t messages = 0;
    };
    /// The next messages, at most `limit` (at least 1) and about kWriteBytes; valid until the next call. `stamp(i)` answers
    /// the nanoseconds to write into the i-th of them.
    template <class Stamp>
    Batch next(std::size_t limit, Stamp&& stamp) {
        const std::size_t first = slot_;
        std::size_t count = 0;
        std::size_t end = slots_[first].begin;
        const std::size_t begin = end;
        while (count < limit && slot_ < slots_.size() &&
               (count == 0 || end - begin < kWriteBytes)) {
            fill(slots_[slot_], stamp(count));
            end = slots_[slot_].end;
            ++slot_;
            ++count;
        }
        if (slot_ == slots_.size()) slot_ = 0;
        return {ByteView(arena_).substr(begin, end - begin), count};
    }

    /// How many of each stream next() has handed out; by the plan's stream numbers.
    const std::vector<std::uint64_t>& published() const { return next_seq_; }

private:
    struct Slot {
        std::size_t begin = 0;
        std::size_t end = 0;
        std::size_t body = 0;
        std::uint16_t stream = 0;
    };

    void append(const PublishFramesOptions& options, const Destination& destination, ByteView body);
    void fill(const Slot& slot, std::uint64_t sent_ns) {
        char* const body = arena_.data() + slot.body;
        const std::uint64_t seq = next_seq_[slot.stream]++;
        if (stamped_) std::memcpy(body, &sent_ns, kStampBytes);
        if (!checked_) return;
        const std::uint64_t word = Position{run_, slot.stream, seq}.packed();
        std::memcpy(body + kStampBytes, &word, sizeof word);
    }

    Bytes arena_;
    std::vector<Slot> slots_;
    std::size_t slot_ = 0;
    std::vector<std::uint64_t> next_seq_;
    std::uint8_t run_;
    bool stamped_;
    bool checked_;
};

}  // namespace lvt::broker::load
