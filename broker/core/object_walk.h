// ObjectWalk: a walk over connections, queues and exchanges in steps, between which anything may change. The core's thread only.
#pragma once

#include "broker/core/session_state.h"
#include "broker/core/topology.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace lvt::broker {

/// Calls see(value) for the entries of a map behind the key `last`, which follows, until full(). True where there is more. Whatever changes
/// in the map between two calls: what is there all the time is seen once.
template <class Map, class Full, class See>
bool resume_map(
    const Map& map, std::optional<typename Map::key_type>& last, Full&& full, See&& see) {
    for (auto at = last ? map.upper_bound(*last) : map.begin(); at != map.end(); ++at) {
        if (full()) return true;
        see(*at);
        last = at->first;
    }
    return false;
}

class ObjectWalk {
public:
    struct What {
        bool sessions = true;
        bool queues = true;
        bool exchanges = true;
        /// Virtual hosts; empty: all. Connections are seen whatever their virtual host.
        std::vector<Bytes> vhosts = {};
    };
    using Sessions = std::vector<std::vector<std::unique_ptr<SessionState>>>;

    ObjectWalk() = default;
    explicit ObjectWalk(What what) : what_(std::move(what)) {}

    /// Sees at most `step` more. Calls see.session(SessionState&) for those that clients have opened, then for each virtual host see.queue(Queue&),
    /// see.exchange(VirtualHost&, Exchange*), null for the default one, and at its end see.vhost(VirtualHost&). True where there is more.
    template <class See>
    bool resume(const Sessions& sessions, const Topology& topology, std::size_t step, See&& see) {
        left_ = step;
        return (what_.sessions && walk_sessions(sessions, see)) || walk_vhosts(topology, see);
    }

private:
    template <class See>
    bool walk_sessions(const Sessions& sessions, See& see) {
        for (; lane_ < sessions.size(); ++lane_, slot_ = 0) {
            for (; slot_ < sessions[lane_].size(); ++slot_) {
                SessionState* const session = sessions[lane_][slot_].get();
                if (!session || !session->vhost || session->internal) continue;
                if (full()) return true;
                see.session(*session);
            }
        }
        return false;
    }
    template <class See>
    bool walk_vhosts(const Topology& topology, See& see) {
        const auto& vhosts = topology.vhosts();
        for (auto at = vhost_ ? vhosts.upper_bound(*vhost_) : vhosts.begin(); at != vhosts.end();
             ++at) {
            if (wanted(at->first) && walk_vhost(*at->second, see)) return true;
            vhost_ = at->first;
            queue_.reset();
            exchange_.reset();
        }
        return false;
    }
    template <class See>
    bool walk_vhost(VirtualHost& vhost, See& see) {
        const auto is_full = [this] { return full(); };
        const auto queue = [&](const auto& entry) { see.queue(*entry.second); };
        const auto exchange = [&](const auto& entry) { see.exchange(vhost, entry.second.get()); };
        if (what_.queues && resume_map(vhost.queues(), queue_, is_full, queue)) return true;
        if (what_.exchanges && resume_map(vhost.exchanges(), exchange_, is_full, exchange))
            return true;
        if (what_.exchanges) see.exchange(vhost, nullptr);
        see.vhost(vhost);
        return false;
    }

    bool full() {
        if (left_ == 0) return true;
        --left_;
        return false;
    }
    bool wanted(const Bytes& vhost) const {
        return what_.vhosts.empty() ||
               std::find(what_.vhosts.begin(), what_.vhosts.end(), vhost) != what_.vhosts.end();
    }

    What what_;
    std::size_t left_ = 0;
    std::size_t lane_ = 0;
    std::size_t slot_ = 0;
    std::optional<Bytes> vhost_;     // the last one that is done
    std::optional<Bytes> queue_;     // of the one behind it
    std::optional<Bytes> exchange_;  // of the same
};

}  // namespace lvt::broker
