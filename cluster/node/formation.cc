#include "cluster/node/formation.h"

#include "protocol/base/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace lvt::cluster {
namespace {

/// A blank node asks a member to be let in so often.
constexpr std::uint64_t kJoinIntervalMs = 300;
/// What a node waits for is said again after so long.
constexpr std::uint64_t kStatusIntervalMs = 10'000;
constexpr std::uint64_t kPermanentFailuresMax = 3;
/// How often a member without company asks discovery.
constexpr std::uint64_t kLonelyListIntervalMs = 5000;
/// How much longer it waits where discovery fails.
constexpr std::uint64_t kMemberRetryMs = 60'000;
/// More nodes than this are nobody's cluster; who is silent goes first.
constexpr std::size_t kSeenMax = 1000;

}  // namespace

Formation::Formation(FormationOptions options, NodeState state, Random& random)
    : options_(std::move(options)),
      state_(std::move(state)),
      random_(random),
      highest_round_(state_.vote.promised.round) {
    ASSERT(state_.id.value() != 0 && options_.self.id == state_.id);
}

void Formation::start(std::uint64_t now_ms) {
    now_ms_ = now_ms;
    // This start is counted before anybody hears of it.
    const std::uint64_t ticket = persist();
    if (state_.cluster) {
        settled_ticket_ = ticket;
        log(LogLevel::info,
            fmt::format(
                "discovery decides nothing any more: this node belongs to cluster {} of {} nodes",
                to_text(state_.cluster->cluster),
                std::max<std::size_t>(1, state_.book.size())));
    }
    next_list_ms_ = state_.cluster ? now_ms + kLonelyListIntervalMs : now_ms;
    tick(now_ms);
}

void Formation::tick(std::uint64_t now_ms) {
    now_ms_ = now_ms;
    if (state_.removed) {
        next_tick_ms_ = std::numeric_limits<std::uint64_t>::max();
        return;
    }
    if (!listing_ && now_ms >= next_list_ms_ && !options_.alone && !join_at_) {
        // A member asks once, for whom it may have missed, and when it is alone, for better addresses.
        const bool lonely =
            !state_.cluster || !list_ ||
            (state_.book.size() > 1 && std::ranges::none_of(state_.book, [&](const Peer& one) {
                 return one.id != state_.id && is_fresh(one.id);
             }));
        if (lonely) {
            listing_ = true;
            output_.list = true;
        } else {
            next_list_ms_ = now_ms + kLonelyListIntervalMs;
        }
    }
    if (now_ms >= next_hello_ms_) say_hello(now_ms);
    if (!state_.cluster) seek_cluster(now_ms);
    next_tick_ms_ = std::min(next_hello_ms_, listing_ ? next_hello_ms_ : next_list_ms_);
    if (!state_.cluster) next_tick_ms_ = std::min(next_tick_ms_, now_ms + 100);
}

void Formation::listed(std::uint64_t now_ms, const discovery::PeerList& list) {
    now_ms_ = now_ms;
    if (!list_ || list_->candidates != list.candidates ||
        list_->expected_size != list.expected_size) {
        std::string names;
        for (const discovery::Candidate& one : list.candidates) {
            const Address address = address_of(one);
            names += fmt::format("{}{}:{}", names.empty() ? "" : ", ", address.host, address.port);
        }
        log(LogLevel::info,
            fmt::format(
                "discovery names {}{}",
                names.empty() ? "nobody" : names,
                list.expected_size ? fmt::format(", {} nodes in all", *list.expected_size) : ""));
    }
    listing_ = false;
    list_failures_ = 0;
    permanent_failures_ = 0;
    list_ = list;
    next_list_ms_ = now_ms + (state_.cluster ? kLonelyListIntervalMs : options_.list_interval_ms);
    next_hello_ms_ = now_ms;
    tick(now_ms);
}

