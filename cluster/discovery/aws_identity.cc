#include "cluster/discovery/aws_identity.h"

#include "cluster/discovery/json_access.h"
#include "cluster/discovery/node_name.h"

#include <fmt/format.h>
#include <pugixml.hpp>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <iterator>

namespace lvt::discovery {
namespace {

namespace json = boost::json;

constexpr Milliseconds kRenewBefore{5 * 60 * 1000};
constexpr Milliseconds kMetadataTimeout{2250};
constexpr int kMetadataTokenSeconds = 60;

std::string content(const std::string& path) {
    std::ifstream file{path};
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text;
}

std::string_view trimmed(std::string_view text) {
    const auto is_blank = [](char octet) { return octet == ' ' || octet == '\t' || octet == '\r'; };
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

std::optional<AwsKeys> keys_of(const json::value& body) {
    AwsKeys out{
        text_of(body, "AccessKeyId"),
        text_of(body, "SecretAccessKey"),
        text_of(body, "Token"),
        parse_aws_time(text_of(body, "Expiration"))};
    if (out.access_key_id.empty() || out.secret_key.empty()) return {};
    return out;
}

/// A container's credentials are fetched over TLS, or from addresses that nobody else can have.
bool may_be_asked_for_keys(std::string_view url) {
    if (url.starts_with("https://")) return true;
    static constexpr std::string_view kScheme = "http://";
    if (!url.starts_with(kScheme)) return false;
    url.remove_prefix(kScheme.size());
    const std::optional<HostPort> address = parse_host_port(url.substr(0, url.find_first_of("/?")));
    if (!address) return false;
    const std::string& host = address->host;
    return host == "localhost" || host == "::1" || host == "169.254.170.2" ||
           host == "169.254.170.23" || host == "fd00:ec2::23" ||
           (is_address(host) && host.starts_with("127."));
}

}  // namespace

std::string aws_file_value(std::string_view text, std::string_view profile, std::string_view key) {
    bool inside = false;
    std::string out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view whole = text.substr(0, end);
        const std::string_view line = trimmed(whole);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.front() == '#' || line.front() == ';') continue;
        if (line.front() == '[') {
            const std::string_view name = trimmed(line.substr(1, line.find(']') - 1));
            inside = name == profile || name == fmt::format("profile {}", profile);
            continue;
        }
        const std::size_t equals = line.find('=');
        const bool nested = whole.front() == ' ' || whole.front() == '\t';
        if (!inside || nested || equals == std::string_view::npos) continue;
        if (trimmed(line.substr(0, equals)) == key) out = trimmed(line.substr(equals + 1));
    }
    return out;
}

std::optional<Milliseconds> parse_aws_time(const std::string& text) {
    std::tm parts{};
    const char* const end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (!end) return {};
    return Milliseconds{static_cast<std::int64_t>(::timegm(&parts)) * 1000};
}

AwsIdentity::AwsIdentity(const Context& context, HttpClient& http)
    : settings_(context.settings),
      environment_(context.environment),
      log_(context.log),
      clock_(context.clock),
      http_(http) {
    metadata_base_ = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    if (metadata_base_.empty())
        metadata_base_ = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE") == "IPv6"
                             ? "http://[fd00:ec2::254]"
                             : "http://169.254.169.254";
    while (metadata_base_.ends_with('/')) metadata_base_.pop_back();
}

std::string AwsIdentity::variable(const std::string& name) const {
    const auto found = environment_.find(name);
    return found == environment_.end() ? std::string{} : found->second;
}

std::string AwsIdentity::profile_value(const std::string& key) const {
    std::string profile = variable("AWS_PROFILE");
    if (profile.empty()) profile = variable("AWS_DEFAULT_PROFILE");
    if (profile.empty()) profile = "default";
    const std::pair<const char*, const char*> files[] = {
        {"AWS_CONFIG_FILE", "/.aws/config"}, {"AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials"}};
    for (const auto& [name, place] : files) {
        std::string path = variable(name);
        if (path.empty()) path = variable("HOME") + place;
        std::string value = aws_file_value(content(path), profile, key);
        if (!value.empty()) return value;
    }
    return {};
}

std::optional<AwsKeys> AwsIdentity::keys_at_hand() const {
    AwsKeys out{settings_.text("access_key_id"), settings_.text("secret_key"), {}, {}};
    // Keys of the file stand alone; those of the environment may have a token with them.
    if (out.access_key_id == variable("AWS_ACCESS_KEY_ID"))
        out.session_token = variable("AWS_SESSION_TOKEN");
    if (!out.access_key_id.empty() && !out.secret_key.empty()) return out;
    return {};
}

