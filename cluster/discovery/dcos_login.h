// DcosLogin: a service account of DC/OS becomes a token: a JWT signed with its key is exchanged at the login endpoint. One thread.
#pragma once

#include "cluster/discovery/http_client.h"

#include <string>
#include <string_view>

namespace lvt::discovery {

/// A service account's secret, as DC/OS hands it out.
struct DcosAccount {
    std::string uid;
    std::string private_key;  // PEM
    std::string login_endpoint;
};

/// From {"uid", "private_key", "scheme": "RS256", "login_endpoint"}. ErrorKind::invalid says what is missing.
[[nodiscard]] Result<DcosAccount> parse_dcos_account(std::string_view text);

/// {"uid", "exp"} signed with RS256. ErrorKind::invalid: the key is no RSA key. `end` since 1970.
[[nodiscard]] Result<std::string> dcos_jwt(const DcosAccount& account, Milliseconds end);

/// The token to send as "Authorization: token=...".
[[nodiscard]] DiscoveryResult<std::string> dcos_login(
    const DcosAccount& account, HttpClient& http, const Clock& clock);

}  // namespace lvt::discovery
