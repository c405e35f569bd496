// ObjectWalk: a walk over connections, queues and exchanges in steps, between which anything may change. The core's thread only.
#pragma once

#include "broker/core/session_state.h"
#include "broker/core/topology.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace lvt::broker {

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
        for (auto at = behind(vhosts, vhost_); at != vhosts.end(); ++at) {
            if (wanted(at->first) && walk_vhost(*at->second, see)) return true;
            vhost_ = at->first;
            queue_.reset();
            exchange_.reset();
        }
        return false;
    }
    template <class See>
    bool walk_vhost(VirtualHost& vhost, See& see) {
        const auto& queues = vhost.queues();
        for (auto at = behind(queues, queue_); what_.queues && at != queues.end(); ++at) {
            if (full()) return true;
            see.queue(*at->second);
            queue_ = at->first;
        }
        const auto& exchanges = vhost.exchanges();
        for (auto at = behind(exchanges, exchange_); what_.exchanges && at != exchanges.end();
             ++at) {
            if (full()) return true;
            see.exchange(vhost, at->second.get());
            exchange_ = at->first;
        }
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
    /// A place in a map that may have changed.
    template <class Map>
    static auto behind(const Map& map, const std::optional<Bytes>& last) {
        return last ? map.upper_bound(*last) : map.begin();
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
