#include "broker/net/admission_control.h"

#include <gtest/gtest.h>

#include <vector>

namespace lvt::broker {
namespace {

class LineCounter final : public LogSink {
public:
    void write(LogLevel, std::string_view) override { ++count; }
    bool enabled(LogLevel) const override { return true; }
    int count = 0;
};

class AdmissionControlTest : public testing::Test {
protected:
    SystemClock clock_;
    LineCounter log_;
    AdmissionControl control_{2, clock_, log_};
};

TEST_F(AdmissionControlTest, CountsEachSourceUntilItsTicketsAreGone) {
    auto first = control_.admit("192.0.2.1");
    auto second = control_.admit("192.0.2.1");
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(control_.admit("192.0.2.1"));
    EXPECT_TRUE(control_.admit("192.0.2.2"));
    second->reset();
    EXPECT_TRUE(control_.admit("192.0.2.1"));
}

TEST_F(AdmissionControlTest, OneNetworkOfIpv6IsOneSource) {
    const auto first = control_.admit("2001:db8:1:2::1");
    const auto second = control_.admit("2001:db8:1:2:3::1");
    EXPECT_FALSE(control_.admit("2001:db8:1:2:ffff::9"));
    EXPECT_TRUE(control_.admit("2001:db8:1:3::1"));
}

TEST_F(AdmissionControlTest, SaysItOnce) {
    const auto first = control_.admit("192.0.2.1");
    const auto second = control_.admit("192.0.2.1");
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(control_.admit("192.0.2.1"));
    EXPECT_EQ(log_.count, 1);
}

TEST_F(AdmissionControlTest, ZeroIsNoLimit) {
    AdmissionControl none(0, clock_, log_);
    std::vector<AdmissionControl::Ticket> tickets;
    for (int i = 0; i < 100; ++i) {
        const auto ticket = none.admit("192.0.2.1");
        ASSERT_TRUE(ticket);
        tickets.push_back(*ticket);
    }
}

TEST_F(AdmissionControlTest, TicketsOutliveIt) {
    AdmissionControl::Ticket ticket;
    {
        AdmissionControl brief(1, clock_, log_);
        ticket = *brief.admit("192.0.2.1");
    }
    ticket.reset();
}

}  // namespace
}  // namespace lvt::broker
