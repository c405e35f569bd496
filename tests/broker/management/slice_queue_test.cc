#include "broker/management/slice_queue.h"

#include <gtest/gtest.h>

#include <vector>

namespace lvt::broker {
namespace {

/// A loop that runs one handler at a time.
struct Loop {
    std::deque<std::function<void()>> handlers;

    void step() {
        const auto handler = std::move(handlers.front());
        handlers.pop_front();
        handler();
    }
};

TEST(SliceQueue, RunsOneSliceBetweenOtherHandlers) {
    Loop loop;
    std::vector<int> ran;
    SliceQueue queue(
        [&](std::function<void()> handler) { loop.handlers.push_back(std::move(handler)); });
    for (const int number : {1, 2, 3}) queue.add([&ran, number] { ran.push_back(number); });
    loop.handlers.push_back([&ran] { ran.push_back(100); });
    EXPECT_EQ(loop.handlers.size(), 2u);
    while (!loop.handlers.empty()) loop.step();
    EXPECT_EQ(ran, (std::vector<int>{1, 100, 2, 3}));
}

TEST(SliceQueue, SlicesMayAddMore) {
    Loop loop;
    std::vector<int> ran;
    SliceQueue queue(
        [&](std::function<void()> handler) { loop.handlers.push_back(std::move(handler)); });
    queue.add([&] {
        ran.push_back(1);
        queue.add([&ran] { ran.push_back(3); });
    });
    queue.add([&ran] { ran.push_back(2); });
    while (!loop.handlers.empty()) loop.step();
    EXPECT_EQ(ran, (std::vector<int>{1, 2, 3}));
}

}  // namespace
}  // namespace lvt::broker
