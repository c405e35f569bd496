#include "cluster/node/proposals.h"

#include "protocol/base/assert.h"
#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"

#include <limits>
#include <utility>

namespace lvt::cluster {

Bytes encode_proposal(const ProposedCommand& proposal) {
    Bytes bytes;
    ByteWriter out(bytes);
    out.u64(proposal.origin.value());
    out.u64(proposal.starts);
    out.u64(proposal.number);
    bytes += proposal.command;
    return bytes;
}

Result<ProposedCommand> decode_proposal(ByteView bytes) {
    ByteReader in(bytes);
    ProposedCommand out;
    out.origin = NodeId{in.u64()};
    out.starts = in.u64();
    out.number = in.u64();
    out.command = Bytes(in.rest());
    if (!in.ok() || out.number == 0) return Error{ErrorKind::corrupt, "proposal cut off"};
    return out;
}

void Proposals::add(std::uint64_t number, Bytes command) {
    ASSERT(waiting_.empty() || waiting_.back().number + 1 == number);
    waiting_.push_back({number, encode_proposal({self_, starts_, number, std::move(command)})});
}

void Proposals::committed(const ProposedCommand& proposal) {
    if (proposal.origin != self_ || proposal.starts != starts_) return;
    if (waiting_.empty() || proposal.number < waiting_.front().number) return;
    const std::uint64_t first = waiting_.front().number;
    if (proposal.number > first) {
        // The first one got lost: no node carries out what comes without it.
        if (std::exchange(lost_, first) != first) sent_ = 0;
        return;
    }
    waiting_.pop_front();
    if (sent_ > 0) --sent_;
    progressed_ = true;
}

std::vector<Bytes> Proposals::due(std::uint64_t now_ms, NodeId leader, Term term) {
    std::vector<Bytes> out;
    if (leader.value() == 0 || waiting_.empty()) return out;
    if (std::exchange(progressed_, false)) repeat_ms_ = now_ms + kRepeatMs;
    const bool again = leader != leader_ || term != term_ || (sent_ > 0 && now_ms >= repeat_ms_);
    if (again) sent_ = 0;
    leader_ = leader;
    term_ = term;
    if (sent_ == waiting_.size()) return out;
    if (sent_ == 0) repeat_ms_ = now_ms + kRepeatMs;
    for (; sent_ < waiting_.size(); ++sent_) out.push_back(waiting_[sent_].encoded);
    return out;
}

std::uint64_t Proposals::deadline_ms() const {
    return sent_ > 0 ? repeat_ms_ : std::numeric_limits<std::uint64_t>::max();
}

}  // namespace lvt::cluster
