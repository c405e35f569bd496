#include "cluster/transport/peer_link.h"

#include <gtest/gtest.h>

namespace lvt::cluster {
namespace {

PeerLink link(bool dialer, std::string secret = "s3cret", std::string name = "orders") {
    return PeerLink({dialer, std::move(name), std::move(secret), Bytes(16, dialer ? 'd' : 'a')});
}

/// Moves octets both ways, `piece` at a time, until nothing is left; answers what each side said.
std::pair<Bytes, Bytes> talk(PeerLink& dialer, PeerLink& acceptor, std::size_t piece = 1000) {
    std::pair<Bytes, Bytes> said;
    const auto move = [&](PeerLink& from, PeerLink& to, Bytes& record) {
        const Bytes bytes(from.output().substr(0, piece));
        from.sent(bytes.size());
        record += bytes;
        to.receive(bytes);
        return !bytes.empty();
    };
    while (true) {
        const bool there = move(dialer, acceptor, said.first);
        const bool back = move(acceptor, dialer, said.second);
        if (!there && !back) return said;
    }
}

TEST(PeerLink, BothSidesProveThemselvesAndThenExchangeFramesInAnySplit) {
    for (const std::size_t piece : {1u, 2u, 7u, 1000u}) {
        PeerLink dialer = link(true);
        PeerLink acceptor = link(false);
        talk(dialer, acceptor, piece);
        ASSERT_TRUE(dialer.ready() && acceptor.ready()) << piece;
        dialer.send(FrameType::formation, "hello");
        dialer.send(FrameType::group, "");
        acceptor.send(FrameType::formation, Bytes(100'000, 'x'));
        talk(dialer, acceptor, piece);
        EXPECT_EQ(
            acceptor.take_frames(),
            (std::vector<LinkFrame>{{FrameType::formation, "hello"}, {FrameType::group, ""}}));
        EXPECT_EQ(dialer.take_frames().at(0).payload.size(), 100'000u);
    }
}

TEST(PeerLink, TheSecretIsNotOnTheWire) {
    PeerLink dialer = link(true);
    PeerLink acceptor = link(false);
    const auto said = talk(dialer, acceptor);
    EXPECT_EQ((said.first + said.second).find("s3cret"), Bytes::npos);
}

TEST(PeerLink, AnotherSecretIsToldToBoth) {
    PeerLink dialer = link(true, "wrong");
    PeerLink acceptor = link(false);
    talk(dialer, acceptor);
    EXPECT_EQ(dialer.fault(), LinkFault::secret);
    EXPECT_EQ(acceptor.fault(), LinkFault::secret);
    EXPECT_NE(dialer.fault_text().find("cluster.secret"), std::string::npos);
}

TEST(PeerLink, AnotherClusterIsToldToBothWithItsName) {
    PeerLink dialer = link(true, "s3cret", "billing");
    PeerLink acceptor = link(false);
    talk(dialer, acceptor);
    EXPECT_EQ(dialer.fault(), LinkFault::cluster);
    EXPECT_EQ(acceptor.fault(), LinkFault::cluster);
    EXPECT_NE(dialer.fault_text().find("'orders'"), std::string::npos);
    EXPECT_NE(acceptor.fault_text().find("'billing'"), std::string::npos);
}

TEST(PeerLink, AnotherVersionIsToldToBoth) {
    PeerLink dialer = link(true);
    PeerLink acceptor = link(false);
    Bytes greeting(dialer.output());
    greeting[4] = 9;
    acceptor.receive(greeting);
    EXPECT_EQ(acceptor.fault(), LinkFault::version);
    Bytes answer(acceptor.output());
    EXPECT_FALSE(answer.empty());
    answer[4] = 9;
    dialer.receive(answer);
    EXPECT_EQ(dialer.fault(), LinkFault::version);
    EXPECT_NE(dialer.fault_text().find("version 9"), std::string::npos);
}

TEST(PeerLink, SomethingElseIsNotAPeer) {
    PeerLink acceptor = link(false);
    acceptor.receive("GET / HTTP/1.1\r\n");
    EXPECT_EQ(acceptor.fault(), LinkFault::nonsense);
    EXPECT_TRUE(acceptor.output().empty());
}

TEST(PeerLink, AnAcceptorThatDoesNotKnowTheSecretIsFoundOut) {
    // It calls every proof right, and sends the dialer's own back.
    PeerLink dialer = link(true);
    PeerLink acceptor = link(false);
    acceptor.receive(dialer.output());
    dialer.sent(dialer.output().size());
    dialer.receive(acceptor.output());
    const Bytes proof(dialer.output());
    dialer.receive(Bytes(1, '\0') + proof);
    EXPECT_EQ(dialer.fault(), LinkFault::secret);
}

TEST(PeerLink, ADialersOwnChallengeIsNotAnswered) {
    PeerLink dialer = link(true);
    PeerLink other({false, "orders", "s3cret", Bytes(16, 'd')});
    other.receive(dialer.output());
    EXPECT_EQ(other.fault(), LinkFault::nonsense);
}

TEST(PeerLink, FramesThatAreTooLargeOrUnknownEndIt) {
    for (const Bytes& frame : {Bytes("\xff\xff\xff\xff\x01", 5), Bytes("\0\0\0\0\x09", 5)}) {
        PeerLink dialer = link(true);
        PeerLink acceptor = link(false);
        talk(dialer, acceptor);
        acceptor.receive(frame);
        EXPECT_EQ(acceptor.fault(), LinkFault::nonsense);
    }
}

}  // namespace
}  // namespace lvt::cluster
