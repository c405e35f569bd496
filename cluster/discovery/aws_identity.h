// AwsIdentity: who this node is for AWS: its keys, its region, its instance. One thread.
//
// Keys come from the first of: the settings, the environment, a web identity (AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE), the profile in
// AWS_CONFIG_FILE (~/.aws/config) and AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials), the container's credentials service, the instance's metadata
// service (version 2, and 1 where there is no token to be had). Keys that end are fetched anew five minutes before.
#pragma once

#include "cluster/discovery/http_client.h"
#include "cluster/discovery/registry.h"

#include <optional>
#include <string>

namespace lvt::discovery {

struct AwsKeys {
    std::string access_key_id;
    std::string secret_key;
    std::string session_token;
    /// Since 1970; nothing: they do not end.
    std::optional<Milliseconds> end;
};

class AwsIdentity {
public:
    /// `http` outlives it.
    AwsIdentity(const Context& context, HttpClient& http);

    /// Permanent: nobody has any. Transient: who could have them does not answer.
    [[nodiscard]] DiscoveryResult<AwsKeys> keys();
    /// AWS does not like them any more.
    void forget_keys() { keys_.reset(); }
    [[nodiscard]] DiscoveryResult<std::string> region();
    [[nodiscard]] DiscoveryResult<std::string> instance_id();

    /// "https://ec2.us-west-2.amazonaws.com", or what settings or environment say instead.
    [[nodiscard]] DiscoveryResult<std::string> endpoint(std::string_view service);

private:
    [[nodiscard]] std::string variable(const std::string& name) const;
    [[nodiscard]] std::string profile_value(const std::string& key) const;
    [[nodiscard]] std::optional<AwsKeys> keys_at_hand() const;
    [[nodiscard]] DiscoveryResult<AwsKeys> keys_of_web_identity();
    [[nodiscard]] DiscoveryResult<AwsKeys> keys_of_container();
    [[nodiscard]] DiscoveryResult<AwsKeys> keys_of_instance();
    [[nodiscard]] DiscoveryResult<std::string> metadata(std::string_view path, bool secret = false);
    [[nodiscard]] DiscoveryResult<void> fetch_metadata_token();

    const Settings settings_;
    const StringMap environment_;
    LogSink& log_;
    const Clock& clock_;
    HttpClient& http_;
    std::string metadata_base_;
    std::optional<AwsKeys> keys_;
    std::string region_;
    std::string metadata_token_;
    Milliseconds metadata_token_end_{0};  // wall
};

/// The value of `key` in section `[profile]` or `[profile PROFILE]` of an AWS file; empty: it is not there. Nested lines are passed over.
[[nodiscard]] std::string aws_file_value(
    std::string_view text, std::string_view profile, std::string_view key);

/// "2026-11-21T12:00:00Z" since 1970; nothing: it is none.
[[nodiscard]] std::optional<Milliseconds> parse_aws_time(const std::string& text);

}  // namespace lvt::discovery