DiscoveryResult<AwsKeys> AwsIdentity::keys() {
    if (keys_ && (!keys_->end || *keys_->end - kRenewBefore > clock_.now().wall)) return *keys_;
    keys_ = keys_at_hand();
    if (keys_) return *keys_;
    const auto keep = [this](DiscoveryResult<AwsKeys> found, std::string_view whose) {
        if (found.has_error()) return found;
        log_.log(LogLevel::info, "peer discovery: aws: has the keys of {}", whose);
        keys_ = *found;
        return found;
    };
    if (!variable("AWS_WEB_IDENTITY_TOKEN_FILE").empty() && !variable("AWS_ROLE_ARN").empty())
        return keep(keys_of_web_identity(), "the web identity " + variable("AWS_ROLE_ARN"));
    AwsKeys stored{
        profile_value("aws_access_key_id"),
        profile_value("aws_secret_access_key"),
        profile_value("aws_session_token"),
        {}};
    if (!stored.access_key_id.empty() && !stored.secret_key.empty())
        return keep(std::move(stored), "a profile");
    if (!variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").empty() ||
        !variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").empty())
        return keep(keys_of_container(), "the container");
    if (variable("AWS_EC2_METADATA_DISABLED") == "true")
        return permanent(
            "aws: no keys: neither settings, environment nor a profile has any, and the metadata "
            "service is switched off");
    return keep(keys_of_instance(), "the instance");
}

DiscoveryResult<AwsKeys> AwsIdentity::keys_of_web_identity() {
    static constexpr std::string_view kWhat = "aws: keys of the web identity";
    const std::string token = content(variable("AWS_WEB_IDENTITY_TOKEN_FILE"));
    if (token.empty())
        return permanent(fmt::format(
            "{}: {} cannot be read or is empty", kWhat, variable("AWS_WEB_IDENTITY_TOKEN_FILE")));
    DiscoveryResult<std::string> base = endpoint("sts");
    if (base.has_error()) return std::move(base).error();
    std::string session = variable("AWS_ROLE_SESSION_NAME");
    if (session.empty()) session = "leveret";
    const HttpRequest request{
        .method = "POST",
        .url = *base + "/",
        .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
        .body = fmt::format(
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName={}"
            "&WebIdentityToken={}",
            url_escaped(variable("AWS_ROLE_ARN")),
            url_escaped(session),
            url_escaped(token)),
        .secret_answer = true};
    DiscoveryResult<HttpResponse> response = http_.perform(request);
    if (response.has_error()) return std::move(response).error();
    if (!response->ok()) return fault_of(kWhat, *response);
    pugi::xml_document document;
    document.load_buffer(response->body.data(), response->body.size());
    const pugi::xml_node found = document.child("AssumeRoleWithWebIdentityResponse")
                                     .child("AssumeRoleWithWebIdentityResult")
                                     .child("Credentials");
    AwsKeys out{
        found.child_value("AccessKeyId"),
        found.child_value("SecretAccessKey"),
        found.child_value("SessionToken"),
        parse_aws_time(found.child_value("Expiration"))};
    if (out.access_key_id.empty() || out.secret_key.empty())
        return transient(fmt::format("{}: the answer holds none", kWhat));
    return out;
}

DiscoveryResult<AwsKeys> AwsIdentity::keys_of_container() {
    static constexpr std::string_view kWhat = "aws: keys of the container";
    const std::string relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    HttpRequest request{
        .url = relative.empty() ? variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")
                                : "http://169.254.170.2" + relative,
        .secret_answer = true,
        .without_proxy = true};
    if (!may_be_asked_for_keys(request.url))
        return permanent(fmt::format(
            "{}: AWS_CONTAINER_CREDENTIALS_FULL_URI: expected https, or an address of the machine",
            kWhat));
    std::string token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (const std::string path = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !path.empty())
        token = content(path);
    if (!token.empty()) request.headers.emplace_back("Authorization", token);
    DiscoveryResult<HttpResponse> response = http_.perform(request);
    if (response.has_error()) return std::move(response).error();
    if (!response->ok()) return fault_of(kWhat, *response);
    const std::optional<json::value> body = response->json();
    std::optional<AwsKeys> out = body ? keys_of(*body) : std::nullopt;
    if (!out) return transient(fmt::format("{}: the answer holds none", kWhat));
    return *std::move(out);
}

DiscoveryResult<AwsKeys> AwsIdentity::keys_of_instance() {
    static constexpr std::string_view kPath = "/latest/meta-data/iam/security-credentials";
    DiscoveryResult<std::string> role = metadata(kPath);
    if (role.has_error()) return std::move(role).error();
    const std::string name = role->substr(0, role->find('\n'));
    DiscoveryResult<std::string> text = metadata(fmt::format("{}/{}", kPath, name), true);
    if (text.has_error()) return std::move(text).error();
    const std::optional<json::value> body = HttpResponse{200, *text, {}}.json();
    std::optional<AwsKeys> out = body ? keys_of(*body) : std::nullopt;
    if (!out) return transient(fmt::format("aws: keys of role {}: the answer holds none", name));
    return *std::move(out);
}

DiscoveryResult<void> AwsIdentity::fetch_metadata_token() {
    if (!settings_.boolean("prefer_imdsv2")) return {};
    const Milliseconds now = clock_.now().wall;
    if (!metadata_token_.empty() && now < metadata_token_end_) return {};
    metadata_token_.clear();
    const HttpRequest request{
        .method = "PUT",
        .url = metadata_base_ + "/latest/api/token",
        .headers =
            {{"X-aws-ec2-metadata-token-ttl-seconds", std::to_string(kMetadataTokenSeconds)}},
        .timeout = kMetadataTimeout,
        .secret_answer = true,
        .without_proxy = true};
    DiscoveryResult<HttpResponse> response = http_.perform(request);
    if (response.has_error() && response.error().failure == Failure::cancelled)
        return std::move(response).error();
    if (response.has_value() && response->ok()) {
        metadata_token_ = response->body;
        metadata_token_end_ = now + Milliseconds{kMetadataTokenSeconds * 900};
        return {};
    }
    log_.log(
        LogLevel::warning,
        "peer discovery: aws: no token of the metadata service ({}), asking without; in a "
        "container its hop limit must be 2",
        response.has_error() ? response.error().message
                             : fmt::format("status {}", response->status));
    return {};
}

DiscoveryResult<std::string> AwsIdentity::metadata(std::string_view path, bool secret) {
    DiscoveryResult<void> token = fetch_metadata_token();
    if (token.has_error()) return std::move(token).error();
    HttpRequest request{
        .url = metadata_base_ + std::string{path},
        .timeout = kMetadataTimeout,
        .secret_answer = secret,
        .without_proxy = true};
    if (!metadata_token_.empty())
        request.headers.emplace_back("X-aws-ec2-metadata-token", metadata_token_);
    DiscoveryResult<HttpResponse> response = http_.perform(request);
    if (response.has_error()) return std::move(response).error();
    if (!response->ok()) return fault_of(fmt::format("aws: metadata service: {}", path), *response);
    if (response->body.empty())
        return transient(fmt::format("aws: metadata service: {}: nothing", path));
    return std::move(response->body);
}

DiscoveryResult<std::string> AwsIdentity::region() {
    if (!region_.empty()) return region_;
    for (const std::string& said :
         {settings_.text("region"),
          variable("AWS_REGION"),
          variable("AWS_DEFAULT_REGION"),
          profile_value("region")}) {
        if (said.empty()) continue;
        region_ = said;
        return region_;
    }
    if (variable("AWS_EC2_METADATA_DISABLED") == "true") return std::string{"us-east-1"};
    DiscoveryResult<std::string> zone = metadata("/latest/meta-data/placement/availability-zone");
    if (zone.has_error()) return zone;
    region_ = zone->substr(0, zone->size() - 1);
    log_.log(LogLevel::info, "peer discovery: aws: the region is {}", region_);
    return region_;
}

DiscoveryResult<std::string> AwsIdentity::instance_id() {
    return metadata("/latest/meta-data/instance-id");
}

DiscoveryResult<std::string> AwsIdentity::endpoint(std::string_view service) {
    const std::string said = settings_.text(fmt::format("endpoint.{}", service));
    if (!said.empty()) return said.ends_with('/') ? said.substr(0, said.size() - 1) : said;
    DiscoveryResult<std::string> where = region();
    if (where.has_error()) return where;
    return fmt::format(
        "https://{}.{}.amazonaws.com{}", service, *where, where->starts_with("cn-") ? ".cn" : "");
}

}  // namespace lvt::discovery
