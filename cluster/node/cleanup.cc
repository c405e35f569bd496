#include "cluster/node/cleanup.h"

#include <fmt/format.h>

#include <algorithm>

namespace lvt::cluster {
namespace {

constexpr std::uint64_t kListIntervalMinMs = 1000;

}  // namespace

void Cleanup::look(std::uint64_t now_ms, const std::vector<Member>& others) {
    if (!options_.enabled) return;
    std::map<NodeId, Silent> silent;
    for (const Member& one : others) {
        const bool heard = one.heard || std::ranges::any_of(others, [&](const Member& witness) {
                               return witness.hears && std::ranges::find(*witness.hears, one.id) !=
                                                           witness.hears->end();
                           });
        if (heard) continue;
        const auto known = silent_.find(one.id);
        silent[one.id] = known != silent_.end() ? known->second : Silent{one.name, now_ms, 0, 0};
    }
    silent_ = std::move(silent);
    if (silent_.empty()) return;
    consider(now_ms, others);
    if (listing_ || now_ms < next_list_ms_) return;
    listing_ = true;
    next_list_ms_ = now_ms + std::max(kListIntervalMinMs, options_.interval_ms / kListings);
    output_.list = true;
}

void Cleanup::consider(std::uint64_t now_ms, const std::vector<Member>& others) {
    for (auto& [id, one] : silent_) {
        if (now_ms < one.since_ms + options_.interval_ms || one.listings < kListings) continue;
        if (one.told_ms != 0 && now_ms < one.told_ms + options_.interval_ms) continue;
        one.told_ms = now_ms;
        const auto witness = std::ranges::find_if(
            others, [&](const Member& other) { return other.id != id && !other.hears; });
        const std::string what = fmt::format(
            "{} ({:016x}) has been silent for {} s, and discovery does not name it",
            one.name,
            id.value(),
            (now_ms - one.since_ms) / 1000);
        if (witness != others.end()) {
            output_.log.emplace_back(
                LogLevel::warning,
                fmt::format(
                    "{}; it stays a member since {}, which may hear it, does not answer",
                    what,
                    witness->name));
        } else if (options_.only_log_warning || !options_.lists_all) {
            output_.log.emplace_back(
                LogLevel::warning,
                fmt::format(
                    "{}; it stays a member, since {}",
                    what,
                    options_.only_log_warning
                        ? "cluster_formation.node_cleanup.only_log_warning says so"
                        : "this mechanism does not list all nodes"));
        } else {
            output_.log.emplace_back(LogLevel::warning, what + ": it is removed");
            output_.remove.push_back(id);
        }
    }
}

void Cleanup::listed(const std::vector<std::optional<NodeId>>& candidates) {
    listing_ = false;
    const bool clear =
        std::ranges::all_of(candidates, [](const auto& id) { return id.has_value(); });
    for (auto& [id, one] : silent_) {
        const bool named = std::ranges::find(candidates, std::optional{id}) != candidates.end();
        one.listings = clear && !named ? one.listings + 1 : 0;
    }
}

void Cleanup::list_failed() {
    listing_ = false;
    for (auto& [id, one] : silent_) one.listings = 0;
}

}  // namespace lvt::cluster
