// AdminControl: verbs about users, virtual hosts, permissions, policies, limits and definitions. The core's thread only.
#pragma once

#include "broker/core/core.h"
#include "broker/ctl/control_server.h"
#include "broker/net/core_thread.h"
#include "protocol/base/log_sink.h"
#include "protocol/base/random.h"

#include <boost/json/object.hpp>

#include <string>
#include <vector>

namespace lvt::broker {

struct User;

class AdminControl {
public:
    /// All must outlive it and what it has begun. `version`: the one that clients are told, for exported definitions.
    AdminControl(const Core& core, CoreThread& thread, LogSink& log, std::string version);

    /// `args`: "vhost" ("/" unless given), "args": the words behind the verb, "given": its options by name. `done` is called once.
    /// False, and nothing is called: no such verb.
    bool administer(
        const std::string& verb, const boost::json::object& args, ControlHandler::Done& done);

private:
    struct Request;
    /// How rabbitmqctl speaks of users that are missing; it has three ways.
    enum class Tone { users, permissions, limits };

    bool change_users(const std::string& verb, Request& request);
    bool change_vhosts(const std::string& verb, Request& request);
    bool change_permissions(const std::string& verb, Request& request);
    bool change_policies(const std::string& verb, Request& request);
    bool change_limits(const std::string& verb, Request& request);
    bool list(const std::string& verb, Request& request);
    bool list_permissions(const std::string& verb, Request& request);
    bool list_limits(const std::string& verb, Request& request);
    void authenticate(Request& request);
    void import(Request& request);
    void send(
        Request& request, std::vector<MetadataCommand> commands, ChangeDefinitions::Require require,
        Tone tone);
    const User* find_user(Request& request) const;

    const Core& core_;
    CoreThread& thread_;
    LogSink& log_;
    const std::string version_;
    SystemRandom random_;
};

}  // namespace lvt::broker
