#include "cluster/discovery/dcos_login.h"

#include "cluster/discovery/json_access.h"
#include "protocol/base/base64.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

namespace lvt::discovery {
namespace {

namespace json = boost::json;

constexpr Milliseconds kLife{5 * 60 * 1000};

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Key read_key(const std::string& pem) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> memory{
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free};
    // No callback: a key with a passphrase is refused instead of asking at the terminal.
    const auto refuse = [](char*, int, int, void*) { return -1; };
    Key key{PEM_read_bio_PrivateKey(memory.get(), nullptr, refuse, nullptr), EVP_PKEY_free};
    if (key && EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) key.reset();
    return key;
}

std::string signature_of(const std::string& text, EVP_PKEY* key) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{
        EVP_MD_CTX_new(), EVP_MD_CTX_free};
    const auto* const octets = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t size = 0;
    if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) != 1 ||
        EVP_DigestSign(context.get(), nullptr, &size, octets, text.size()) != 1)
        return {};
    std::string out(size, '\0');
    if (EVP_DigestSign(
            context.get(),
            reinterpret_cast<unsigned char*>(out.data()),
            &size,
            octets,
            text.size()) != 1)
        return {};
    out.resize(size);
    return out;
}

}  // namespace

Result<DcosAccount> parse_dcos_account(std::string_view text) {
    boost::system::error_code error;
    const json::value parsed = json::parse(text, error);
    if (error || !parsed.is_object()) return Error{ErrorKind::invalid, "expected a JSON object"};
    DcosAccount out{
        text_of(parsed, "uid"), text_of(parsed, "private_key"), text_of(parsed, "login_endpoint")};
    for (const char* name : {"uid", "private_key", "login_endpoint"})
        if (text_of(parsed, name).empty())
            return Error{ErrorKind::invalid, fmt::format("it has no {}", name)};
    const std::string scheme = text_of(parsed, "scheme");
    if (!scheme.empty() && scheme != "RS256")
        return Error{ErrorKind::invalid, fmt::format("scheme: expected RS256, got '{}'", scheme)};
    if (!read_key(out.private_key))
        return Error{ErrorKind::invalid, "private_key is no RSA key in PEM"};
    return out;
}

Result<std::string> dcos_jwt(const DcosAccount& account, Milliseconds end) {
    const Key key = read_key(account.private_key);
    if (!key) return Error{ErrorKind::invalid, "private_key is no RSA key in PEM"};
    const std::string claims =
        json::serialize(json::object{{"uid", account.uid}, {"exp", end.count() / 1000}});
    const std::string text =
        base64url_encoded(R"({"alg":"RS256","typ":"JWT"})") + "." + base64url_encoded(claims);
    const std::string signature = signature_of(text, key.get());
    if (signature.empty()) return Error{ErrorKind::invalid, "private_key does not sign"};
    return text + "." + base64url_encoded(signature);
}

DiscoveryResult<std::string> dcos_login(
    const DcosAccount& account, HttpClient& http, const Clock& clock) {
    const std::string what = fmt::format("dcos: login of '{}'", account.uid);
    const Result<std::string> jwt = dcos_jwt(account, clock.now().wall + kLife);
    if (jwt.has_error()) return permanent(fmt::format("{}: {}", what, jwt.error().message));
    const HttpRequest request{
        .method = "POST",
        .url = account.login_endpoint,
        .headers = {{"Content-Type", "application/json"}},
        .body = json::serialize(json::object{{"uid", account.uid}, {"token", *jwt}}),
        .secret_answer = true};
    DiscoveryResult<HttpResponse> response = http.perform(request);
    if (response.has_error()) return std::move(response).error();
    if (!response->ok()) return fault_of(what, *response);
    const std::optional<json::value> body = response->json();
    std::string token = body ? text_of(*body, "token") : std::string{};
    if (token.empty()) return transient(fmt::format("{}: no token in the answer", what));
    return token;
}

}  // namespace lvt::discovery
