// What a node makes of what it was listed and told.
#include "cluster/node/formation.h"

#include <fmt/format.h>

#include <algorithm>

namespace lvt::cluster {
namespace {

/// FNV-1a; the same on every node.
std::uint64_t hash_of(const std::set<std::string>& texts) {
    std::uint64_t hash = 0xcbf29ce484222325;
    constexpr std::uint64_t kPrime = 0x100000001b3;
    for (const std::string& text : texts) {
        for (const char octet : text) hash = (hash ^ static_cast<unsigned char>(octet)) * kPrime;
        hash = (hash ^ 0xff) * kPrime;
    }
    return hash;
}

}  // namespace

bool fits(const Terms& asked, const Terms& own) {
    return own.basis != SizeBasis::unknown && asked.size == own.size && asked.votes >= own.votes &&
           (own.basis == SizeBasis::hint || asked.candidates == own.candidates);
}

Formation::Address Formation::address_of(const discovery::Candidate& candidate) const {
    return {candidate.host, candidate.port ? candidate.port : options_.default_port};
}

std::optional<NodeId> Formation::who_answers(
    const Address& address, std::uint64_t window_ms) const {
    const auto answered = answered_at_.find(address);
    if (answered == answered_at_.end() || answered->second.second + window_ms < now_ms_)
        return std::nullopt;
    return answered->second.first;
}

bool Formation::names_self(const discovery::Candidate& candidate) const {
    if (!candidate.id.empty()) return candidate.id == to_text(state_.id);
    const Peer& self = options_.self;
    if (address_of(candidate) == Address{self.host, self.port}) return true;
    return !candidate.name.empty() && candidate.name == self.name &&
           (candidate.port == 0 || candidate.port == self.port);
}

bool Formation::is_self(const discovery::Candidate& candidate) const {
    return names_self(candidate) ||
           who_answers(address_of(candidate), member_window_ms()) == state_.id;
}

/// Nodes that there may be: this one, and each address where none of those counted answers.
std::size_t Formation::candidates() const {
    std::set<NodeId> known = {state_.id};
    std::size_t count = 1;
    for (const discovery::Candidate& one : list_->candidates) {
        if (names_self(one)) continue;
        const auto answered = who_answers(address_of(one), options_.fresh_ms);
        if (!answered || known.insert(*answered).second) ++count;
    }
    return count;
}

Terms Formation::terms() const {
    Terms out;
    if (options_.alone) return {SizeBasis::list, 1, 1, 0};
    const bool hinted = options_.size_hint > 1;
    if (!list_ || (list_->candidates.empty() && !hinted)) return out;
    std::set<std::string> texts;
    for (const discovery::Candidate& one : list_->candidates) {
        const Address address = address_of(one);
        texts.insert(fmt::format("{} {}", address.host, address.port));
    }
    out.candidates = hash_of(texts);
    const auto listed = static_cast<std::uint32_t>(candidates());
    if (hinted) {
        out.basis = SizeBasis::hint;
        out.size = options_.size_hint;
        out.votes = std::max(options_.size_hint, listed) / 2 + 1;
    } else {
        out.basis = SizeBasis::list;
        out.size = std::max(list_->expected_size.value_or(0), listed);
        out.votes = out.size;
    }
    return out;
}

std::vector<Formation::Address> Formation::addresses() const {
    std::set<Address> out;
    if (join_at_) out.insert(*join_at_);
    if (list_)
        for (const discovery::Candidate& one : list_->candidates)
            if (!names_self(one)) out.insert(address_of(one));
    for (const Peer& peer : state_.book)
        if (peer.id != state_.id) out.insert({peer.host, peer.port});
    // Whoever asked is there too, until it is silent.
    for (const auto& [id, seen] : seen_) out.insert({seen.peer.host, seen.peer.port});
    out.erase({options_.self.host, options_.self.port});
    return {out.begin(), out.end()};
}

bool Formation::fresh(const Seen& seen) const {
    return seen.answered_ms != 0 && seen.answered_ms + options_.fresh_ms >= now_ms_;
}

std::vector<NodeId> Formation::agreeable(const Terms& own) const {
    std::vector<NodeId> out = {state_.id};
    for (const auto& [id, seen] : seen_)
        if (fresh(seen) && !seen.cluster && fits(own, seen.terms)) out.push_back(id);
    std::ranges::sort(out);
    return out;
}

std::optional<NodeId> Formation::ordained() const {
    if (!list_ || !list_->seed || *list_->seed >= list_->candidates.size()) return std::nullopt;
    const discovery::Candidate& seed = list_->candidates[*list_->seed];
    if (names_self(seed)) return state_.id;
    return who_answers(address_of(seed), options_.fresh_ms);
}

std::string Formation::obstacle(const Terms& own) const {
    if (own.basis == SizeBasis::unknown)
        return list_ ? "discovery names nobody yet, and no size is expected"
                     : "discovery has not answered yet";
    for (const auto& [id, seen] : seen_) {
        const bool differs = seen.terms.basis == SizeBasis::hint && seen.terms.size != own.size;
        if (own.basis == SizeBasis::hint && differs && fresh(seen) && !seen.cluster)
            return fmt::format(
                "this node expects {} nodes, {} expects {}",
                own.size,
                seen.peer.name,
                seen.terms.size);
    }
    const std::size_t agreed = agreeable(own).size();
    if (agreed >= own.votes) return {};
    std::string out = fmt::format(
        "{} of {} nodes are here and agree, {} are needed", agreed, own.size, own.votes);
    for (const auto& [id, seen] : seen_) {
        if (!fresh(seen) || seen.cluster || fits(own, seen.terms)) continue;
        out += fmt::format("; {} {}", seen.peer.name, describe_difference(own, seen.terms));
        break;
    }
    return out;
}

std::string describe_difference(const Terms& own, const Terms& theirs) {
    if (theirs.basis == SizeBasis::unknown) return "knows no candidates yet";
    if (theirs.size != own.size) return fmt::format("expects {}", theirs.size);
    if (theirs.votes > own.votes) return fmt::format("wants {} votes", theirs.votes);
    return "was listed other candidates";
}

}  // namespace lvt::cluster
