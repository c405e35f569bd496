// What operators ask of a node, and members that go.
#include "broker/app/cluster_node.h"
#include "broker/net/socket_address.h"
#include "cluster/discovery/node_name.h"

#include <algorithm>

namespace lvt::broker {
namespace {

using Kind = ClusterOutcome::Kind;

/// Longer than elections and changes of members take.
constexpr std::uint64_t kDepartureMs = 15'000;
constexpr std::uint64_t kJoinMs = 30'000;
constexpr std::uint64_t kLookIntervalMs = 1000;

Kind kind_of(cluster::Departed how) {
    switch (how) {
        case cluster::Departed::done:
            return Kind::done;
        case cluster::Departed::unknown:
            return Kind::unknown_node;
        case cluster::Departed::running:
            return Kind::running;
        case cluster::Departed::minority:
            return Kind::minority;
        case cluster::Departed::no_leader:
            break;
    }
    return Kind::no_leader;
}

}  // namespace

void ClusterServer::Node::make_cleanup(bool lists_all, const discovery::Settings& settings) {
    cluster::CleanupOptions options;
    options.enabled = std::ranges::any_of(config_.cluster_formation, [](const auto& one) {
        return one.first.starts_with("cluster_formation.node_cleanup.");
    });
    options.only_log_warning = settings.boolean("node_cleanup.only_log_warning");
    options.interval_ms =
        static_cast<std::uint64_t>(settings.integer("node_cleanup.interval")) * 1000;
    // 0 would not wait at all.
    options.interval_ms = std::max<std::uint64_t>(options.interval_ms, 1000);
    options.lists_all = lists_all;
    if (options.enabled)
        log_.log(
            LogLevel::info,
            "cluster: members that are silent for {} s and not listed are {}",
            options.interval_ms / 1000,
            options.only_log_warning || !lists_all ? "warned of" : "removed");
    cleanup_.emplace(options);
}

void ClusterServer::Node::begin_formation() {
    if (removed_ || failed_) return;
    idle_ = false;
    if (!std::exchange(begun_, true)) formation_->start(now_ms());
    serve();
}

void ClusterServer::Node::set_facts(const std::string& facts) { formation_->set_facts(facts); }

bool ClusterServer::Node::is_there(cluster::NodeId id) const { return formation_->is_heard(id); }

void ClusterServer::Node::forget(const std::string& node, Done done) {
    if (!membership_ || removed_) return done({Kind::unknown_node});
    std::optional<cluster::NodeId> found;
    for (const cluster::NodeId id : membership_->members()) {
        const auto peer = formation_->peer(id);
        const bool named = to_text(id) == node || (peer && peer->name == node);
        if (!named) continue;
        // One of two nodes of that name, since one lost its disk, is the one that is lost.
        if (!found || is_there(*found)) found = id;
    }
    if (!found) return done({Kind::unknown_node});
    if (is_there(*found)) return done({Kind::running});
    log_.log(LogLevel::info, "cluster: asked to remove {} ({})", node, to_text(*found));
    departures_.ask(now_ms(), *found, kDepartureMs, [done = std::move(done)](auto how) {
        done({kind_of(how)});
    });
    serve();
}

void ClusterServer::Node::leave(Done done) {
    const bool alone = !membership_ || membership_->members().size() < 2;
    if (removed_ || alone) return done({Kind::done});
    log_.log(LogLevel::info, "cluster: this node leaves");
    departures_.ask(
        now_ms(), formation_->self().id, kDepartureMs, [this, done = std::move(done)](auto how) {
            if (how != cluster::Departed::done) return done({kind_of(how)});
            formation_->leave();
            done({Kind::done});
        });
    serve();
}

void ClusterServer::Node::join(const std::string& target, Done done) {
    const cluster::Peer& self = formation_->self();
    const auto candidate = discovery::parse_candidate(
        target, {to_text(self.id), self.name, self.host, self.port, false});
    if (!candidate) return done({Kind::bad_name});
    if (removed_) return done({Kind::other_cluster});
    if (formation_->is_self(*candidate)) return done({Kind::itself});
    if (formation_->state().cluster) {
        const auto [host, port] = formation_->dialled_at(*candidate);
        const bool member = std::ranges::any_of(formation_->state().book, [&](const auto& one) {
            return (one.host == host && one.port == port) || one.name == target;
        });
        return done({member ? Kind::already_member : Kind::other_cluster});
    }
    if (joining_) end_join(Kind::offline);
    joining_ = Joining{std::move(done), now_ms() + kJoinMs, idle_};
    const auto [host, port] = formation_->dialled_at(*candidate);
    formation_->join(now_ms(), host, port);
    begin_formation();
}

void ClusterServer::Node::end_join(Kind kind) {
    if (!joining_) return;
    const Joining joining = std::move(*joining_);
    joining_.reset();
    formation_->cancel_join();
    if (kind != Kind::done) idle_ = joining.was_idle;
    joining.done({kind});
}

void ClusterServer::Node::discover(Peers done) {
    if (!discovery_) return done(std::vector<std::string>{});
    discovery_->list_for([this, done = std::move(done)](auto result) {
        loop_.post([this, done, result = std::move(result)] {
            if (result.has_error()) return done(result.error());
            std::vector<std::string> names;
            for (const discovery::Candidate& one : result->candidates) {
                const auto [host, port] = formation_->dialled_at(one);
                names.push_back(one.name.empty() ? host_and_port(host, port) : one.name);
            }
            done(names);
        });
    });
}

/// Puts the question to the leader.
void ClusterServer::Node::ask_leader(cluster::NodeId node) {
    const cluster::NodeId leader = membership_->leader();
    if (leader == formation_->self().id || membership_->is_former(node)) {
        departures_.answered(
            node,
            membership_->remove(
                now_ms(), node, node == formation_->self().id, [this](cluster::NodeId id) {
                    return is_there(id);
                }));
        return;
    }
    if (const auto peer = formation_->peer(leader)) formation_->ask_to_remove(*peer, node);
}

void ClusterServer::Node::serve_departures(cluster::FormationOutput& out) {
    for (const cluster::RemoveAnswer& one : out.remove_answers)
        departures_.answered(one.node, one.status);
    for (const auto& one : out.removals) {
        const auto status =
            !membership_
                ? cluster::RemoveStatus::later
                : membership_->remove(
                      now_ms(), one.node, one.asker == one.node, [this](cluster::NodeId id) {
                          return is_there(id);
                      });
        formation_->answer_remove(one.link, one.node, status);
    }
    if (out.settled) end_join(Kind::done);
    if (out.removed) on_removed();
}

/// The node has no part in anything any more; its data stays.
void ClusterServer::Node::on_removed() {
    removed_ = true;
    idle_ = true;
    const auto self = formation_->self().id;
    const auto cluster = formation_->state().cluster;
    membership_.reset();
    inquiries_->give_up();
    departures_.answered(self, cluster::RemoveStatus::done);
    log_.log(
        LogLevel::error,
        "cluster: this node ({}) was removed from cluster {}: it serves nobody any more; 'leveret "
        "ctl "
        "reset' makes it a blank one",
        to_text(self),
        cluster ? to_text(cluster->cluster) : "");
    // Whoever sees it removed shall see its app stopped.
    if (hooks_.on_removed) hooks_.on_removed();
    publish_status();
}

/// Every second: who is there, who shall go, who has been gone for long.
void ClusterServer::Node::look_around() {
    const std::uint64_t now = now_ms();
    if (joining_ && now >= joining_->ends_ms) end_join(Kind::offline);
    if (!membership_) return;
    departures_.tick(now, [this](cluster::NodeId node) { ask_leader(node); });
    if (now < next_look_ms_) return;
    next_look_ms_ = now + kLookIntervalMs;
    if (hooks_.wants_facts) hooks_.wants_facts();
    if (!cleanup_ || !cleanup_->enabled()) return;
    if (!membership_->leads()) return cleanup_->rest();
    std::vector<cluster::Cleanup::Member> others;
    for (const cluster::NodeId id : membership_->members()) {
        if (id == formation_->self().id) continue;
        const auto peer = formation_->peer(id);
        others.push_back(
            {id, peer ? peer->name : to_text(id), is_there(id), formation_->heard_by(id)});
    }
    cleanup_->look(now, others);
    cluster::CleanupOutput out = cleanup_->take();
    for (const auto& [level, line] : out.log) log_.log(level, "cluster: {}", line);
    if (out.list)
        discovery_->list_for([this](auto result) {
            loop_.post([this, result = std::move(result)] { on_cleanup_list(result); });
        });
    for (const cluster::NodeId id : out.remove)
        departures_.ask(now, id, kDepartureMs, [this, id](cluster::Departed how) {
            if (how != cluster::Departed::done)
                log_.log(LogLevel::warning, "cluster: {} stays a member", to_text(id));
        });
}

void ClusterServer::Node::on_cleanup_list(discovery::DiscoveryResult<discovery::PeerList> result) {
    if (result.has_error()) {
        log_.log(LogLevel::warning, "cluster: discovery failed: {}", result.error().message);
        return cleanup_->list_failed();
    }
    std::vector<std::optional<cluster::NodeId>> who;
    for (const discovery::Candidate& one : result->candidates) {
        who.push_back(formation_->member_at(one));
        if (who.back()) continue;
        const auto [host, port] = formation_->dialled_at(one);
        log_.log(
            LogLevel::info,
            "cluster: discovery names {}, where no member is known to be: nobody is removed",
            host_and_port(host, port));
    }
    cleanup_->listed(who);
}

}  // namespace lvt::broker
