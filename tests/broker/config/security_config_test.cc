// The keys of TLS, logins and proxies.
#include "tests/broker/config/load_config_fixture.h"

namespace lvt::broker {
namespace {

class SecurityConfig : public LoadConfig {};

TEST_F(SecurityConfig, ReadsRabbitmqsKeys) {
    file(
        "listeners.ssl.default = 5671\nlisteners.ssl.2 = 127.0.0.1:5673\nlisteners.tcp = none\n"
        "ssl_options.cacertfile = /ca.pem\nssl_options.certfile = /cert.pem\n"
        "ssl_options.keyfile = /key.pem\nssl_options.password = p\nssl_options.depth = 2\n"
        "ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n"
        "ssl_options.versions.1 = tlsv1.3\nssl_options.ciphers.10 = B\nssl_options.ciphers.9 = A\n"
        "ssl_options.honor_cipher_order = false\nssl_handshake_timeout = 700\n");
    const Config config = load();
    EXPECT_TRUE(config.listeners.empty());
    ASSERT_EQ(config.tls_listeners.size(), 2u);
    EXPECT_EQ(config.tls_listeners[0], (ListenAddress{"127.0.0.1", 5673}));
    EXPECT_EQ(config.tls_listeners[1], (ListenAddress{"::", 5671}));
    EXPECT_EQ(config.tls.cacertfile, "/ca.pem");
    EXPECT_EQ(config.tls.identity.certfile, "/cert.pem");
    EXPECT_EQ(config.tls.identity.keyfile, "/key.pem");
    EXPECT_EQ(config.tls.identity.password, "p");
    EXPECT_EQ(config.tls.depth, 2);
    EXPECT_TRUE(config.tls.verify_peer && config.tls.fail_if_no_peer_cert);
    EXPECT_TRUE(config.tls.tls_1_3 && !config.tls.tls_1_2);
    EXPECT_EQ(config.tls.ciphers, (std::vector<std::string>{"A", "B"}));
    EXPECT_FALSE(config.tls.honor_cipher_order);
    EXPECT_EQ(config.tls_handshake_timeout, Milliseconds(700));
    EXPECT_TRUE(config.warnings.empty());
}

TEST_F(SecurityConfig, DefaultsAreSafe) {
    const Config config = load();
    EXPECT_TRUE(config.tls_listeners.empty());
    EXPECT_TRUE(config.tls.tls_1_2 && config.tls.tls_1_3);
    EXPECT_FALSE(config.tls.verify_peer);
    EXPECT_FALSE(config.proxy_protocol);
    EXPECT_TRUE(is_in(config.proxy_trusted, "127.0.0.1") && is_in(config.proxy_trusted, "::1"));
    EXPECT_FALSE(is_in(config.proxy_trusted, "10.0.0.1"));
    EXPECT_EQ(config.auth_mechanisms, (std::vector<std::string>{"AMQPLAIN", "PLAIN"}));
    EXPECT_EQ(config.pre_login_connections_max, 1000u);
}

TEST_F(SecurityConfig, OldVersionsAreLeftOutAloud) {
    file("ssl_options.versions.1 = tlsv1.2\nssl_options.versions.2 = tlsv1.1\n");
    const Config config = load();
    EXPECT_TRUE(config.tls.tls_1_2 && !config.tls.tls_1_3);
    ASSERT_EQ(config.warnings.size(), 1u);
    EXPECT_EQ(
        config.warnings[0],
        "ssl_options.versions.2: tlsv1.1 is never offered, TLS 1.2 and 1.3 are");
}

TEST_F(SecurityConfig, WhatDoesNotGoTogetherNamesAKey) {
    set("listeners.ssl.1", "5671");
    EXPECT_EQ(error(), "ssl_options.certfile: a TLS listener needs it");
    set("ssl_options.certfile", "/c");
    EXPECT_EQ(load().tls_listeners.size(), 1u);
    set("ssl_options.fail_if_no_peer_cert", "true");
    EXPECT_EQ(error(), "ssl_options.fail_if_no_peer_cert: needs verify = verify_peer");
    set("ssl_options.verify", "verify_peer");
    EXPECT_EQ(error(), "ssl_options.cacertfile: verify_peer needs it");
    set("ssl_options.cacertfile", "/a");
    set("ssl_options.sni_hosts.3.certfile", "/b");
    EXPECT_EQ(error(), "ssl_options.sni_hosts.3.host: a certificate for a host needs it");
    set("ssl_options.sni_hosts.3.host", "a.example.com");
    EXPECT_EQ(load().tls.sni_hosts.size(), 1u);
    set("ssl_options.versions.1", "tlsv1.1");
    EXPECT_EQ(error(), "ssl_options.versions: neither tlsv1.2 nor tlsv1.3 is among them");
}

TEST_F(SecurityConfig, NoneTakesBackTheFilesListeners) {
    file("listeners.ssl.1 = 5671\n");
    set("listeners.ssl", "none");
    EXPECT_TRUE(load().tls_listeners.empty());
}

TEST_F(SecurityConfig, SecretsAreMasked) {
    set("ssl_options.password", "tops3cret");
    set("ssl_options.sni_hosts.1.password", "tops3cret");
    EXPECT_EQ(format_settings(load(), false).find("tops3cret"), std::string::npos);
    set("ssl_options.password", std::string(5000, 's'));
    EXPECT_EQ(error().find("sss"), std::string::npos);
}

TEST_F(SecurityConfig, MechanismsAreOfferedInOneOrder) {
    set("auth_mechanisms.1", "EXTERNAL");
    set("auth_mechanisms.2", "PLAIN");
    const Config config = load();
    EXPECT_EQ(config.auth_mechanisms, (std::vector<std::string>{"PLAIN", "EXTERNAL"}));
    ASSERT_EQ(config.warnings.size(), 1u);
    EXPECT_EQ(
        config.warnings[0],
        "auth_mechanisms: EXTERNAL lets nobody in without ssl_options.verify = verify_peer");
}

TEST_F(SecurityConfig, TrustedNetworks) {
    set("proxy_protocol", "true");
    set("proxy_protocol.trusted.1", "10.1.0.0/16");
    set("proxy_protocol.trusted.2", "2001:db8::/33");
    set("proxy_protocol.trusted.3", "192.0.2.7");
    const Config config = load();
    EXPECT_TRUE(config.proxy_protocol);
    for (const char* address : {"10.1.255.3", "2001:db8:7fff::1", "192.0.2.7", "::ffff:10.1.0.1"})
        EXPECT_TRUE(is_in(config.proxy_trusted, address)) << address;
    for (const char* address : {"10.2.0.1", "2001:db8:8000::1", "192.0.2.8", "127.0.0.1", "", "x"})
        EXPECT_FALSE(is_in(config.proxy_trusted, address)) << address;
}

TEST_F(SecurityConfig, ImagesVariablesOpenATlsListener) {
    environment("RABBITMQ_SSL_CACERTFILE", "/a");
    environment("RABBITMQ_SSL_CERTFILE", "/c");
    environment("RABBITMQ_SSL_KEYFILE", "/k");
    environment("RABBITMQ_SSL_FAIL_IF_NO_PEER_CERT", "false");
    const Config config = load();
    ASSERT_EQ(config.tls_listeners.size(), 1u);
    EXPECT_EQ(config.tls_listeners[0], (ListenAddress{"::", 5671}));
    EXPECT_TRUE(config.tls.verify_peer);
    EXPECT_FALSE(config.tls.fail_if_no_peer_cert);
    EXPECT_EQ(config.tls.identity.keyfile, "/k");
}

}  // namespace
}  // namespace lvt::broker
