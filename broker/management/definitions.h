// Definitions in RabbitMQ's JSON form: users, virtual hosts, permissions, policies, limits, exchanges, queues and bindings, as
// rabbitmqctl export_definitions and the management plugin write them (3.x and 4.x), and as they are imported.
#pragma once

#include "broker/core/admin_request.h"
#include "protocol/base/random.h"
#include "protocol/base/result.h"

#include <boost/json/object.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace lvt::broker {

class Topology;

struct Definitions {
    /// In an order in which each finds what it needs.
    std::vector<MetadataCommand> commands;
    /// What was left out, one line each: for the log.
    std::vector<std::string> ignored;
};

/// `vhost`: where things belong that name no virtual host (the form that is exported for a single one). `random`: for the salts of
/// passwords in clear. invalid where a field is missing or of a wrong type; the message names it.
[[nodiscard]] Result<Definitions> read_definitions(
    std::string_view text, std::string_view vhost, Random& random);

/// What stopped an import, for a human being; empty: nothing did.
[[nodiscard]] std::string fault_of_import(const AdminReply& reply);

/// Everything that survives a restart, but what every virtual host has by itself.
[[nodiscard]] boost::json::object write_definitions(
    const Topology& topology, std::string_view version);

}  // namespace lvt::broker
