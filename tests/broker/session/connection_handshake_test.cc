#include "tests/broker/session/session_fixture.h"

namespace lvt::broker {
namespace {

class Handshake : public SessionFixture {
protected:
    amqp::ConnectionStartOk start_ok(ByteView mechanism, ByteView response, bool close_on_failure) {
        amqp::ConnectionStartOk method;
        method.mechanism = Bytes(mechanism);
        method.response = Bytes(response);
        method.locale = "en_US";
        amqp::Table capabilities;
        capabilities.add_bool("authentication_failure_close", close_on_failure);
        method.client_properties.add_string("product", "py-amqp")
            .add_table("capabilities", capabilities);
        return method;
    }
    void begin() {
        connect();
        receive(amqp::kProtocolHeader);
        expect<amqp::ConnectionStart>(0);
    }
    void begin_tuning() {
        begin();
        receive(0, start_ok("PLAIN", kPlain, true));
        expect_command<Login>();
        give(LoginDecided{kId, true});
        expect<amqp::ConnectionTune>(0);
    }
    /// Nothing is said, and after the delay the socket is closed.
    void expect_silent_close() {
        EXPECT_FALSE(connection->done());
        advance(options.login_failure_delay - Milliseconds(1));
        expect_silence();
        EXPECT_FALSE(connection->done());
        advance(Milliseconds(1));
        expect_silence();
        if (!commands.empty()) {
            expect_command<CloseSession>();
            give(SessionClosed{kId});
        }
        EXPECT_TRUE(connection->done());
    }