void Formation::list_failed(std::uint64_t now_ms, const discovery::DiscoveryError& error) {
    now_ms_ = now_ms;
    listing_ = false;
    if (error.failure == discovery::Failure::cancelled) return;
    ++list_failures_;
    const bool permanent = error.failure == discovery::Failure::permanent;
    permanent_failures_ = permanent ? permanent_failures_ + 1 : 0;
    log(LogLevel::warning, fmt::format("discovery failed: {}", error.message));
    // A member needs discovery for nothing but better addresses.
    if (!state_.cluster) {
        if (permanent_failures_ >= kPermanentFailuresMax)
            output_.give_up = fmt::format("peer discovery: {}", error.message);
        else if (options_.list_failures_max && list_failures_ >= options_.list_failures_max)
            output_.give_up = fmt::format(
                "peer discovery failed {} times in a row, as often as "
                "cluster_formation.discovery_retry_limit allows: {}",
                list_failures_,
                error.message);
    }
    std::uint64_t wait = options_.list_interval_ms;
    for (std::uint64_t i = 1; i < list_failures_ && wait < options_.list_interval_max_ms; ++i)
        wait *= 2;
    wait = std::max(options_.list_interval_ms, std::min(wait, options_.list_interval_max_ms));
    next_list_ms_ = now_ms + wait / 2 + random_.next() % (wait / 2 + 1);
    if (state_.cluster) next_list_ms_ += kMemberRetryMs;
    tick(now_ms);
}

void Formation::receive(std::uint64_t now_ms, const Place& from, const FormationMessage& message) {
    now_ms_ = now_ms;
    if (state_.removed) return;
    const auto* const greeting = std::get_if<Hello>(&message.body);
    if (greeting && greeting->answer && !from.host.empty())
        answered_at_[{from.host, from.port}] = {message.from.id, now_ms};
    // Itself, at an address that it did not know for its own.
    if (message.from.id == state_.id && from.link != 0) {
        if (greeting && !greeting->answer) reply(from.link, hello(true));
        return;
    }
    std::visit([&](const auto& body) { on(now_ms, from.link, message.from, body); }, message.body);
    tick(now_ms);
}

void Formation::persisted(std::uint64_t now_ms, std::uint64_t ticket) {
    now_ms_ = now_ms;
    if (settled_ticket_ != 0 && ticket >= settled_ticket_) {
        settled_ticket_ = 0;
        output_.settled = true;
        next_hello_ms_ = now_ms;
    }
    if (removed_ticket_ != 0 && ticket >= removed_ticket_) {
        removed_ticket_ = 0;
        output_.removed = true;
    }
    std::vector<Held> due;
    std::erase_if(held_, [&](Held& one) {
        if (one.after > ticket) return false;
        due.push_back(std::move(one));
        return true;
    });
    for (Held& one : due) {
        if (one.link != 0)
            output_.messages.emplace_back(Place{one.link, {}, 0}, one.message);
        else
            receive(now_ms, {}, one.message);
    }
    tick(now_ms);
}

FormationOutput Formation::take() {
    if (dirty_) {
        dirty_ = false;
        output_.record = state_.encode();
        output_.ticket = next_ticket_++;
    }
    return std::exchange(output_, {});
}

/// The ticket of the record that the next take() hands out.
std::uint64_t Formation::persist() {
    dirty_ = true;
    return next_ticket_;
}

void Formation::log(LogLevel level, std::string text) {
    output_.log.emplace_back(level, std::move(text));
}

void Formation::status(std::uint64_t now_ms, LogLevel level, std::string text) {
    if (text == status_ && now_ms < status_ms_ + kStatusIntervalMs) return;
    status_ = text;
    status_ms_ = now_ms;
    log(level, std::move(text));
}

void Formation::send(Place to, decltype(FormationMessage::body) body) {
    output_.messages.emplace_back(std::move(to), FormationMessage{options_.self, std::move(body)});
}

void Formation::reply(std::uint64_t link, decltype(FormationMessage::body) body) {
    send(Place{link, {}, 0}, std::move(body));
}

