// The keys of security: TLS listeners, logins, and who may connect at all.
#include "broker/config/key_rules.h"
#include "broker/config/takers.h"

namespace lvt::broker {
namespace {

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

}  // namespace lvt::broker