    static constexpr ByteView kPlain{"\0guest\0secret", 13};
};

TEST_F(Handshake, SaysWhoItIsAsRabbitmqDoes) {
    options.cluster_name = "rabbit@here";
    connect();
    expect_silence();
    receive(amqp::kProtocolHeader);
    const auto start = expect<amqp::ConnectionStart>(0);
    EXPECT_EQ(start.version_major, 0);
    EXPECT_EQ(start.version_minor, 9);
    EXPECT_EQ(start.mechanisms, "AMQPLAIN PLAIN");
    EXPECT_EQ(start.locales, "en_US");
    const auto text = [&](ByteView name) { return *start.server_properties.find(name)->string(); };
    EXPECT_EQ(text("product"), "RabbitMQ");
    EXPECT_EQ(text("version"), "3.13.7");
    EXPECT_EQ(text("platform"), "Leveret");
    EXPECT_EQ(text("cluster_name"), "rabbit@here");
    const amqp::TableView capabilities(*start.server_properties.find("capabilities")->table());
    EXPECT_EQ(std::distance(capabilities.begin(), capabilities.end()), 9);
    for (const auto& [name, value] : capabilities) EXPECT_EQ(value.boolean(), true) << name;
}

TEST_F(Handshake, Kombu5LogsInWithPlainAndWithoutHeartbeats) {
    begin();
    receive(0, start_ok("PLAIN", kPlain, true));
    const LoginRequest login = std::move(*expect_command<Login>().request);
    EXPECT_EQ(login.user, "guest");
    EXPECT_EQ(login.password, "secret");
    EXPECT_EQ(login.mechanism, "PLAIN");
    EXPECT_EQ(login.peer, "10.1.2.3:4567");
    EXPECT_FALSE(login.loopback);
    EXPECT_FALSE(connection->wants_read());
    give(LoginDecided{kId, true});
    EXPECT_TRUE(connection->wants_read());
    const auto tune = expect<amqp::ConnectionTune>(0);
    EXPECT_EQ(tune.channel_max, 2047);
    EXPECT_EQ(tune.frame_max, 131'072u);
    EXPECT_EQ(tune.heartbeat, 60);
    receive(0, amqp::ConnectionTuneOk{2047, 131'072, 0});
    receive(0, amqp::ConnectionOpen{"/", {}, {}});
    const VhostRequest open = std::move(*expect_command<OpenVhost>().request);
    EXPECT_EQ(open.vhost, "/");
    EXPECT_EQ(open.channel_max, 2047);
    EXPECT_EQ(open.frame_max, 131'072u);
    EXPECT_EQ(open.heartbeat_s, 0);
    EXPECT_EQ(open.client_properties.find("product")->string(), "py-amqp");
    expect_silence();
    give(VhostOpened{kId});
    expect<amqp::ConnectionOpenOk>(0);
    EXPECT_TRUE(connection->running());
    EXPECT_FALSE(connection->next_deadline());
    EXPECT_EQ(log.count(LogLevel::info), 1u);
    EXPECT_FALSE(log.contains("secret"));
}

TEST_F(Handshake, Kombu4LogsInWithAmqplain) {
    begin();
    amqp::Table response;
    response.add_string("LOGIN", "guest").add_string("PASSWORD", "secret");
    receive(0, start_ok("AMQPLAIN", response.bytes(), true));
    const LoginRequest login = std::move(*expect_command<Login>().request);
    EXPECT_EQ(login.user, "guest");
    EXPECT_EQ(login.password, "secret");
    EXPECT_EQ(login.mechanism, "AMQPLAIN");
}

TEST_F(Handshake, WhatIsPipelinedBehindALoginWaitsForIt) {
    begin();
    receive(
        frame_of(0, start_ok("PLAIN", kPlain, true)) +
        frame_of(0, amqp::ConnectionTuneOk{10, 8'192, 30}) +
        frame_of(0, amqp::ConnectionOpen{"v", {}, {}}) + frame_of(4, amqp::ChannelOpen{}));
    expect_command<Login>();
    expect_no_command();
    give(LoginDecided{kId, true});
    expect<amqp::ConnectionTune>(0);
    EXPECT_EQ(expect_command<OpenVhost>().request->vhost, "v");
    expect_silence();
    expect_no_command();
    give(VhostOpened{kId});
    expect<amqp::ConnectionOpenOk>(0);
    expect<amqp::ChannelOpenOk>(4);
    expect_command<OpenChannel>();
}

TEST_F(Handshake, AnotherProtocolGetsTheHeaderAndTheEnd) {
    for (const ByteView header : {ByteView("AMQP\0\1\0\0", 8), ByteView("GET / HTTP/1.1\r\n")}) {
        connect();
        receive(header);
        EXPECT_EQ(connection->output(), amqp::kProtocolHeader);
        EXPECT_FALSE(connection->done());
        connection->consume_output(8, clock.now());
        EXPECT_TRUE(connection->done());
    }
    EXPECT_TRUE(log.lines.empty());
}

TEST_F(Handshake, OlderHeadersAreGoodToo) {
    connect();
    receive(ByteView("AMQP\1\1\0\x09", 8));
    EXPECT_EQ(expect<amqp::ConnectionStart>(0).version_minor, 9);
    connect();
    receive(ByteView("AMQP\1\1\x08\0", 8));
    EXPECT_EQ(expect<amqp::ConnectionStart>(0).version_major, 8);
}

TEST_F(Handshake, ATcpProbeLeavesNoTrace) {
    connect();
    connection->on_socket_closed(clock.now());
    EXPECT_TRUE(connection->done());
    expect_no_command();
    EXPECT_TRUE(log.lines.empty());
}

TEST_F(Handshake, EndsWithoutAWordAfterTenSeconds) {
    connect();
    receive(amqp::kProtocolHeader.substr(0, 4));
    advance(Milliseconds(9'999));
    EXPECT_FALSE(connection->done());
    advance(Milliseconds(1));
    expect_silence();
    EXPECT_TRUE(connection->done());
}

TEST_F(Handshake, RefusedLoginWaitsThreeSecondsWithoutAWord) {
    begin();
    receive(0, start_ok("PLAIN", kPlain, false));
    expect_command<Login>();
    give(LoginDecided{kId, false, false, "invalid credentials"});
    expect_silent_close();
    EXPECT_TRUE(log.contains("login of user 'guest' by PLAIN refused: invalid credentials"));
    EXPECT_FALSE(log.contains("secret"));
}

TEST_F(Handshake, RefusedLoginIsToldToClientsThatAskedForIt) {
    begin();
    receive(0, start_ok("PLAIN", kPlain, true));
    expect_command<Login>();
    give(LoginDecided{kId, false, false, "user can only log in via localhost"});
    const auto close = expect<amqp::ConnectionClose>(0);
    EXPECT_EQ(close.reply_code, 403);
    EXPECT_EQ(
        close.reply_text,
        "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details "
        "see the broker logfile.");
    EXPECT_EQ(close.class_id, 0);
    receive(0, amqp::ConnectionCloseOk{});
    expect_command<CloseSession>();
    give(SessionClosed{kId});
    EXPECT_TRUE(connection->done());
}

TEST_F(Handshake, NamesOfClientsCannotForgeLogLines) {
    begin();
    receive(0, start_ok("PLAIN", ByteView("\0a\nb\0c", 6), false));
    expect_command<Login>();
    give(LoginDecided{kId, false, false, "invalid credentials"});
    EXPECT_TRUE(log.contains("user 'a?b'"));
}

TEST_F(Handshake, BrokenResponseAndUnknownMechanismWaitThreeSecondsWithoutAWord) {
    for (const ByteView mechanism : {"PLAIN", "AMQPLAIN", "EXTERNAL"}) {
        begin();
        receive(0, start_ok(mechanism, "nonsense", true));
        expect_no_command();
        expect_silent_close();
    }
}

TEST_F(Handshake, TuneOkOutsideTheOfferIsRefusedWithoutAWord) {
    struct Case {
        amqp::ConnectionTuneOk tune_ok;
        ByteView log_line;
    };
    const Case cases[] = {
        {{0, 131'072, 0},
         "negotiated channel_max = 0 (no limit) is higher than the maximum allowed value (2047)"},
        {{2'048, 131'072, 0},
         "negotiated channel_max = 2048 is higher than the maximum allowed value (2047)"},
        {{2'047, 4'095, 0},
         "negotiated frame_max = 4095 is lower than the minimum allowed value (4096)"},
        {{2'047, 0, 0},
         "negotiated frame_max = 0 (no limit) is higher than the maximum allowed value (131072)"},
        {{2'047, 131'073, 0},
         "negotiated frame_max = 131073 is higher than the maximum allowed value (131072)"},
    };
    for (const Case& each : cases) {
        begin_tuning();
        receive(0, each.tune_ok);
        expect_silent_close();
        EXPECT_TRUE(log.contains(each.log_line)) << each.log_line;
    }
}

TEST_F(Handshake, TheLowestFrameMaxIsAccepted) {
    begin_tuning();
    receive(0, amqp::ConnectionTuneOk{1, 4'096, 0});
    receive(0, amqp::ConnectionOpen{"/", {}, {}});
    EXPECT_EQ(expect_command<OpenVhost>().request->frame_max, 4'096u);
}

TEST_F(Handshake, RefusedVhostClosesTheConnectionAtOnce) {
    begin_tuning();
    receive(0, amqp::ConnectionTuneOk{2'047, 131'072, 0});
    receive(0, amqp::ConnectionOpen{"nope", {}, {}});
    expect_command<OpenVhost>();
    give(SessionFailed{
        kId, amqp::AmqpError{amqp::ReplyCode::not_allowed, "vhost nope not found", 10, 40}});
    const auto close = expect<amqp::ConnectionClose>(0);
    EXPECT_EQ(close.reply_code, 530);
    EXPECT_EQ(close.reply_text, "NOT_ALLOWED - vhost nope not found");
    EXPECT_EQ(close.class_id, 10);
    EXPECT_EQ(close.method_id, 40);
    expect_command<CloseSession>();
    receive(0, amqp::ConnectionCloseOk{});
    EXPECT_FALSE(connection->done());
    give(SessionClosed{kId});
    EXPECT_TRUE(connection->done());
}

TEST_F(Handshake, MethodsOutOfOrderAreRefusedWithoutAWord) {
    begin();
    receive(0, amqp::ConnectionOpen{"/", {}, {}});
    expect_silent_close();
    begin();
    receive(1, amqp::ChannelOpen{});
    expect_silent_close();
    begin();
    receive("GET / HTTP/1.1\r\n\r\n");
    expect_silent_close();
}

TEST_F(Handshake, AfterTuneOkTheClientIsToldWhatIsWrong) {
    begin_tuning();
    receive(0, amqp::ConnectionTuneOk{2'047, 131'072, 0});
    receive(1, amqp::ChannelOpen{});
    expect_command<CloseSession>();
    expect_connection_close(505, "UNEXPECTED_FRAME - type 1, all octets = <<0,20,0,10,0>>");
    begin_tuning();
    receive(0, amqp::ConnectionTuneOk{2'047, 131'072, 0});
    receive(0, amqp::ConnectionTuneOk{2'047, 131'072, 0});
    expect_command<CloseSession>();
    expect_connection_close(504, "CHANNEL_ERROR - unexpected method in connection state opening");
}

TEST_F(Handshake, SocketThatGoesWhileTheLoginIsDecidedIsClosedInTheCore) {
    begin();
    receive(0, start_ok("PLAIN", kPlain, true));
    expect_command<Login>();
    connection->on_socket_closed(clock.now());
    expect_command<CloseSession>();
    give(LoginDecided{kId, true});
    EXPECT_FALSE(connection->done());
    give(SessionClosed{kId});
    EXPECT_TRUE(connection->done());
}

TEST_F(Handshake, ClientMayCloseInTheMiddle) {
    begin_tuning();
    receive(0, amqp::ConnectionClose{200, "bye", 0, 0});
    expect_command<CloseSession>();
    expect_silence();
    give(SessionClosed{kId});
    expect<amqp::ConnectionCloseOk>(0);
    EXPECT_FALSE(connection->done());
    connection->on_socket_closed(clock.now());
    EXPECT_TRUE(connection->done());
}

/// With EXTERNAL among the mechanisms, over TLS.
class External : public Handshake {
protected:
    External() {
        options.mechanisms = {"AMQPLAIN", "PLAIN", "EXTERNAL"};
        peer_.login_fault = "the client has shown no certificate";
    }
    void begin_encrypted() {
        tls = std::make_shared<TlsPeer>(peer_);
        connect();
        receive(amqp::kProtocolHeader);
        EXPECT_EQ(expect<amqp::ConnectionStart>(0).mechanisms, "AMQPLAIN PLAIN EXTERNAL");
    }
    TlsPeer peer_;
};

TEST_F(External, CertificateIsTheProof) {
    peer_.login = "CN=client,O=test";
    begin_encrypted();
    receive(0, start_ok("EXTERNAL", "whatever", true));
    const LoginRequest login = std::move(*expect_command<Login>().request);
    EXPECT_TRUE(login.by_certificate);
    EXPECT_EQ(login.user, "CN=client,O=test");
    EXPECT_EQ(login.mechanism, "EXTERNAL");
    EXPECT_EQ(login.password, "");
}

TEST_F(External, WithoutACertificateItIsRefusedAsAWrongPasswordIs) {
    begin_encrypted();
    receive(0, start_ok("EXTERNAL", "", true));
    EXPECT_TRUE(commands.empty());
    EXPECT_EQ(expect<amqp::ConnectionClose>(0).reply_code, 403);
    EXPECT_TRUE(log.contains("by EXTERNAL refused: the client has shown no certificate"));
    receive(0, amqp::ConnectionCloseOk{});
    EXPECT_TRUE(connection->done());
}

TEST_F(External, PasswordsGoOnWorking) {
    begin_encrypted();
    receive(0, start_ok("PLAIN", kPlain, true));
    EXPECT_FALSE(expect_command<Login>().request->by_certificate);
}

TEST_F(External, IsNotThereWithoutTls) {
    connect();
    receive(amqp::kProtocolHeader);
    EXPECT_EQ(expect<amqp::ConnectionStart>(0).mechanisms, "AMQPLAIN PLAIN");
    receive(0, start_ok("EXTERNAL", "", true));
    EXPECT_TRUE(log.contains("unknown authentication mechanism 'EXTERNAL'"));
    EXPECT_TRUE(commands.empty());
}

TEST_F(Handshake, MechanismThatIsNotConfiguredIsUnknown) {
    options.mechanisms = {"AMQPLAIN"};
    connect();
    receive(amqp::kProtocolHeader);
    EXPECT_EQ(expect<amqp::ConnectionStart>(0).mechanisms, "AMQPLAIN");
    receive(0, start_ok("PLAIN", kPlain, true));
    EXPECT_TRUE(log.contains("unknown authentication mechanism 'PLAIN'"));
    EXPECT_FALSE(log.contains("secret"));
}

TEST_F(Handshake, PlaceAmongTheNewIsGivenBackWithOpenOk) {
    const auto place = std::make_shared<int>(0);
    admission = place;
    log_in();
    EXPECT_EQ(place.use_count(), 1);
}

TEST_F(Handshake, PlaceAmongTheNewIsKeptUntilThen) {
    const auto place = std::make_shared<int>(0);
    admission = place;
    begin_tuning();
    EXPECT_EQ(place.use_count(), 2);
    connection.reset();
    EXPECT_EQ(place.use_count(), 1);
}

TEST_F(Handshake, InfinityIsNoLimit) {
    options.handshake_timeout = Milliseconds(0);
    connect();
    advance(Milliseconds(3'600'000));
    EXPECT_FALSE(connection->done());
}

}  // namespace
}  // namespace lvt::broker
