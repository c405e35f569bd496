#include "broker/app/resource_watch.h"

#include <gtest/gtest.h>

#include <vector>

namespace lvt::broker {
namespace {

TEST(ResourceWatch, TellsOfMemoryAndDiskAndWatchesOnWhileAnAlarmIsOn) {
    EventLoop loop;
    SystemClock clock;
    NullLogSink log;
    std::vector<AlarmState> told;
    // No process has less than one octet of memory, and no disk has that much free.
    ResourceWatch watch(
        {1, ~std::uint64_t{0} / 2, 0, "/tmp"}, loop, clock, log,
        {[] { return false; },
         [&](AlarmState alarm) {
             told.push_back(alarm);
             loop.stop();
         }});
    watch.wake();
    loop.run();
    ASSERT_EQ(told.size(), 1u);
    EXPECT_TRUE(told.front().memory);
    EXPECT_TRUE(told.front().disk);
    EXPECT_EQ(watch.alarm(), told.front());
}

TEST(ResourceWatch, LooksAtOnceWhereMuchWasRead) {
    EventLoop loop;
    SystemClock clock;
    NullLogSink log;
    bool told = false;
    ResourceWatch watch(
        {1, 0, 0, {}}, loop, clock, log,
        {[] { return false; },
         [&](AlarmState alarm) {
             told = alarm.memory;
             loop.stop();
         }});
    watch.count_read(64 * 1024 * 1024);
    loop.run();
    EXPECT_TRUE(told);
}

TEST(ResourceWatch, SleepsWhenNobodyIsConnected) {
    EventLoop loop;
    SystemClock clock;
    NullLogSink log;
    int asked = 0;
    ResourceWatch watch(
        {}, loop, clock, log,
        {[&] {
             ++asked;
             loop.post([&loop] { loop.stop(); });
             return false;
         },
         [](AlarmState) { FAIL(); }});
    watch.wake();
    loop.run();
    EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace lvt::broker
