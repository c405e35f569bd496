#include "broker/net/tls_stream.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "tests/broker/net/test_certificates.h"
#include "tests/broker/net/tls_pair.h"

namespace lvt::broker {
namespace {

class TlsStreamTest : public testing::Test {
protected:
    TlsStreamTest() {
        certificates_.issue("server");
        TlsConfig config;
        config.identity.certfile = certificates_.certificate("server");
        config.identity.keyfile = certificates_.key("server");
        context_ = *TlsContext::load(config, clock_, log_);
        pair_ = std::make_unique<TlsPair>(*context_, TlsClientOptions{});
        EXPECT_TRUE(pair_->shake_hands());
    }
    TlsStream& server() { return pair_->server(); }

    TestCertificates certificates_;
    ManualClock clock_;
    NullLogSink log_;
    std::shared_ptr<TlsContext> context_;
    std::unique_ptr<TlsPair> pair_;
    char buffer_[4096] = {};
};

TEST_F(TlsStreamTest, NothingToReadIsEagain) {
    EXPECT_TRUE(server().holds_input());  // before it was looked at
    EXPECT_EQ(server().receive(buffer_, sizeof buffer_), -1);
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_FALSE(server().holds_input());
}

TEST_F(TlsStreamTest, ASmallBufferLeavesInputThatTheSocketDoesNotTellOf) {
    ASSERT_TRUE(pair_->client_send(Bytes(10'000, 'x')));
    std::size_t total = 0;
    for (int call = 0; call < 2; ++call) {
        EXPECT_EQ(server().receive(buffer_, sizeof buffer_), ssize_t{sizeof buffer_});
        EXPECT_TRUE(server().holds_input());
        total += sizeof buffer_;
    }
    EXPECT_EQ(server().receive(buffer_, sizeof buffer_), static_cast<ssize_t>(10'000 - total));
    EXPECT_FALSE(server().holds_input());
}

TEST_F(TlsStreamTest, ManyRecordsAreOneReceive) {
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(pair_->client_send("0123456789"));
    EXPECT_EQ(server().receive(buffer_, sizeof buffer_), 500);
}

TEST_F(TlsStreamTest, WhatTheSocketDoesNotTakeIsSentAgain) {
    Bytes output;
    for (int i = 0; i < 4'000'000; ++i) output += static_cast<char>(i * 31 >> 3);
    std::size_t sent = 0;
    Bytes received;
    bool was_full = false;
    while (sent < output.size()) {
        // From a place of its own each time, as an output buffer that moves.
        const Bytes rest = output.substr(sent, 300'000);
        const ssize_t taken = server().send(rest);
        if (taken > 0) {
            sent += static_cast<std::size_t>(taken);
            continue;
        }
        ASSERT_EQ(errno, EAGAIN);
        was_full = true;
        received += pair_->client_receive();
    }
    received += pair_->client_receive();
    EXPECT_TRUE(was_full);
    EXPECT_EQ(received, output);
}

TEST_F(TlsStreamTest, EndComesBehindWhatWasSent) {
    ASSERT_TRUE(pair_->client_send("last words"));
    pair_->client_close();
    EXPECT_EQ(server().receive(buffer_, sizeof buffer_), 10);
    EXPECT_TRUE(server().holds_input());
    EXPECT_EQ(server().receive(buffer_, sizeof buffer_), 0);
    EXPECT_EQ(server().send("nobody"), -1);
    EXPECT_NE(errno, EAGAIN);
    server().say_goodbye();
}

TEST_F(TlsStreamTest, NamesWhatWasAgreed) {
    const TlsPeer peer = server().peer({});
    EXPECT_EQ(peer.protocol, "tlsv1.3");
    EXPECT_EQ(peer.key_exchange, "any");
    EXPECT_EQ(peer.cipher, "aes_256_gcm");
    EXPECT_EQ(peer.hash, "aead");
}

}  // namespace
}  // namespace lvt::broker
