#include "broker/net/tls_context.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "tests/broker/net/test_certificates.h"
#include "tests/broker/net/tls_pair.h"

namespace lvt::broker {
namespace {

class LineLog final : public LogSink {
public:
    void write(LogLevel, std::string_view line) override { lines.emplace_back(line); }
    bool enabled(LogLevel) const override { return true; }
    std::vector<std::string> lines;
};

class TlsContextTest : public testing::Test {
protected:
    TlsContextTest() {
        certificates_.issue("server");
        config_.identity.certfile = certificates_.certificate("server");
        config_.identity.keyfile = certificates_.key("server");
        config_.cacertfile = certificates_.authority();
    }

    std::shared_ptr<TlsContext> load() {
        auto context = TlsContext::load(config_, clock_, log_);
        EXPECT_TRUE(context.has_value());
        return *context;
    }
    std::string error() {
        const auto context = TlsContext::load(config_, clock_, log_);
        EXPECT_TRUE(context.has_error());
        EXPECT_EQ(context.error().kind, ErrorKind::invalid);
        return context.error().message;
    }
    std::string name_shown_to(TlsContext& context, const TlsClientOptions& options = {}) {
        TlsPair pair(context, options);
        return pair.shake_hands() ? pair.shown_name() : "none";
    }
    /// Puts what `from` has in the place of the server's.
    void replace_files(const std::string& from) {
        std::filesystem::rename(certificates_.certificate(from), config_.identity.certfile);
        std::filesystem::rename(certificates_.key(from), config_.identity.keyfile);
        clock_.advance(Milliseconds(1'000));
    }

    TestCertificates certificates_;
    TlsConfig config_;
    ManualClock clock_;
    LineLog log_;
};

TEST_F(TlsContextTest, ServesBothVersions) {
    const auto context = load();
    EXPECT_EQ(name_shown_to(*context, {.version_max = TLS1_2_VERSION}), "server");
    EXPECT_EQ(name_shown_to(*context, {.version_min = TLS1_3_VERSION}), "server");
}

TEST_F(TlsContextTest, NothingOlderIsSpoken) {
    const auto context = load();
    for (const int version : {TLS1_VERSION, TLS1_1_VERSION})
        EXPECT_EQ(
            name_shown_to(*context, {.version_min = version, .version_max = version}), "none");
}

TEST_F(TlsContextTest, WeakCiphersAreNotSpoken) {
    const auto context = load();
    for (const char* cipher :
         {"AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "NULL", "aNULL",
          "DHE-RSA-AES256-GCM-SHA384"})
        EXPECT_EQ(
            name_shown_to(*context, {.version_max = TLS1_2_VERSION, .ciphers = cipher}), "none")
            << cipher;
    EXPECT_EQ(
        name_shown_to(
            *context,
            {.version_max = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256"}),
        "server");
}

TEST_F(TlsContextTest, ConfiguredCiphersAreTheOnlyOnes) {
    config_.ciphers = {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"};
    const auto context = load();
    TlsPair pair(*context, {});
    ASSERT_TRUE(pair.shake_hands());
    EXPECT_EQ(pair.client_version(), TLS1_2_VERSION);
    EXPECT_EQ(pair.server().peer({}).cipher, "aes_128_gcm");
    config_.ciphers = {"TLS_AES_128_GCM_SHA256"};
    EXPECT_EQ(name_shown_to(*load(), {.version_max = TLS1_2_VERSION}), "none");
    EXPECT_EQ(name_shown_to(*load()), "server");
}

TEST_F(TlsContextTest, NameChoosesTheCertificate) {
    certificates_.issue("one");
    certificates_.issue("many");
    config_.sni_hosts = {
        {"sni_hosts.1.", "One.example.com", certificates_.certificate("one"),
         certificates_.key("one"), {}},
        {"sni_hosts.2.", "*.example.com", certificates_.certificate("many"),
         certificates_.key("many"), {}}};
    const auto context = load();
    EXPECT_EQ(name_shown_to(*context, {.server_name = "one.EXAMPLE.com"}), "one");
    EXPECT_EQ(name_shown_to(*context, {.server_name = "two.example.com"}), "many");
    EXPECT_EQ(name_shown_to(*context, {.server_name = "a.two.example.com"}), "server");
    EXPECT_EQ(name_shown_to(*context, {.server_name = "example.com"}), "server");
    EXPECT_EQ(name_shown_to(*context), "server");
    EXPECT_EQ(context->certificates().size(), 3U);
}

TEST_F(TlsContextTest, NewFilesAreServedWithinASecond) {
    const auto context = load();
    EXPECT_EQ(name_shown_to(*context), "server");
    certificates_.issue("renewed");
    replace_files("renewed");
    EXPECT_EQ(name_shown_to(*context), "renewed");
    ASSERT_EQ(log_.lines.size(), 1U);
    EXPECT_EQ(log_.lines[0], "ssl_options: certificates have changed and are in use");
}

TEST_F(TlsContextTest, SessionsLiveOnWithWhatTheyBeganWith) {
    auto context = load();
    TlsPair pair(*context, {});
    certificates_.issue("renewed");
    replace_files("renewed");
    EXPECT_EQ(name_shown_to(*context), "renewed");
    context.reset();
    ASSERT_TRUE(pair.shake_hands());
    EXPECT_EQ(pair.shown_name(), "server");
}

TEST_F(TlsContextTest, BadNewFilesChangeNothingAndAreOneLine) {
    const auto context = load();
    std::filesystem::resize_file(config_.identity.certfile, 20);
    for (int look = 0; look < 3; ++look) {
        clock_.advance(Milliseconds(1'000));
        EXPECT_EQ(name_shown_to(*context), "server");
    }
    ASSERT_EQ(log_.lines.size(), 1U);
    EXPECT_NE(log_.lines[0].find("ssl_options.certfile: "), std::string::npos);
    certificates_.issue("renewed");
    replace_files("renewed");
    EXPECT_EQ(name_shown_to(*context), "renewed");
}

TEST_F(TlsContextTest, MissingAndWrongFilesNameTheirKey) {
    const std::string nowhere = certificates_.directory() / "nowhere.pem";
    const TlsConfig good = config_;
    config_.identity.certfile = nowhere;
    EXPECT_EQ(error(), "ssl_options.certfile: " + nowhere + ": No such file or directory");
    config_ = good;
    config_.identity.keyfile = nowhere;
    EXPECT_EQ(error(), "ssl_options.keyfile: " + nowhere + ": No such file or directory");
    config_ = good;
    config_.cacertfile = nowhere;
    EXPECT_EQ(error(), "ssl_options.cacertfile: " + nowhere + ": No such file or directory");
    config_ = good;
    config_.sni_hosts = {{"sni_hosts.7.", "a.b", nowhere, {}, {}}};
    EXPECT_EQ(
        error(), "ssl_options.sni_hosts.7.certfile: " + nowhere + ": No such file or directory");
    config_ = good;
    certificates_.issue("other");
    config_.identity.keyfile = certificates_.key("other");
    EXPECT_TRUE(error().starts_with("ssl_options.keyfile: ")) << error();
    config_ = good;
    config_.identity.certfile = certificates_.directory();
    EXPECT_TRUE(error().starts_with("ssl_options.certfile: ")) << error();
    config_ = good;
    config_.ciphers = {"RC4-SHA"};
    EXPECT_EQ(error(), "ssl_options.ciphers: 'RC4-SHA' is unknown or too weak to be served");
}

TEST_F(TlsContextTest, EncryptedKeyNeedsItsPassword) {
    certificates_.issue("secret", "DNS:localhost", "pass phrase");
    config_.identity = {
        {}, {}, certificates_.certificate("secret"), certificates_.key("secret"), "pass phrase"};
    EXPECT_EQ(name_shown_to(*load()), "secret");
    for (const char* wrong : {"", "another"}) {
        config_.identity.password = wrong;
        EXPECT_TRUE(error().starts_with("ssl_options.keyfile: ")) << error();
    }
}

TEST_F(TlsContextTest, PeersAreVerified) {
    certificates_.issue("client");
    TestCertificates strangers;
    strangers.issue("client");
    const TlsClientOptions known{
        .certificate = certificates_.certificate("client"), .key = certificates_.key("client")};
    const TlsClientOptions stranger{
        .certificate = strangers.certificate("client"), .key = strangers.key("client")};
    config_.verify_peer = true;
    const auto optional = load();
    EXPECT_EQ(name_shown_to(*optional, known), "server");
    EXPECT_EQ(name_shown_to(*optional), "server");
    EXPECT_EQ(name_shown_to(*optional, stranger), "none");
    config_.fail_if_no_peer_cert = true;
    const auto required = load();
    EXPECT_EQ(name_shown_to(*required, known), "server");
    EXPECT_EQ(name_shown_to(*required), "none");
    EXPECT_EQ(name_shown_to(*required, stranger), "none");
}

TEST_F(TlsContextTest, CertificateNamesItsUser) {
    certificates_.issue("client", "DNS:first.example.com,email:me@example.com,DNS:second,IP:::1");
    const TlsClientOptions client{
        .certificate = certificates_.certificate("client"), .key = certificates_.key("client")};
    config_.verify_peer = true;
    const auto context = load();
    TlsPair pair(*context, client);
    ASSERT_TRUE(pair.shake_hands());
    using From = CertificateLogin::From;
    using Kind = CertificateLogin::Kind;
    const auto login = [&](CertificateLogin rule) { return pair.server().peer(rule).login; };
    EXPECT_EQ(login({}), "CN=client,O=test");
    EXPECT_EQ(login({From::common_name, Kind::dns, 0}), "client");
    EXPECT_EQ(login({From::subject_alternative_name, Kind::dns, 0}), "first.example.com");
    EXPECT_EQ(login({From::subject_alternative_name, Kind::dns, 1}), "second");
    EXPECT_EQ(login({From::subject_alternative_name, Kind::dns, 2}), "");
    EXPECT_EQ(login({From::subject_alternative_name, Kind::email, 0}), "me@example.com");
    EXPECT_EQ(login({From::subject_alternative_name, Kind::ip, 0}), "::1");
    EXPECT_EQ(login({From::subject_alternative_name, Kind::uri, 0}), "");
}

TEST_F(TlsContextTest, UnverifiedCertificateIsNobody) {
    const auto context = load();
    TlsPair pair(*context, {});
    ASSERT_TRUE(pair.shake_hands());
    EXPECT_EQ(pair.server().peer({}).login, "");
    EXPECT_EQ(pair.server().peer({}).subject, "");
}

}  // namespace
}  // namespace lvt::broker
