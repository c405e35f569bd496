// Scrape: one answer to Prometheus, made in slices between the core's turns. The core's thread only.
//
// Names and labels are those of RabbitMQ's plugin (3.10, and of 4 what its Overview dashboard reads). The aggregated metrics are kept by the core,
// so that they cost nothing by the queue; the others cost what is asked for.
#pragma once

#include "broker/core/core.h"
#include "broker/core/core_options.h"
#include "broker/core/object_walk.h"
#include "broker/metrics/exposition.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lvt::broker {

/// What the core does not know.
struct ScrapeFacts {
    std::string node_name;
    std::string cluster_name;
    std::string product_name;
    std::string product_version;
    /// The RabbitMQ that clients are told.
    std::string rabbitmq_version;
    /// Wall clock, seconds.
    std::int64_t started_at_s = 0;
    std::int64_t uptime_s = 0;
    std::uint64_t memory_bytes = 0;
    std::uint64_t memory_limit_bytes = 0;
    std::uint64_t disk_free_bytes = 0;
    std::uint64_t disk_free_limit_bytes = 0;
    std::uint64_t open_files = 0;
    std::uint64_t open_files_max = 0;
    AlarmState alarm;
    /// Its id for ever; empty where there is no cluster.
    std::string cluster_id;
    /// Other members that do not answer.
    std::uint64_t unreachable_peers = 0;
};

struct ScrapeRequest {
    enum class Kind : std::uint8_t { aggregated, per_object, detailed };
    Kind kind = Kind::aggregated;
    /// detailed: RabbitMQ's names of groups, as "queue_coarse_metrics"; unknown ones are ignored.
    std::vector<std::string> groups = {};
    /// detailed: of these virtual hosts' queues and exchanges; empty: all.
    std::vector<Bytes> vhosts = {};
};

/// Counters of hand-outs can go back by what is taken back unsent; what was told to Prometheus does not.
struct ToldCounters {
    /// Raises the told value, and answers it.
    std::uint64_t told(std::size_t which, std::uint64_t value) {
        return told_[which] = std::max(told_[which], value);
    }

private:
    std::array<std::uint64_t, 18> told_{};
};

class Scrape {
public:
    /// The name of a connection or channel, by its number in this process: its pid.
    using PidName = std::function<std::string(std::uint64_t number)>;

    /// All references must outlive it.
    Scrape(
        const Core& core, ScrapeRequest request, ScrapeFacts facts, PidName pid,
        ToldCounters& told);
    ~Scrape();

    /// True where there is more to do, after other turns.
    bool resume();
    /// When resume() was false.
    std::string text() &&;

private:
    class Objects;

    bool wants(std::string_view group) const;
    std::string identity() const;
    void add_node();
    void add_churn();
    void add_authentication();
    void add_alarms();
    void add_totals();
    void add_global();
    void add_global_deliveries(const VhostStats& all);
    void add_dead_letters();
    void add_sizes();
    void add_sums();
    VhostStats all_vhosts() const;

    const Core& core_;
    const ScrapeRequest request_;
    const ScrapeFacts facts_;
    const PidName pid_;
    ToldCounters& told_;
    Exposition out_;
    ObjectWalk walk_;
    std::unique_ptr<Objects> objects_;
};

}  // namespace lvt::broker
