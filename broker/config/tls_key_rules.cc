// The keys of TLS, the same for every kind of listener: `ssl_options.*` for AMQP, `management.ssl.*` for HTTP.
#include "broker/config/key_rules.h"
#include "broker/config/takers.h"

#include <fmt/format.h>

#include <array>
#include <utility>

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
Expected take_version(
    const std::string& name, const std::string& value, TlsDraft& tls,
    std::vector<std::string>& warnings) {
    std::size_t choice = 0;
    Expected expected =
        parse_choice(value, {"tlsv1.3", "tlsv1.2", "tlsv1.1", "tlsv1", "sslv3"}, choice);
    if (!expected.empty()) return expected;
    tls.versions.insert(value);
    if (choice > 1) {
        warnings.push_back(fmt::format(
            "{}.versions.{}: {} is never offered, TLS 1.2 and 1.3 are",
            tls.config.key,
            name,
            value));
    }
    return {};
}

Expected take_crl_check(const std::string& value, CrlCheck& check) {
    static constexpr CrlCheck kChecks[] = {
        CrlCheck::off, CrlCheck::chain, CrlCheck::peer, CrlCheck::best_effort};
    std::size_t choice = 0;
    Expected expected = parse_choice(value, {"false", "true", "peer", "best_effort"}, choice);
    if (expected.empty()) check = kChecks[choice];
    return expected;
}

/// One key behind the prefix of its kind.
struct TlsKey {
    std::string_view pattern;
    const char* fallback;
    Expected (*take)(
        TlsDraft& tls, Draft& draft, const std::string& name, const std::string& value);
    bool secret = false;
};

#define TAKE(expression)                                                                       \
    [](TlsDraft& t, Draft& d, const std::string& name, const std::string& value) -> Expected { \
        static_cast<void>(t);                                                                  \
        static_cast<void>(d);                                                                  \
        static_cast<void>(name);                                                               \
        return expression;                                                                     \
    }

constexpr TlsKey kKeys[] = {
    {"cacertfile", nullptr, TAKE(take_path(value, t.config.cacertfile))},
    {"certfile", nullptr, TAKE(take_path(value, t.config.identity.certfile))},
    {"keyfile", nullptr, TAKE(take_path(value, t.config.identity.keyfile))},
    {"password", nullptr, TAKE(take_text(value, kPathMax, t.config.identity.password)), true},
    {"verify", "verify_none", TAKE(take_verify(value, t.config.verify_peer))},
    {"fail_if_no_peer_cert", "false", TAKE(parse_boolean(value, t.config.fail_if_no_peer_cert))},
    {"depth", "10", TAKE(take_integer(value, 0, kDepthMax, t.config.depth))},
    {"versions.$", nullptr, TAKE(take_version(name, value, t, d.config.warnings))},
    {"ciphers.$", nullptr, TAKE(take_text(value, kNameMax, t.ciphers[name]))},
    {"honor_cipher_order", "true", TAKE(parse_boolean(value, t.config.honor_cipher_order))},
    {"crl_check", "false", TAKE(take_crl_check(value, t.config.crl_check))},
    {"sni_hosts.$.host", nullptr, TAKE(take_text(value, kNameMax, t.sni_hosts[name].host))},
    {"sni_hosts.$.certfile", nullptr, TAKE(take_path(value, t.sni_hosts[name].certfile))},
    {"sni_hosts.$.keyfile", nullptr, TAKE(take_path(value, t.sni_hosts[name].keyfile))},
    {"sni_hosts.$.password",
     nullptr,
     TAKE(take_text(value, kPathMax, t.sni_hosts[name].password)),
     true},
};

#undef TAKE

constexpr std::size_t kKeyCount = std::size(kKeys);

template <TlsDraft Draft::*Kind, std::size_t Key>
Expected take(Draft& draft, const std::string& name, const std::string& value) {
    return kKeys[Key].take(draft.*Kind, draft, name, value);
}

template <TlsDraft Draft::*Kind, std::size_t... Key>
std::vector<KeyRule> rules_of(
    const std::array<std::string, kKeyCount>& patterns, std::index_sequence<Key...>) {
    return {KeyRule{
        patterns[Key], kKeys[Key].fallback, take<Kind, Key>, Group::none, kKeys[Key].secret}...};
}

std::array<std::string, kKeyCount> patterns_of(std::string_view kind) {
    std::array<std::string, kKeyCount> out;
    for (std::size_t i = 0; i < kKeyCount; ++i)
        out[i] = fmt::format("{}.{}", kind, kKeys[i].pattern);
    return out;
}

}  // namespace

std::span<const KeyRule> tls_key_rules() {
    static const auto kAmqp = patterns_of("ssl_options");
    static const auto kHttp = patterns_of("management.ssl");
    static const std::vector<KeyRule> kAll = [] {
        constexpr std::make_index_sequence<kKeyCount> kEach;
        std::vector<KeyRule> all = rules_of<&Draft::tls>(kAmqp, kEach);
        for (KeyRule& rule : rules_of<&Draft::management_tls>(kHttp, kEach)) {
            rule.fallback = nullptr;
            all.push_back(rule);
        }
        return all;
    }();
    return kAll;
}

TlsConfig finished(TlsDraft& draft) {
    TlsConfig tls = std::move(draft.config);
    for (auto& [number, host] : draft.sni_hosts) {
        host.prefix = fmt::format("sni_hosts.{}.", number);
        tls.sni_hosts.push_back(std::move(host));
    }
    for (auto& [number, cipher] : draft.ciphers) tls.ciphers.push_back(std::move(cipher));
    if (!draft.versions.empty()) {
        tls.tls_1_2 = draft.versions.contains("tlsv1.2");
        tls.tls_1_3 = draft.versions.contains("tlsv1.3");
    }
    return tls;
}

std::string fault_of(const TlsConfig& config) {
    if (config.identity.certfile.empty())
        return fmt::format("{}.certfile: a TLS listener needs it", config.key);
    if (config.verify_peer && config.cacertfile.empty())
        return fmt::format("{}.cacertfile: verify_peer needs it", config.key);
    if (config.fail_if_no_peer_cert && !config.verify_peer)
        return fmt::format("{}.fail_if_no_peer_cert: needs verify = verify_peer", config.key);
    if (config.crl_check != CrlCheck::off && !config.verify_peer)
        return fmt::format("{}.crl_check: needs verify = verify_peer", config.key);
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
