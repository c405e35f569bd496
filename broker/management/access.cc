// Who may ask what: logins, tags, and pages of other origins.
#include "broker/auth/password_hash.h"
#include "broker/core/topology.h"
#include "broker/management/management_api.h"
#include "protocol/amqp/octet_text.h"

#include <algorithm>

namespace lvt::broker {

namespace {

constexpr const char* kRealm = "Basic realm=\"RabbitMQ Management\"";

void ask_for_login(const CallPtr& call) { call->done(401, {{"www-authenticate", kRealm}}); }

bool is_change(http::Verb verb) {
    return verb != http::Verb::get && verb != http::Verb::head && verb != http::Verb::options;
}

bool is_allowed(const ApiOptions& options, std::string_view origin) {
    return std::any_of(
        options.cors_origins.begin(), options.cors_origins.end(), [&](const std::string& one) {
            return one == "*" || one == origin;
        });
}

/// "https://host:1" is the origin of what comes from there.
bool is_same_origin(std::string_view origin, std::string_view host) {
    const std::size_t scheme = origin.find("://");
    return scheme != std::string_view::npos && origin.substr(scheme + 3) == host;
}

}  // namespace

bool identify(const CallPtr& call) {
    if (!call->for_member) {
        if (!authenticate(call)) return false;
        ++call->api.attempts->succeeded;
        return true;
    }
    if (call->for_member->owner) {
        call->visitor = Visitor::the_owner();
        return true;
    }
    // It has logged in there; here it may be gone already.
    const User* const user = call->api.core.topology().find_user(call->for_member->user);
    if (!user) {
        call->refuse_login("Login failed");
        return false;
    }
    call->visitor = Visitor::of(*user);
    return true;
}

bool authenticate(const CallPtr& call) {
    const std::string_view header = call->request.header("authorization");
    if (header.empty() && call->request.trusted) {
        call->visitor = Visitor::the_owner();
        return true;
    }
    if (header.empty()) {
        ask_for_login(call);
        return false;
    }
    const auto credentials = http::basic_credentials(header);
    const User* const user =
        credentials ? call->api.core.topology().find_user(credentials->user) : nullptr;
    // A user who is not there takes as long.
    const bool proved = verify_password(
        credentials ? credentials->password : std::string(), user ? user->password_hash : Bytes());
    if (!user || !proved) {
        if (credentials)
            call->api.log.log(
                LogLevel::warning,
                "HTTP access denied: user {} - invalid credentials",
                amqp::octet_text(credentials->user));
        ++call->api.attempts->failed;
        call->refuse_login("Login failed");
        return false;
    }
    if (!call->request.loopback && call->api.options.loopback_users.contains(user->name)) {
        ++call->api.attempts->failed;
        call->refuse_login("User can only log in via localhost");
        return false;
    }
    call->visitor = Visitor::of(*user);
    return true;
}

bool authorise(const CallPtr& call, Access access) {
    const Visitor& visitor = call->visitor;
    const auto check = [&](bool granted, const char* reason) {
        if (!granted) call->refuse(reason);
        return granted;
    };
    // Whether there is such a virtual host is told later.
    const bool enters = call->vhost.empty() || !call->find_vhost() || visitor.administrator ||
                        call->may_enter(call->vhost);
    if (access == Access::open) return true;
    if (!check(visitor.manager, "Not management user")) return false;
    switch (access) {
        case Access::open:
        case Access::manager:
            return true;
        case Access::monitor:
            return check(visitor.monitor, "Not monitor user");
        case Access::administrator:
            return check(visitor.administrator, "Not administrator user");
        case Access::vhost:
            return check(enters, "User not authorised to access virtual host");
        case Access::visible_vhost:
            return check(enters || visitor.monitor, "User not authorised to access virtual host");
        case Access::policymaker:
            return check(visitor.policymaker && enters, "User not authorised to access object");
    }
    return false;
}

http::Headers cors_headers(const ApiOptions& options, const http::Request& request) {
    const std::string_view origin = request.header("origin");
    http::Headers headers{{"vary", "origin"}};
    if (origin.empty() || !is_allowed(options, origin)) return headers;
    headers.emplace_back("access-control-allow-origin", origin);
    headers.emplace_back("access-control-allow-credentials", "true");
    if (request.verb != http::Verb::options) return headers;
    headers.emplace_back("access-control-allow-methods", "HEAD, GET, PUT, POST, DELETE, OPTIONS");
    headers.emplace_back("access-control-max-age", std::to_string(options.cors_max_age_s));
    const std::string_view asked = request.header("access-control-request-headers");
    if (!asked.empty()) headers.emplace_back("access-control-allow-headers", asked);
    return headers;
}

bool is_forged(const ApiOptions& options, const http::Request& request) {
    if (!is_change(request.verb)) return false;
    const std::string_view origin = request.header("origin");
    if (!origin.empty())
        return !is_allowed(options, origin) && !is_same_origin(origin, request.header("host"));
    return request.header("sec-fetch-site") == "cross-site";
}

}  // namespace lvt::broker
