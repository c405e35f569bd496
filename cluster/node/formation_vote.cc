// Proposing a charter, and agreeing to one.
#include "cluster/node/formation.h"

#include <fmt/format.h>

#include <algorithm>

namespace lvt::cluster {
namespace {

/// What was not answered is asked again after so long.
constexpr std::uint64_t kRepeatMs = 300;
/// How long a proposer with enough promises waits for the others', so that they are founders too.
constexpr std::uint64_t kStragglerMs = 200;

}  // namespace

void Formation::consider_proposing(std::uint64_t now_ms) {
    if (attempt_) return go_on(now_ms);
    const Terms own = terms();
    if (const std::string reason = obstacle(own); !reason.empty()) {
        able_since_ms_ = 0;
        return status(now_ms, LogLevel::info, fmt::format("no cluster is founded yet: {}", reason));
    }
    const std::vector<NodeId> voters = agreeable(own);
    if (able_since_ms_ == 0) able_since_ms_ = now_ms;
    std::uint64_t at = able_since_ms_;
    // Who may still come shall be a founder rather than join.
    if (voters.size() < own.size) at += options_.patience_ms;
    const NodeId first = ordained().value_or(voters.front());
    if (first != state_.id)
        at += options_.patience_ms + options_.attempt_ms +
              options_.attempt_ms * static_cast<std::uint64_t>(std::distance(
                                        voters.begin(), std::ranges::find(voters, state_.id)));
    if (now_ms < std::max(at, not_before_ms_))
        return status(
            now_ms,
            LogLevel::info,
            fmt::format(
                "{} of {} nodes are here and agree, enough to found a cluster",
                voters.size(),
                own.size));
    begin_attempt(now_ms, own);
}

void Formation::begin_attempt(std::uint64_t now_ms, const Terms& terms) {
    attempt_.emplace();
    attempt_->ballot = {highest_round_ + 1, state_.id};
    attempt_->terms = terms;
    attempt_->ends_ms = now_ms + options_.attempt_ms;
    attempt_->repeat_ms = now_ms + kRepeatMs;
    log(LogLevel::info,
        fmt::format(
            "proposing a cluster of {} nodes, {} votes are needed (round {})",
            terms.size,
            terms.votes,
            attempt_->ballot.round));
    // The own promise first: nobody hears of a ballot that a restart could use again.
    on(now_ms, 0, options_.self, Prepare{attempt_->ballot, terms});
}

void Formation::ask_voters(decltype(FormationMessage::body) body, const std::set<NodeId>& but) {
    for (const auto& [id, seen] : seen_) {
        if (but.contains(id) || seen.cluster || !fresh(seen)) continue;
        send({0, seen.peer.host, seen.peer.port}, body);
    }
}

void Formation::go_on(std::uint64_t now_ms) {
    if (now_ms >= attempt_->ends_ms) return give_up_attempt(now_ms);
    const bool enough = attempt_->promises.size() >= attempt_->terms.votes;
    if (!attempt_->charter && enough) {
        std::size_t asked = 1;
        for (const auto& [id, seen] : seen_)
            if (fresh(seen) && !seen.cluster) ++asked;
        if (attempt_->promises.size() >= asked || now_ms >= attempt_->promised_ms + kStragglerMs)
            return propose(now_ms);
    }
    // Before the own promise is durable nobody is asked.
    if (now_ms < attempt_->repeat_ms || !attempt_->promises.contains(state_.id)) return;
    attempt_->repeat_ms = now_ms + kRepeatMs;
    if (attempt_->charter) {
        ask_voters(
            Accept{attempt_->ballot, attempt_->terms, *attempt_->charter}, attempt_->accepted);
        return;
    }
    std::set<NodeId> promised;
    for (const auto& [id, promise] : attempt_->promises) promised.insert(id);
    ask_voters(Prepare{attempt_->ballot, attempt_->terms}, promised);
}

void Formation::give_up_attempt(std::uint64_t now_ms) {
    log(LogLevel::info,
        fmt::format(
            "round {} was not agreed on: {} promises, {} votes of {}",
            attempt_->ballot.round,
            attempt_->promises.size(),
            attempt_->accepted.size(),
            attempt_->terms.votes));
    attempt_.reset();
    not_before_ms_ = now_ms + random_.next() % options_.attempt_ms;
}

/// Enough have promised. What the newest of them agreed to before may hold already, so it is proposed again.
void Formation::propose(std::uint64_t now_ms) {
    const Promise* newest = nullptr;
    for (const auto& [id, promise] : attempt_->promises)
        if (promise.charter && (!newest || promise.accepted > newest->accepted)) newest = &promise;
    if (newest) {
        attempt_->charter = newest->charter;
        log(LogLevel::info,
            fmt::format(
                "cluster {} was proposed before: its founding goes on",
                to_text(newest->charter->cluster)));
    } else {
        Charter charter;
        do charter.cluster = ClusterId{random_.next()};
        while (charter.cluster.value() == 0);
        for (const auto& [id, promise] : attempt_->promises)
            if (const auto founder = peer(id)) charter.founders.push_back(*founder);
        attempt_->charter = std::move(charter);
    }
    attempt_->repeat_ms = now_ms + kRepeatMs;
    const Accept body{attempt_->ballot, attempt_->terms, *attempt_->charter};
    ask_voters(body, {});
    on(now_ms, 0, options_.self, body);
}

void Formation::hold(std::uint64_t link, decltype(FormationMessage::body) body) {
    held_.push_back({persist(), link, FormationMessage{options_.self, std::move(body)}});
}

bool Formation::refuses(std::uint64_t link, const Ballot& ballot, const Terms& asked) {
    highest_round_ = std::max(highest_round_, ballot.round);
    Refusal refusal{ballot, RefusalReason::older, state_.vote.promised, terms()};
    const Terms& own = refusal.terms;
    if (state_.cluster) {
        refusal.reason = RefusalReason::member;
    } else if (own.basis == SizeBasis::unknown) {
        refusal.reason = RefusalReason::unready;
    } else if (asked.size != own.size) {
        refusal.reason = RefusalReason::size;
    } else if (asked.votes < own.votes) {
        refusal.reason = RefusalReason::votes;
    } else if (!fits(asked, own)) {
        refusal.reason = RefusalReason::list;
    } else if (ballot >= state_.vote.promised) {
        return false;
    }
    // To itself: the attempt is over, and ends by its time.
    if (link == 0) return true;
    reply(link, refusal);
    if (state_.cluster) reply(link, hello(true));
    return true;
}

void Formation::on(std::uint64_t, std::uint64_t link, const Peer& from, const Prepare& body) {
    if (refuses(link, body.ballot, body.terms)) return;
    if (link != 0 && state_.vote.promised != body.ballot)
        log(LogLevel::info,
            fmt::format(
                "{} proposes a cluster of {} nodes (round {}): promised",
                from.name,
                body.terms.size,
                body.ballot.round));
    state_.vote.promised = body.ballot;
    state_.vote.terms = body.terms;
    hold(link, Promise{body.ballot, state_.vote.accepted, state_.vote.charter});
    // Another's turn.
    if (body.ballot.proposer != state_.id) not_before_ms_ = now_ms_ + options_.attempt_ms;
}

void Formation::on(std::uint64_t now_ms, std::uint64_t, const Peer& from, const Promise& body) {
    if (!attempt_ || body.ballot != attempt_->ballot || attempt_->charter) return;
    attempt_->promises.insert_or_assign(from.id, body);
    if (from.id == state_.id) ask_voters(Prepare{attempt_->ballot, attempt_->terms}, {});
    if (attempt_->promises.size() >= attempt_->terms.votes && attempt_->promised_ms == 0)
        attempt_->promised_ms = now_ms;
}

void Formation::on(std::uint64_t, std::uint64_t link, const Peer& from, const Accept& body) {
    if (refuses(link, body.ballot, body.terms)) return;
    if (link != 0 && state_.vote.accepted != body.ballot)
        log(LogLevel::info,
            fmt::format(
                "agreed to cluster {} of {} (round {})",
                to_text(body.charter.cluster),
                from.name,
                body.ballot.round));
    state_.vote.promised = body.ballot;
    state_.vote.accepted = body.ballot;
    state_.vote.terms = body.terms;
    state_.vote.charter = body.charter;
    hold(link, Accepted{body.ballot});
    if (body.ballot.proposer != state_.id) not_before_ms_ = now_ms_ + options_.attempt_ms;
}

void Formation::on(std::uint64_t, std::uint64_t, const Peer& from, const Accepted& body) {
    if (!attempt_ || body.ballot != attempt_->ballot || !attempt_->charter || state_.cluster)
        return;
    attempt_->accepted.insert(from.id);
    if (attempt_->accepted.size() < attempt_->terms.votes) return;
    const Charter charter = *attempt_->charter;
    belong(charter, charter.founders, "founded");
}

void Formation::on(std::uint64_t now_ms, std::uint64_t, const Peer& from, const Refusal& body) {
    highest_round_ = std::max(highest_round_, body.promised.round);
    const auto seen = seen_.find(from.id);
    if (seen != seen_.end()) seen->second.terms = body.terms;
    if (!attempt_ || body.ballot != attempt_->ballot) return;
    // Another one has begun later: its turn. The rest shows in the greetings.
    if (body.reason == RefusalReason::older) give_up_attempt(now_ms);
}

}  // namespace lvt::cluster
