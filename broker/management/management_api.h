// ManagementApi: RabbitMQ's HTTP API. It finds the controller for a request, and lets it run on the core's thread once the user has proved to be
// who it says and may ask that.
#pragma once

#include "broker/http/path.h"
#include "broker/management/call.h"

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lvt::broker {

/// What a user needs for a call: all but the first want a tag, which one or any; administrators have them all.
enum class Access : unsigned char {
    open,           // no login
    manager,        // any
    monitor,        // monitoring
    administrator,  // administrator
    vhost,          // any, and permissions in the virtual host
    visible_vhost,  // as vhost, or monitoring
    policymaker,    // policymaker, and permissions in the virtual host
};

/// One verb on one path. A place named {vhost} stands for a virtual host that must exist.
struct Endpoint {
    http::Verb verb;
    std::string_view path;  // behind /api
    Access access;
    void (*run)(const CallPtr& call);
};

// The controllers, one file each.
std::span<const Endpoint> binding_endpoints();
std::span<const Endpoint> definition_endpoints();
std::span<const Endpoint> exchange_endpoints();
std::span<const Endpoint> global_parameter_endpoints();
std::span<const Endpoint> health_endpoints();
std::span<const Endpoint> node_endpoints();
std::span<const Endpoint> permission_endpoints();
std::span<const Endpoint> policy_endpoints();
std::span<const Endpoint> queue_endpoints();
std::span<const Endpoint> session_endpoints();
std::span<const Endpoint> user_endpoints();
std::span<const Endpoint> vhost_endpoints();

class ManagementApi final : public http::Handler {
public:
    /// Must outlive what it has begun.
    explicit ManagementApi(Api api);

    // The server's thread.
    /// Long bodies come from users who have logged in.
    void admit(http::Request head, std::function<void()> proceed, http::Respond refuse) override;
    void handle(http::Request request, http::Respond respond) override;

    /// Any thread: what another member asks for its user, of this node alone.
    void answer_member(MemberRequest question, http::Respond respond);

private:
    struct Choice {
        const Endpoint* endpoint = nullptr;
        /// Which of its places is the virtual host; -1: none.
        int vhost_place = -1;
    };
    using Path = std::map<http::Verb, Choice>;

    void add(const Endpoint& endpoint);
    /// What every answer to this request says of itself.
    http::Respond with_policy(const http::Request& request, http::Respond respond) const;
    bool handle_outside_api(std::string_view path, const http::Respond& respond) const;
    void begin(CallPtr call, const Choice& choice);

    const Api api_;
    http::Router router_;
    std::vector<Path> paths_;
    /// By their patterns, whatever the names of the places.
    std::map<std::string, std::size_t> known_paths_;
};

/// Parses the body of a PUT, POST or DELETE; nothing: it is sound, else what is wrong with it.
std::optional<std::string> read_body(std::string_view text, boost::json::object& out);

/// Core's thread. False: the client has been told why not.
bool identify(const CallPtr& call);
bool authenticate(const CallPtr& call);
bool authorise(const CallPtr& call, Access access);

/// Headers that let pages of other origins see the answer; see ApiOptions::cors_origins.
http::Headers cors_headers(const ApiOptions& options, const http::Request& request);
/// A page of another origin, not allowed, asks for a change (cross-site request forgery).
bool is_forged(const ApiOptions& options, const http::Request& request);

}  // namespace lvt::broker
