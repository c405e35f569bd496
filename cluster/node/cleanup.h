// Cleanup: which members are gone for good, as the leader sees it (cluster_formation.node_cleanup.*). No I/O, no threads, no clock.
//
// A member counts as gone once it has been silent to every other member for the whole interval, while each of these answers and says so, and
// discovery has not named it several times in a row since, nor anything that could be it. As soon as one of these does not hold, the time begins anew: who is
// alive and heard by anybody in the cluster, or still listed, is never removed; nor is anybody while a second member is silent, since that one may hear the first.
#pragma once

#include "cluster/raft/types.h"
#include "protocol/base/log_sink.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lvt::cluster {

struct CleanupOptions {
    bool enabled = false;
    bool only_log_warning = true;
    std::uint64_t interval_ms = 60'000;
    /// The mechanism lists every node that there is: else nobody is removed.
    bool lists_all = true;
};

struct CleanupOutput {
    /// Ask discovery: listed() or list_failed() answers.
    bool list = false;
    /// To be removed from the cluster, as far as its leader agrees.
    std::vector<NodeId> remove;
    std::vector<std::pair<LogLevel, std::string>> log;
};

/// All calls on one thread. Times are monotonic milliseconds.
class Cleanup {
public:
    /// Another member than the leader itself.
    struct Member {
        NodeId id;
        std::string name;
        /// By the leader, lately.
        bool heard = false;
        /// Whom it has heard lately; nothing: it has not said so lately.
        std::optional<std::vector<NodeId>> hears;
    };
    /// Listings in a row that must not name a member.
    static constexpr int kListings = 3;

    explicit Cleanup(CleanupOptions options) : options_(options) {}

    bool enabled() const { return options_.enabled; }
    /// On the leader, every second or so: all other members.
    void look(std::uint64_t now_ms, const std::vector<Member>& others);
    /// This node leads no more: another one begins anew.
    void rest() { silent_.clear(); }
    /// Which member each candidate is; nothing: it may be any.
    void listed(const std::vector<std::optional<NodeId>>& candidates);
    void list_failed();

    CleanupOutput take() { return std::exchange(output_, {}); }

private:
    struct Silent {
        std::string name;
        std::uint64_t since_ms = 0;
        int listings = 0;
        std::uint64_t told_ms = 0;
    };
    void consider(std::uint64_t now_ms, const std::vector<Member>& others);

    const CleanupOptions options_;
    std::map<NodeId, Silent> silent_;
    bool listing_ = false;
    std::uint64_t next_list_ms_ = 0;
    CleanupOutput output_;
};

}  // namespace lvt::cluster
