#include "cluster/raft/message.h"

#include <gtest/gtest.h>

namespace lvt::cluster {
namespace {

const Configuration kOne({{NodeId{7}, Role::voter}});

std::vector<Message> one_of_each() {
    Message base{GroupId{3}, NodeId{7}, NodeId{8}, Term{9}, {2, 1, 77}, {}};
    std::vector<Message> all;
    const auto put = [&](auto body) {
        base.body = std::move(body);
        all.push_back(base);
    };
    put(AppendEntries{
        LogIndex{5},
        Term{2},
        0xdeadbeef,
        LogIndex{4},
        {{Term{2}, EntryType::command, "octets"},
         {Term{9}, EntryType::change, kOne.encode()},
         {Term{9}, EntryType::barrier, Bytes(8, '\0')}}});
    put(AppendEntriesResult{LogIndex{5}, LogIndex{4}});
    put(RequestVote{NodeId{7}, LogIndex{5}, Term{2}, true, false});
    put(RequestVoteResult{true, true});
    put(InstallSnapshot{{LogIndex{5}, Term{2}, 0xfeed, kOne, LogIndex{1}, "state"}});
    put(TimeoutNow{LogIndex{5}, Term{2}});
    return all;
}

TEST(RaftMessage, EveryKindIsAsItWasAfterEncoding) {
    for (const Message& message : one_of_each()) {
        const Result<Message> again = decode_message(encode_message(message));
        ASSERT_TRUE(again.has_value()) << message.body.index();
        EXPECT_EQ(*again, message);
    }
}

TEST(RaftMessage, RefusesEveryTruncationAndAnythingLeftOver) {
    for (const Message& message : one_of_each()) {
        const Bytes good = encode_message(message);
        for (std::size_t size = 0; size < good.size(); ++size)
            EXPECT_TRUE(decode_message(good.substr(0, size)).has_error()) << size;
        EXPECT_TRUE(decode_message(good + '\0').has_error());
    }
}

TEST(RaftMessage, NamesAVersionItDoesNotKnow) {
    Bytes bytes = encode_message(one_of_each()[0]);
    bytes[0] = 2;
    EXPECT_EQ(decode_message(bytes).error().kind, ErrorKind::unsupported);
}

TEST(RaftMessage, RefusesWhatNoSoundNodeSends) {
    const auto refused = [](auto change) {
        Message message = one_of_each()[0];
        change(message, std::get<AppendEntries>(message.body));
        return decode_message(encode_message(message)).has_error();
    };
    EXPECT_FALSE(refused([](Message&, AppendEntries&) {}));
    EXPECT_TRUE(refused([](Message& m, AppendEntries&) { m.from = NodeId{}; }));
    EXPECT_TRUE(refused([](Message& m, AppendEntries&) { m.to = m.from; }));
    EXPECT_TRUE(refused([](Message& m, AppendEntries&) { m.term = Term{8}; }));
    EXPECT_TRUE(refused([](Message&, AppendEntries& a) { a.entries[1].term = Term{1}; }));
    EXPECT_TRUE(refused([](Message&, AppendEntries& a) { a.entries[1].data = "damaged"; }));
    EXPECT_TRUE(refused([](Message&, AppendEntries& a) { a.previous = LogIndex{}; }));
    EXPECT_TRUE(refused([](Message&, AppendEntries& a) { a.commit = LogIndex{~0ull}; }));
}

}  // namespace
}  // namespace lvt::cluster