Hello Formation::hello(bool answer) const {
    Hello out;
    out.answer = answer;
    out.terms = terms();
    // Told once it is durable.
    if (state_.cluster && settled_ticket_ == 0) {
        out.cluster = state_.cluster;
        out.leader = leader_;
        out.members = state_.book;
        out.facts = facts_;
        for (const NodeId id : members_)
            if (id != state_.id && is_heard(id)) out.heard.push_back(id);
    }
    return out;
}

void Formation::say_hello(std::uint64_t now_ms) {
    for (const Address& address : addresses()) send({0, address.host, address.port}, hello(false));
    next_hello_ms_ =
        now_ms + (state_.cluster ? options_.member_hello_interval_ms : options_.hello_interval_ms);
}

void Formation::on(std::uint64_t now_ms, std::uint64_t link, const Peer& from, const Hello& body) {
    const bool ours = state_.cluster && body.cluster && *body.cluster == *state_.cluster;
    if (ours && former_.contains(from.id)) return answer_remove(link, from.id, RemoveStatus::done);
    const bool known = seen_.contains(from.id);
    Seen& seen = seen_[from.id];
    // Late words: of an earlier start, or from before it was a member.
    if (from.starts < seen.peer.starts) return;
    if (from.starts == seen.peer.starts && seen.cluster && !body.cluster) return;
    seen.peer = from;
    seen.terms = body.terms;
    seen.cluster = body.cluster;
    seen.leader = body.leader;
    seen.members = body.members;
    seen.heard = body.heard;
    seen.facts = body.facts;
    seen.heard_ms = now_ms;
    note_peer(from);
    if (state_.cluster && body.cluster) {
        if (body.cluster->cluster == state_.cluster->cluster) {
            for (const Peer& one : body.members) note_peer(one);
        } else if (stranger_ != body.cluster->cluster) {
            stranger_ = body.cluster->cluster;
            log(LogLevel::error,
                fmt::format(
                    "{} belongs to cluster {} of the same name, this node to {}: they are two, "
                    "and are never merged",
                    from.name,
                    to_text(stranger_),
                    to_text(state_.cluster->cluster)));
        }
    }
    if (!body.answer) {
        reply(link, hello(true));
        // A newcomer is asked at once.
        if (!known) next_hello_ms_ = now_ms;
    } else {
        seen.answered_ms = now_ms;
        if (!known)
            log(LogLevel::info,
                fmt::format(
                    "{} at {}:{} answers: {}",
                    from.name,
                    from.host,
                    from.port,
                    body.cluster ? fmt::format("of cluster {}", to_text(body.cluster->cluster))
                                 : "blank"));
    }
    if (seen_.size() > kSeenMax)
        std::erase_if(seen_, [&](const auto& one) { return !fresh(one.second); });
    if (answered_at_.size() > kSeenMax)
        std::erase_if(answered_at_, [&](const auto& one) {
            return one.second.second + member_window_ms() < now_ms;
        });
}

/// What a blank node does next.
void Formation::seek_cluster(std::uint64_t now_ms) {
    const Seen* member = nullptr;
    for (const auto& [id, seen] : seen_) {
        if (!fresh(seen) || !seen.cluster) continue;
        if (member && member->cluster->cluster != seen.cluster->cluster) {
            status(
                now_ms,
                LogLevel::error,
                fmt::format(
                    "two clusters of this name: {} with {}, and {} with {}; this node joins none",
                    to_text(member->cluster->cluster),
                    member->peer.name,
                    to_text(seen.cluster->cluster),
                    seen.peer.name));
            return;
        }
        if (!member) member = &seen;
    }
    if (!member && join_at_)
        return status(
            now_ms,
            LogLevel::info,
            fmt::format(
                "no member of a cluster answers at {}:{} yet", join_at_->host, join_at_->port));
    if (!member) return consider_proposing(now_ms);
    attempt_.reset();
    able_since_ms_ = 0;
    if (member->cluster->has_founder(state_.id))
        return belong(*member->cluster, member->members, "founded");
    if (now_ms >= next_join_ms_) ask_to_join(now_ms, *member);
}

