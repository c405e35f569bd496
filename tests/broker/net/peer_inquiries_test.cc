#include "broker/net/peer_inquiries.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

using cluster::Answer;
using cluster::AnswerStatus;
using cluster::FrameType;
using cluster::NodeId;
using cluster::Peer;
using cluster::Question;

/// A node that asks and answers, on a loop that several share.
struct Node {
    Node(EventLoop& loop, std::uint64_t id)
        : self{NodeId(id), "n" + std::to_string(id), "127.0.0.1", 0, 1},
          transport(
              {.cluster_name = "orders", .secret = "s"},
              {[this](std::uint64_t link, cluster::LinkFrame frame) {
                   if (frame.type == FrameType::question)
                       inquiries.on_question(link, frame.payload);
                   else
                       inquiries.on_answer(link, frame.payload);
               },
               [&loop](const std::string&, auto done) {
                   loop.post([done] { done({"127.0.0.1"}); });
               },
               [this](std::uint64_t link) { inquiries.on_open(link); },
               [this](std::uint64_t link) { inquiries.on_closed(link); }},
              loop, clock, random, log),
          inquiries(
              transport,
              [this](Question question, PeerInquiries::Respond respond) {
                  asked.push_back(question);
                  if (answers)
                      respond({0, AnswerStatus::told, 200, "to " + question.text});
                  else
                      unanswered.push_back(respond);
              },
              log),
          listener(Listener::bind({"127.0.0.1", 0}, loop, clock, log).value()) {
        self.port = listener->port();
        listener->start([this](int fd) { transport.adopt(fd); });
    }

    Peer self;
    SystemClock clock;
    SystemRandom random;
    NullLogSink log;
    PeerTransport transport;
    PeerInquiries inquiries;
    std::shared_ptr<Listener> listener;
    bool answers = true;
    std::vector<Question> asked;
    std::vector<PeerInquiries::Respond> unanswered;
};

class PeerInquiriesTest : public testing::Test {
protected:
    void ask(const Peer& to, ByteView text) {
        a.inquiries.ask(0, to, 1, text, [this](std::optional<Answer> answer) {
            answers.push_back(std::move(answer));
        });
    }
    /// Each again and again until it is true, one after the other.
    void run_through(const std::vector<std::function<bool()>>& steps) {
        SystemClock clock;
        std::size_t at = 0;
        LoopTimer timer(loop, [&] {
            while (at < steps.size() && steps[at]()) ++at;
            if (at == steps.size()) return loop.stop();
            const Milliseconds now = clock.now().monotonic;
            timer.arm_at_latest(now + Milliseconds(5), now);
        });
        timer.arm_at_latest(Milliseconds(0), Milliseconds(0));
        loop.run();
    }
    static std::function<bool()> once(std::function<void()> run) {
        return [run = std::move(run)] {
            run();
            return true;
        };
    }
    std::function<bool()> answered(std::size_t count) {
        return [this, count] { return answers.size() == count; };
    }
    std::function<bool()> b_was_asked(std::size_t count) {
        return [this, count] { return b.unanswered.size() == count; };
    }

    EventLoop loop;
    Node a{loop, 1};
    Node b{loop, 2};
    std::vector<std::optional<Answer>> answers;
};

TEST_F(PeerInquiriesTest, QuestionsAreAnsweredInAnyOrder) {
    b.answers = false;
    ask(b.self, "one");
    ask(b.self, "two");
    run_through(
        {b_was_asked(2),
         once([this] {
             b.unanswered[1]({0, AnswerStatus::told, 2, Bytes(3'000'000, '2')});
             b.unanswered[0]({0, AnswerStatus::told, 1, "1"});
         }),
         answered(2)});
    EXPECT_EQ(b.asked[1].text, "two");
    EXPECT_EQ(answers[0]->code, 2);
    EXPECT_EQ(answers[0]->text.size(), 3'000'000u);
    EXPECT_EQ(answers[1]->text, "1");
    EXPECT_EQ(a.inquiries.deadline_ms(), ~std::uint64_t{0});
}

TEST_F(PeerInquiriesTest, WhoCannotBeReachedHasNoAnswer) {
    b.listener->close();
    ask(b.self, "?");
    run_through({answered(1)});
    EXPECT_FALSE(answers[0]);
}

TEST_F(PeerInquiriesTest, WhoIsSilentIsWaitedForAndThenNotAnyMore) {
    b.answers = false;
    ask(b.self, "?");
    run_through(
        {b_was_asked(1),
         once([this] {
             EXPECT_EQ(a.inquiries.deadline_ms(), PeerInquiries::kPatienceMs);
             a.inquiries.look(PeerInquiries::kPatienceMs - 1);
             EXPECT_TRUE(answers.empty());
             a.inquiries.look(PeerInquiries::kPatienceMs);
         }),
         answered(1),
         once([this] {
             EXPECT_FALSE(answers[0]);
             // Its answer comes too late, and the next question is one again.
             b.unanswered[0]({0, AnswerStatus::told, 1, "late"});
             b.answers = true;
             ask(b.self, "again");
         }),
         answered(2)});
    EXPECT_EQ(answers[1]->text, "to again");
}

TEST_F(PeerInquiriesTest, OneThatHasBegunAnewIsDialledAnew) {
    b.answers = false;
    ask(b.self, "old");
    run_through(
        {b_was_asked(1),
         once([this] {
             b.answers = true;
             ++b.self.starts;
             ask(b.self, "new");
         }),
         answered(2)});
    EXPECT_FALSE(answers[0]);
    EXPECT_EQ(answers[1]->text, "to new");
}

TEST_F(PeerInquiriesTest, NobodyIsAskedMoreThanItMayOwe) {
    b.answers = false;
    for (std::size_t i = 0; i < PeerInquiries::kAskedMax; ++i) ask(b.self, "?");
    EXPECT_TRUE(answers.empty());
    ask(b.self, "too many");
    ask(a.self, Bytes(cluster::kQuestionBytesMax + 1, 'x'));
    ASSERT_EQ(answers.size(), 2u);
    EXPECT_FALSE(answers[0] || answers[1]);
}

TEST_F(PeerInquiriesTest, QuestionsOfAnotherVersionAreRefusedByName) {
    std::optional<Answer> answer;
    // Written by hand, as a later version would.
    PeerTransport by_hand(
        {.cluster_name = "orders", .secret = "s"},
        {[&](std::uint64_t, cluster::LinkFrame frame) {
             answer = cluster::decode_answer(frame.payload).value();
         },
         nullptr,
         [&](std::uint64_t opened) {
             by_hand.write(opened, FrameType::question, Bytes("\x02\0\0\0\0\0\0\0\x2a?", 10));
         },
         nullptr},
        loop,
        a.clock,
        a.random,
        a.log);
    (void)by_hand.open(b.self.host, b.self.port);
    run_through({[&] { return answer.has_value(); }});
    EXPECT_EQ(answer->number, 42u);
    EXPECT_EQ(answer->status, AnswerStatus::not_understood);
    EXPECT_EQ(answer->text, "version 2 of questions, this node speaks version 1");
    EXPECT_TRUE(b.asked.empty());
}

}  // namespace
}  // namespace lvt::broker
