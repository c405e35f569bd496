// One node that forms a cluster, and what a test lets it see; everything that it says is kept.
#pragma once

#include "cluster/node/formation.h"

#include <algorithm>

namespace lvt::cluster {

constexpr std::uint16_t kHandPort = 25672;

class Hand {
public:
    explicit Hand(std::uint64_t id, FormationOptions options = {}, NodeState state = {})
        : random_(id), formation_(with_self(id, options), with_id(id, state), random_) {
        formation_.start(now);
        collect();
    }

    static Peer peer(std::uint64_t id) {
        return {NodeId{id}, "rabbit@" + std::to_string(id), "h" + std::to_string(id), kHandPort, 1};
    }

    void listed(std::initializer_list<std::string> hosts) {
        discovery::PeerList list;
        for (const std::string& host : hosts) list.candidates.push_back({"", "", host, 0});
        formation_.listed(now, list);
        collect();
    }
    void fails(const discovery::DiscoveryError& error) {
        formation_.list_failed(now, error);
        collect();
    }
    void hears(std::uint64_t from, decltype(FormationMessage::body) body) {
        hears(peer(from), std::move(body));
    }
    /// On a link that the other one has made.
    void hears(const Peer& from, decltype(FormationMessage::body) body) {
        hears_at({}, from, std::move(body));
    }
    /// On the link that was made by dialling `host`.
    void hears_at(
        const std::string& host, const Peer& from, decltype(FormationMessage::body) body) {
        const Place place{from.id.value(), host, kHandPort};
        formation_.receive(now, place, {from, std::move(body)});
        collect();
    }
    void waits(std::uint64_t ms) {
        for (const std::uint64_t end = now + ms; now < end;) {
            now += 50;
            formation_.tick(now);
            collect();
        }
    }
    /// Everything that was written is durable.
    void synced() {
        formation_.persisted(now, ticket_);
        collect();
    }
    template <class Body>
    std::vector<std::pair<Place, Body>> said_to() {
        std::vector<std::pair<Place, Body>> out;
        for (const auto& [to, message] : all.messages)
            if (const auto* const body = std::get_if<Body>(&message.body))
                out.emplace_back(to, *body);
        all.messages.clear();
        return out;
    }
    template <class Body>
    std::vector<Body> said() {
        std::vector<Body> out;
        for (auto& [to, body] : said_to<Body>()) out.push_back(std::move(body));
        return out;
    }
    bool logged(std::string_view part) const {
        return std::ranges::any_of(
            all.log, [&](const auto& line) { return line.second.find(part) != std::string::npos; });
    }
    const NodeState& state() const { return formation_.state(); }
    Formation* operator->() { return &formation_; }

    std::uint64_t now = 1000;
    FormationOutput all;

private:
    static FormationOptions with_self(std::uint64_t id, FormationOptions options) {
        options.self = peer(id);
        return options;
    }
    static NodeState with_id(std::uint64_t id, NodeState state) {
        state.id = NodeId{id};
        return state;
    }
    void collect() {
        FormationOutput out = formation_.take();
        if (!out.record.empty()) ticket_ = out.ticket;
        const auto keep = [](auto& all, auto& more) {
            std::ranges::move(more, std::back_inserter(all));
        };
        keep(all.messages, out.messages);
        keep(all.log, out.log);
        keep(all.joins, out.joins);
        keep(all.removals, out.removals);
        keep(all.remove_answers, out.remove_answers);
        all.list |= out.list;
        all.settled |= out.settled;
        all.removed |= out.removed;
        if (out.give_up) all.give_up = out.give_up;
    }

    SeededRandom random_;
    Formation formation_;
    std::uint64_t ticket_ = 0;
};

}  // namespace lvt::cluster