void Formation::ask_to_join(std::uint64_t now_ms, const Seen& member) {
    next_join_ms_ = now_ms + kJoinIntervalMs;
    Peer to = member.peer;
    // Now and then another one: what is known of the leader may be old.
    const auto leader = std::ranges::find(member.members, member.leader, &Peer::id);
    const bool led = leader != member.members.end() && leader->id != state_.id;
    if (led && random_.next() % 4 != 0) to = *leader;
    status(
        now_ms,
        LogLevel::info,
        fmt::format(
            "cluster {} is there: asking {} to let this node join",
            to_text(member.cluster->cluster),
            to.name));
    send({0, to.host, to.port}, Join{member.cluster->cluster});
}

void Formation::on(std::uint64_t, std::uint64_t link, const Peer& from, const Join& body) {
    if (!state_.cluster || settled_ticket_ != 0)
        return reply(link, JoinAnswer{JoinStatus::later, {}, {}, {}, {}});
    if (body.cluster != state_.cluster->cluster)
        return reply(link, JoinAnswer{JoinStatus::refused, {}, {}, {}, "this is another cluster"});
    note_peer(from);
    output_.joins.emplace_back(link, from);
}

void Formation::answer_join(std::uint64_t link, JoinAnswer answer) {
    answer.cluster = state_.cluster;
    answer.members = state_.book;
    reply(link, std::move(answer));
}

void Formation::on(std::uint64_t now_ms, std::uint64_t, const Peer& from, const JoinAnswer& body) {
    if (state_.cluster) return;
    if (body.status == JoinStatus::welcome) return belong(*body.cluster, body.members, "joined");
    if (body.status == JoinStatus::refused)
        return status(
            now_ms,
            LogLevel::error,
            fmt::format("{} does not let this node join: {}", from.name, body.reason));
    if (body.status != JoinStatus::not_leader) return;
    const auto seen = seen_.find(from.id);
    if (seen == seen_.end() || seen->second.leader == body.leader) return;
    seen->second.leader = body.leader;
    seen->second.members = body.members;
    next_join_ms_ = now_ms;
}

void Formation::belong(
    const Charter& charter, const std::vector<Peer>& members, std::string_view how) {
    ASSERT(!state_.cluster);
    state_.cluster = charter;
    join_at_.reset();
    note_peer(options_.self);
    for (const Peer& one : charter.founders) note_peer(one);
    for (const Peer& one : members) note_peer(one);
    attempt_.reset();
    settled_ticket_ = persist();
    log(LogLevel::info,
        fmt::format(
            "cluster {} is {}, with {} founders",
            to_text(charter.cluster),
            how,
            charter.founders.size()));
}

/// Members only; the newest address counts.
void Formation::note_peer(const Peer& peer) {
    if (former_.contains(peer.id)) return;
    const auto known = std::ranges::find(state_.book, peer.id, &Peer::id);
    if (known != state_.book.end()) {
        if (peer.starts <= known->starts) return;
        *known = peer;
    } else {
        const bool member =
            state_.cluster && (peer.id == state_.id || state_.cluster->has_founder(peer.id) ||
                               std::ranges::find(members_, peer.id) != members_.end());
        if (!member) return;
        state_.book.push_back(peer);
    }
    output_.book_changed = true;
    persist();
}

void Formation::set_cluster(NodeId leader, std::vector<NodeId> members) {
    leader_ = leader;
    if (members_ == members) return;
    members_ = std::move(members);
    // Who has left is forgotten; who has come was seen.
    if (std::erase_if(state_.book, [&](const Peer& one) {
            return one.id != state_.id && std::ranges::find(members_, one.id) == members_.end();
        }) > 0)
        persist();
    for (const auto& [id, seen] : seen_) note_peer(seen.peer);
    output_.book_changed = true;
}

std::optional<Peer> Formation::peer(NodeId id) const {
    if (id == state_.id) return options_.self;
    std::optional<Peer> out;
    if (const auto seen = seen_.find(id); seen != seen_.end()) out = seen->second.peer;
    const auto known = std::ranges::find(state_.book, id, &Peer::id);
    if (known != state_.book.end() && (!out || known->starts > out->starts)) out = *known;
    return out;
}

}  // namespace lvt::cluster
