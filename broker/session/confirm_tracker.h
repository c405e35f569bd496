// ConfirmTracker: the publisher confirms of one channel. What the core has decided goes in, in any order; the fewest
// acks that say the same come out (design rule 2).
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace lvt::broker {

/// One basic.ack or basic.nack to a publisher.
struct ConfirmFrame {
    std::uint64_t publish_seqno = 0;
    bool multiple = false;
    bool nack = false;

    bool operator==(const ConfirmFrame&) const = default;
};

class ConfirmTracker {
public:
    /// Publishes [first, last] are decided. Numbers that were decided before stay as they were.
    void decide(std::uint64_t first, std::uint64_t last, bool nack);

    /// True where flush() would say something.
    bool dirty() const { return !acked_.empty() || !nacked_.empty(); }

    /// Appends what the client has not been told yet: nacks one by one, then one ack for all up to the highest number below
    /// which nothing is open, then single acks in rising order.
    void flush(std::vector<ConfirmFrame>& out);

private:
    struct Range {
        std::uint64_t first = 0;
        std::uint64_t last = 0;
    };

    void note(std::uint64_t first, std::uint64_t last, bool nack);
    void remember(std::uint64_t first, std::uint64_t last);

    /// The lowest undecided number.
    std::uint64_t open_ = 1;
    /// Decided numbers above open_: disjoint ranges that do not touch, last by first.
    std::map<std::uint64_t, std::uint64_t> decided_;
    // Decided and not told.
    std::vector<Range> acked_;
    std::vector<Range> nacked_;
};

}  // namespace lvt::broker
