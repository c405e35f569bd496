// Proposals: what this node wants the metadata group to agree on, until it comes back. It goes to whoever leads the group; what got lost with a
// leader or a link goes again, in order, so the group may get it twice: the state machine tells by origin, starts and number.
#pragma once

#include "cluster/node/peer.h"
#include "protocol/base/result.h"

#include <deque>

namespace lvt::cluster {

/// A command of the group that means nothing to this folder.
struct ProposedCommand {
    /// Who proposes it, in which of its processes; numbers count from 1 there.
    NodeId origin;
    std::uint64_t starts = 0;
    std::uint64_t number = 0;
    Bytes command;
};

/// cluster/PROTOCOL.md. `corrupt`.
[[nodiscard]] Bytes encode_proposal(const ProposedCommand& proposal);
[[nodiscard]] Result<ProposedCommand> decode_proposal(ByteView bytes);

/// All calls on one thread. Times are monotonic milliseconds.
class Proposals {
public:
    /// Where the first has no answer for so long, all go again.
    static constexpr std::uint64_t kRepeatMs = 1000;

    Proposals(NodeId self, std::uint64_t starts) : self_(self), starts_(starts) {}

    /// Numbers without gaps.
    void add(std::uint64_t number, Bytes command);
    /// The group has agreed on it; it is carried out where all before it are.
    void committed(const ProposedCommand& proposal);
    /// What goes to the leader now, encoded; nothing where there is none.
    std::vector<Bytes> due(std::uint64_t now_ms, NodeId leader, Term term);
    /// When to call due() again.
    std::uint64_t deadline_ms() const;

private:
    struct Waiting {
        std::uint64_t number = 0;
        Bytes encoded;
    };

    const NodeId self_;
    const std::uint64_t starts_;
    std::deque<Waiting> waiting_;
    /// So many of them were sent to this leader.
    std::size_t sent_ = 0;
    bool progressed_ = false;
    /// The last one that was missed where a later one came.
    std::uint64_t lost_ = 0;
    NodeId leader_;
    Term term_;
    std::uint64_t repeat_ms_ = 0;
};

}  // namespace lvt::cluster
