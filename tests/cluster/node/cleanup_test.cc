#include "cluster/node/cleanup.h"

#include "protocol/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace lvt::cluster {
namespace {

constexpr std::uint64_t kInterval = 10'000;

CleanupOptions removing() {
    return {.enabled = true, .only_log_warning = false, .interval_ms = kInterval};
}

/// The leader's view of members 2 and 3, of whom 3 has fallen silent.
class View {
public:
    explicit View(CleanupOptions options = removing()) : cleanup_(options) {
        others = {
            {NodeId{2}, "rabbit@b", true, std::vector<NodeId>{NodeId{1}}},
            {NodeId{3}, "rabbit@c", false, std::nullopt}};
    }
    void passes(std::uint64_t ms) {
        for (const std::uint64_t end = now + ms; now < end; now += 1000) {
            cleanup_.look(now, others);
            const CleanupOutput out = cleanup_.take();
            for (const NodeId id : out.remove) removed.push_back(id);
            for (const auto& line : out.log) log += line.second + "\n";
            if (!out.list) continue;
            if (listing)
                cleanup_.listed(*listing);
            else
                cleanup_.list_failed();
        }
    }

    std::vector<Cleanup::Member> others;
    std::optional<std::vector<std::optional<NodeId>>> listing{{NodeId{1}, NodeId{2}}};
    std::uint64_t now = 1000;
    std::vector<NodeId> removed;
    std::string log;

private:
    Cleanup cleanup_;
};

TEST(Cleanup, WhoIsSilentToAllAndListedNoMoreIsRemovedAfterTheInterval) {
    View view;
    view.passes(kInterval);
    EXPECT_TRUE(view.removed.empty());
    view.passes(2000);
    EXPECT_EQ(view.removed, (std::vector<NodeId>{NodeId{3}}));
}

TEST(Cleanup, NobodyIsRemovedUnlessThatIsAskedFor) {
    View quiet{{}};
    quiet.passes(10 * kInterval);
    EXPECT_TRUE(quiet.removed.empty());
    EXPECT_TRUE(quiet.log.empty());
    View warns({.enabled = true, .only_log_warning = true, .interval_ms = kInterval});
    warns.passes(3 * kInterval);
    EXPECT_TRUE(warns.removed.empty());
    EXPECT_NE(warns.log.find("only_log_warning"), std::string::npos);
    CleanupOptions partial = removing();
    partial.lists_all = false;
    View seed(partial);
    seed.passes(3 * kInterval);
    EXPECT_TRUE(seed.removed.empty());
    EXPECT_NE(seed.log.find("does not list all nodes"), std::string::npos);
}

TEST(Cleanup, WhoIsStillListedStays) {
    View view;
    view.listing->push_back(NodeId{3});
    view.passes(10 * kInterval);
    EXPECT_TRUE(view.removed.empty());
}

TEST(Cleanup, ACandidateThatNobodyIsKnownForMayBeTheSilentOne) {
    View view;
    view.listing->push_back(std::nullopt);
    view.passes(10 * kInterval);
    EXPECT_TRUE(view.removed.empty());
}

TEST(Cleanup, AFailureOfDiscoveryIsNoEmptyList) {
    View view;
    view.listing.reset();
    view.passes(10 * kInterval);
    EXPECT_TRUE(view.removed.empty());
}

TEST(Cleanup, WhoIsHeardByAnyOtherStays) {
    View view;
    view.others[0].hears->push_back(NodeId{3});
    view.passes(10 * kInterval);
    EXPECT_TRUE(view.removed.empty());
}

TEST(Cleanup, WhileASecondOneIsSilentNobodyGoes) {
    View view;
    view.others.push_back({NodeId{4}, "rabbit@d", false, std::nullopt});
    view.passes(10 * kInterval);
    EXPECT_TRUE(view.removed.empty());
    EXPECT_NE(view.log.find("rabbit@d, which may hear it, does not answer"), std::string::npos);
}

TEST(Cleanup, AWordAmidTheIntervalBeginsItAnew) {
    View view;
    view.passes(kInterval - 1000);
    view.others[1].heard = true;
    view.passes(1000);
    view.others[1].heard = false;
    view.passes(kInterval);
    EXPECT_TRUE(view.removed.empty());
    view.passes(2000);
    EXPECT_EQ(view.removed.size(), 1u);
}

/// Five members whose links break and heal, whose processes die and come back, and a discovery service that forgets who cannot reach it. Every member
/// leads its own Cleanup, as if each had been elected, and wants to remove others: none that lives, and can be heard by another one, may go.
class Cut {
public:
    static constexpr std::size_t kNodes = 5;
    /// A greeting a second; who missed five is not heard.
    static constexpr std::uint64_t kWindow = 5000;
    /// How long somebody must be back before the others must know.
    static constexpr std::uint64_t kSettled = 2 * kWindow + 2000;

    explicit Cut(std::uint64_t seed) : random_(seed) {
        for (std::size_t i = 0; i < kNodes; ++i) cleanups_.emplace_back(removing());
        for (auto& row : linked_) row.fill(true);
        alive_.fill(true);
        registered_.fill(true);
        for (auto& row : heard_ms_) row.fill(1);
    }

