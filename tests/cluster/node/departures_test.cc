#include "cluster/node/departures.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace lvt::cluster {
namespace {

constexpr NodeId kNode{7};

struct Asked {
    Departures departures;
    std::vector<Departed> ended;
    std::vector<NodeId> questions;

    void ask(std::uint64_t now_ms) {
        departures.ask(now_ms, kNode, 1000, [this](Departed how) { ended.push_back(how); });
    }
    void tick(std::uint64_t now_ms) {
        departures.tick(now_ms, [this](NodeId node) { questions.push_back(node); });
    }
};

TEST(Departures, TheLeaderIsAskedAgainUntilItHasAnswered) {
    Asked asked;
    asked.ask(0);
    asked.tick(0);
    asked.tick(1);
    EXPECT_EQ(asked.questions, (std::vector<NodeId>{kNode}));
    asked.tick(asked.departures.deadline_ms());
    EXPECT_EQ(asked.questions.size(), 2u);
    asked.departures.answered(kNode, RemoveStatus::later);
    asked.departures.answered(kNode, RemoveStatus::not_leader);
    asked.departures.answered(NodeId{8}, RemoveStatus::done);
    EXPECT_TRUE(asked.ended.empty());
    asked.departures.answered(kNode, RemoveStatus::done);
    EXPECT_EQ(asked.ended, (std::vector<Departed>{Departed::done}));
    EXPECT_EQ(asked.departures.deadline_ms(), std::numeric_limits<std::uint64_t>::max());
}

TEST(Departures, EachRefusalEndsIt) {
    const std::pair<RemoveStatus, Departed> kCases[] = {
        {RemoveStatus::unknown, Departed::unknown},
        {RemoveStatus::running, Departed::running},
        {RemoveStatus::minority, Departed::minority}};
    for (const auto& [status, how] : kCases) {
        Asked asked;
        asked.ask(0);
        asked.departures.answered(kNode, status);
        EXPECT_EQ(asked.ended, (std::vector<Departed>{how}));
    }
}

TEST(Departures, WithoutAnAnswerItEndsInTime) {
    Asked asked;
    asked.ask(0);
    asked.ask(500);
    asked.tick(1000);
    EXPECT_EQ(asked.ended, (std::vector<Departed>{Departed::no_leader}));
    asked.departures.answered(kNode, RemoveStatus::done);
    EXPECT_EQ(asked.ended, (std::vector<Departed>{Departed::no_leader, Departed::done}));
}

}  // namespace
}  // namespace lvt::cluster
