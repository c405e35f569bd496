// The keys of security: TLS, logins, and who may connect at all.
#include "broker/config/key_rules.h"
#include "broker/config/takers.h"

#include <fmt/format.h>

namespace lvt::broker {
namespace {

constexpr int kDepthMax = 255;

Expected take_verify(const std::string& value, bool& verify_peer) {
    std::size_t choice = 0;
    Expected expected = parse_choice(value, {"verify_none", "verify_peer"}, choice);
    if (expected.empty()) verify_peer = choice == 1;
    return expected;
}

/// Old ones are named in many files; leaving them out must not end the start.
Expected take_version(const std::string& name, const std::string& value, Draft& draft) {
    std::size_t choice = 0;
    Expected expected =
        parse_choice(value, {"tlsv1.3", "tlsv1.2", "tlsv1.1", "tlsv1", "sslv3"}, choice);
    if (!expected.empty()) return expected;
    draft.tls_versions.insert(value);
    if (choice > 1) {
        draft.config.warnings.push_back(fmt::format(
            "ssl_options.versions.{}: {} is never offered, TLS 1.2 and 1.3 are", name, value));
    }
    return {};
}

Expected take_login_from(const std::string& value, CertificateLogin::From& from) {
    using From = CertificateLogin::From;
    static constexpr From kFrom[] = {
        From::distinguished_name,
        From::common_name,
        From::subject_alternative_name,
        From::subject_alternative_name};
    std::size_t choice = 0;
    Expected expected = parse_choice(
        value,
        {"distinguished_name", "common_name", "subject_alternative_name", "subject_alt_name"},
        choice);
    if (expected.empty()) from = kFrom[choice];
    return expected;
}

Expected take_name_kind(const std::string& value, CertificateLogin::Kind& kind) {
    std::size_t choice = 0;
    Expected expected = parse_choice(value, {"dns", "ip", "email", "uri", "other_name"}, choice);
    if (expected.empty()) kind = static_cast<CertificateLogin::Kind>(choice);
    return expected;
}

Expected take_mechanism(const std::string& value, std::set<std::string>& out) {
    std::size_t choice = 0;
    Expected expected = parse_choice(value, {"PLAIN", "AMQPLAIN", "EXTERNAL"}, choice);
    if (expected.empty()) out.insert(value);
    return expected;
}

/// What is not served because it would weaken what the operator asked for must be off.
Expected take_off(const std::string& value) {
    return value == "false" ? Expected{} : Expected{"false, it is not supported"};
}

#define TAKE(expression)                                                          \
    [](Draft& d, const std::string& name, const std::string& value) -> Expected { \
        static_cast<void>(d);                                                     \
        static_cast<void>(name);                                                  \
        return expression;                                                        \
    }

const KeyRule kRules[] = {
    {"listeners.ssl",
     nullptr,
     [](Draft& d, const std::string&, const std::string& value) {
         Expected expected = take_none(value);
         if (expected.empty()) d.tls_listeners.clear();
         return expected;
     },
     Group::tls_listeners},
    {"listeners.ssl.$",
     nullptr,
     TAKE(parse_listen_address(value, d.tls_listeners["listeners.ssl." + name])),
     Group::tls_listeners},
    {"ssl_handshake_timeout", "5000", TAKE(parse_timeout(value, d.config.tls_handshake_timeout))},
    {"ssl_options.cacertfile", nullptr, TAKE(take_path(value, d.config.tls.cacertfile))},
    {"ssl_options.certfile", nullptr, TAKE(take_path(value, d.config.tls.identity.certfile))},
    {"ssl_options.keyfile", nullptr, TAKE(take_path(value, d.config.tls.identity.keyfile))},
    {"ssl_options.password",
     nullptr,
     TAKE(take_text(value, kPathMax, d.config.tls.identity.password)),
     Group::none,
     true},
    {"ssl_options.verify", "verify_none", TAKE(take_verify(value, d.config.tls.verify_peer))},
    {"ssl_options.fail_if_no_peer_cert",
     "false",
     TAKE(parse_boolean(value, d.config.tls.fail_if_no_peer_cert))},
    {"ssl_options.depth", "10", TAKE(take_integer(value, 0, kDepthMax, d.config.tls.depth))},
    {"ssl_options.versions.$", nullptr, TAKE(take_version(name, value, d))},
    {"ssl_options.ciphers.$", nullptr, TAKE(take_text(value, kNameMax, d.ciphers[name]))},
    {"ssl_options.honor_cipher_order",
     "true",
     TAKE(parse_boolean(value, d.config.tls.honor_cipher_order))},
    {"ssl_options.crl_check", nullptr, TAKE(take_off(value))},
    {"ssl_options.sni_hosts.$.host",
     nullptr,
     TAKE(take_text(value, kNameMax, d.sni_hosts[name].host))},
    {"ssl_options.sni_hosts.$.certfile",
     nullptr,
     TAKE(take_path(value, d.sni_hosts[name].certfile))},
    {"ssl_options.sni_hosts.$.keyfile", nullptr, TAKE(take_path(value, d.sni_hosts[name].keyfile))},
    {"ssl_options.sni_hosts.$.password",
     nullptr,
     TAKE(take_text(value, kPathMax, d.sni_hosts[name].password)),
     Group::none,
     true},

    {"auth_mechanisms.$", nullptr, TAKE(take_mechanism(value, d.mechanisms))},
    {"ssl_cert_login_from",
     "distinguished_name",
     TAKE(take_login_from(value, d.config.certificate_login.from))},
    {"ssl_cert_login_san_type",
     "dns",
     TAKE(take_name_kind(value, d.config.certificate_login.kind))},
    {"ssl_cert_login_san_index",
     "0",
     TAKE(take_integer(value, 0, 1000, d.config.certificate_login.index))},
    {"proxy_protocol", "false", TAKE(parse_boolean(value, d.config.proxy_protocol))},
    {"proxy_protocol.trusted.$", nullptr, TAKE(parse_network(value, d.proxy_trusted[name]))},
    {"pre_login.connections_per_source_max",
     "1000",
     TAKE(take_integer(value, 0, 1'000'000, d.config.pre_login_connections_max))},
};

#undef TAKE

}  // namespace

std::span<const KeyRule> security_key_rules() { return kRules; }

std::string fault_of(const TlsConfig& config) {
    if (config.identity.certfile.empty())
        return fmt::format("{}.certfile: a TLS listener needs it", config.key);
    if (config.verify_peer && config.cacertfile.empty())
        return fmt::format("{}.cacertfile: verify_peer needs it", config.key);
    if (config.fail_if_no_peer_cert && !config.verify_peer)
        return fmt::format("{}.fail_if_no_peer_cert: needs verify = verify_peer", config.key);
    if (!config.tls_1_2 && !config.tls_1_3)
        return fmt::format("{}.versions: neither tlsv1.2 nor tlsv1.3 is among them", config.key);
    for (const TlsIdentity& one : config.sni_hosts) {
        if (one.host.empty() || one.certfile.empty())
            return fmt::format(
                "{}.{}{}: a certificate for a host needs it",
                config.key,
                one.prefix,
                one.host.empty() ? "host" : "certfile");
    }
    return {};
}

}  // namespace lvt::broker