    /// How many removals there were. Fails where one of them was wrong.
    int run(std::uint64_t until_ms) {
        for (now_ = 1000; now_ < until_ms; now_ += 1000) {
            if (random_.next() % 12 == 0) trouble();
            greet();
            note_reachable();
            for (std::size_t i = 0; i < kNodes; ++i)
                if (alive_[i]) look(i);
        }
        return removals_;
    }

private:
    void trouble() {
        const std::size_t a = random_.next() % kNodes;
        const std::size_t b = random_.next() % kNodes;
        switch (random_.next() % 5) {
            case 0:  // one way
                linked_[a][b] = !linked_[a][b];
                break;
            case 1:  // in two halves
                for (std::size_t i = 0; i < kNodes; ++i)
                    for (std::size_t j = 0; j < kNodes; ++j) linked_[i][j] = (i <= a) == (j <= a);
                break;
            case 2:  // one is dead or cut off, as far as the service knows it, and all others are well
                for (auto& row : linked_) row.fill(true);
                alive_.fill(true);
                registered_.fill(true);
                registered_[a] = random_.next() % 4 == 0;
                alive_[a] = random_.next() % 2 == 0;
                for (std::size_t i = 0; i < kNodes; ++i)
                    if (i != b || random_.next() % 2 == 0) linked_[a][i] = false;
                break;
            case 3:
                alive_[a] = !alive_[a];
                break;
            default:
                // The service forgets the living and remembers the dead.
                registered_[a] = !registered_[a];
                break;
        }
    }
    void greet() {
        for (std::size_t to = 0; to < kNodes; ++to)
            for (std::size_t from = 0; from < kNodes; ++from) {
                if (!alive_[to] || !alive_[from] || !linked_[from][to]) continue;
                if (random_.next() % 10 == 0) continue;
                heard_ms_[to][from] = now_;
                said_[to][from] = heard_by(from);
            }
    }
    std::vector<NodeId> heard_by(std::size_t node) const {
        std::vector<NodeId> out;
        for (std::size_t i = 0; i < kNodes; ++i)
            if (i != node && hears(node, i)) out.emplace_back(i + 1);
        return out;
    }
    bool hears(std::size_t node, std::size_t other) const {
        return heard_ms_[node][other] + kWindow >= now_;
    }
    /// Since when each lives and one of the others that live hears it.
    void note_reachable() {
        for (std::size_t i = 0; i < kNodes; ++i) {
            bool reachable = false;
            for (std::size_t j = 0; j < kNodes; ++j)
                reachable |= i != j && alive_[i] && alive_[j] && linked_[i][j];
            if (!reachable) reachable_since_[i] = 0;
            if (reachable && reachable_since_[i] == 0) reachable_since_[i] = now_;
        }
    }
    void look(std::size_t leader) {
        std::vector<Cleanup::Member> others;
        for (std::size_t i = 0; i < kNodes; ++i) {
            if (i == leader) continue;
            const bool fresh = hears(leader, i);
            others.push_back(
                {NodeId{i + 1},
                 "n" + std::to_string(i + 1),
                 fresh,
                 fresh ? std::optional(said_[leader][i]) : std::nullopt});
        }
        cleanups_[leader].look(now_, others);
        const CleanupOutput out = cleanups_[leader].take();
        for (const NodeId id : out.remove) judge(leader, id.value() - 1);
        if (!out.list) return;
        if (random_.next() % 20 == 0) return cleanups_[leader].list_failed();
        std::vector<std::optional<NodeId>> listing;
        for (std::size_t i = 0; i < kNodes; ++i)
            if (registered_[i]) listing.emplace_back(NodeId{i + 1});
        cleanups_[leader].listed(listing);
    }
    void judge(std::size_t leader, std::size_t gone) {
        ++removals_;
        const std::uint64_t since = reachable_since_[gone];
        EXPECT_TRUE(since == 0 || now_ < since + kSettled)
            << "n" << leader + 1 << " removes n" << gone + 1 << ", reachable since " << since
            << " at " << now_;
        for (std::size_t i = 0; i < kNodes; ++i)
            EXPECT_TRUE(i == gone || i == leader || hears(leader, i));
    }

    template <class Value>
    using Matrix = std::array<std::array<Value, kNodes>, kNodes>;

    SeededRandom random_;
    std::vector<Cleanup> cleanups_;
    std::uint64_t now_ = 0;
    Matrix<bool> linked_{};
    std::array<bool, kNodes> alive_{};
    std::array<bool, kNodes> registered_{};
    Matrix<std::uint64_t> heard_ms_{};
    Matrix<std::vector<NodeId>> said_{};
    std::array<std::uint64_t, kNodes> reachable_since_{};
    int removals_ = 0;
};

TEST(Cleanup, NeverRemovesWhoLivesAndIsHeardByAnybody) {
    int removals = 0;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        removals += Cut(seed).run(600'000);
        if (HasFailure()) return;
    }
    // It does remove where it may.
    EXPECT_GT(removals, 0);
}

}  // namespace
}  // namespace lvt::cluster
