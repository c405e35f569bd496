#include "broker/app/admin_control.h"

#include "broker/auth/password_hash.h"
#include "broker/core/topology.h"
#include "broker/management/definitions.h"
#include "broker/management/table_json.h"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace lvt::broker {

namespace json = boost::json;
using Require = ChangeDefinitions::Require;

namespace {

// Exit codes of rabbitmqctl.
constexpr int kDataError = 65;
constexpr int kNoUser = 67;
constexpr int kFailed = 69;
constexpr int kExists = 70;

json::string text(ByteView bytes) { return json::string(bytes.data(), bytes.size()); }

Result<amqp::Table> parse_object(ByteView source) {
    boost::system::error_code error;
    const json::value value = json::parse(json::string_view(source), error);
    if (error) return Error{ErrorKind::invalid, "JSON decoding error. Reason: badarg"};
    return table_of(value);
}

}  // namespace

struct AdminControl::Request {
    const json::object& args;
    ControlHandler::Done& done;

    Bytes vhost() const {
        const json::value* const value = args.if_contains("vhost");
        return value && value->is_string() ? Bytes(value->get_string()) : Bytes("/");
    }
    /// The n-th word behind the verb; empty where there is none.
    Bytes word(std::size_t index) const {
        const std::vector<Bytes> all = words(index);
        return all.empty() ? Bytes() : all.front();
    }
    std::vector<Bytes> words(std::size_t from) const {
        std::vector<Bytes> out;
        const json::value* const value = args.if_contains("args");
        if (!value || !value->is_array()) return out;
        const json::array& all = value->get_array();
        for (std::size_t i = from; i < all.size(); ++i)
            if (all[i].is_string()) out.emplace_back(all[i].get_string());
        return out;
    }
    std::optional<Bytes> option(const char* name) const {
        const json::value* const given = args.if_contains("given");
        if (!given || !given->is_object()) return std::nullopt;
        const json::value* const value = given->get_object().if_contains(name);
        if (!value || !value->is_string()) return std::nullopt;
        return Bytes(value->get_string());
    }
    void refuse(std::string error, int code) const {
        done(ControlAnswer::refusal(std::move(error), code));
    }
    void answer(json::value value) const {
        ControlAnswer answer;
        answer.value = std::move(value);
        done(std::move(answer));
    }
};

AdminControl::AdminControl(const Core& core, CoreThread& thread, LogSink& log, std::string version)
    : core_(core), thread_(thread), log_(log), version_(std::move(version)) {}

bool AdminControl::administer(
    const std::string& verb, const json::object& args, ControlHandler::Done& done) {
    Request request{args, done};
    return change_users(verb, request) || change_vhosts(verb, request) ||
           change_permissions(verb, request) || change_policies(verb, request) ||
           change_limits(verb, request) || list(verb, request) || list_permissions(verb, request) ||
           list_limits(verb, request);
}

void AdminControl::send(
    Request& request, std::vector<MetadataCommand> commands, Require require, Tone tone) {
    const auto respond = [tone, done = request.done](const AdminReply& reply) {
        const Bytes& name = reply.text;
        switch (reply.outcome) {
            case AdminOutcome::done: {
                ControlAnswer ok;
                ok.value = true;
                return done(std::move(ok));
            }
            case AdminOutcome::no_such_user:
                if (tone == Tone::limits)
                    return done(ControlAnswer::refusal(
                        fmt::format("{{:no_such_user, \"{}\"}}", name), kFailed));
                return done(ControlAnswer::refusal(
                    tone == Tone::users ? fmt::format("User \"{}\" does not exist", name)
                                        : fmt::format("User {} does not exist", name),
                    kNoUser));
            case AdminOutcome::no_such_vhost:
                if (tone == Tone::permissions)
                    return done(ControlAnswer::refusal(
                        fmt::format("Virtual host {} does not exist", name), kFailed));
                return done(ControlAnswer::refusal(
                    fmt::format("Virtual host '{}' does not exist", name), kDataError));
            case AdminOutcome::exists:
                return done(ControlAnswer::refusal(
                    fmt::format("User \"{}\" already exists", name), kExists));
            case AdminOutcome::not_found:
                return done(ControlAnswer::refusal("Parameter does not exist", kFailed));
            case AdminOutcome::unavailable:
                return done(ControlAnswer::refusal(name, kFailed));
            default:
                return done(ControlAnswer::refusal(
                    tone == Tone::users ? "Validation failed\n\n" + name + "\n" : name, kFailed));
        }
    };
    thread_.administer(ChangeDefinitions{std::move(commands), require}, respond);
}

const User* AdminControl::find_user(Request& request) const {
    return core_.topology().find_user(request.word(0));
}

bool AdminControl::change_users(const std::string& verb, Request& request) {
    const Bytes name = request.word(0);
    const User* const user = find_user(request);
    PutUser put{
        name, user ? user->password_hash : Bytes(), user ? user->tags : std::vector<Bytes>{}};
    if (verb == "add_user" || verb == "change_password") {
        if (request.option("pre-hashed-password"))
            put.password_hash = request.word(1);
        else
            put.password_hash = hash_password(request.word(1), random_.bytes(4));
        const bool add = verb == "add_user";
        if (add) put.tags.clear();
        send(request, {put}, add ? Require::absent : Require::present, Tone::users);
    } else if (verb == "clear_password") {
        put.password_hash.clear();
        send(request, {put}, Require::present, Tone::users);
    } else if (verb == "set_user_tags") {
        put.tags = request.words(1);
        send(request, {put}, Require::present, Tone::users);
    } else if (verb == "delete_user") {
        send(request, {DeleteUser{name}}, Require::present, Tone::users);
    } else if (verb == "authenticate_user") {
        authenticate(request);
    } else {
        return false;
    }
    return true;
}

void AdminControl::authenticate(Request& request) {
    const User* const user = find_user(request);
    if (verify_password(request.word(1), user ? user->password_hash : Bytes()))
        return request.answer(true);
    request.refuse(
        fmt::format(
            "Error: failed to authenticate user \"{0}\"\nuser '{0}' - invalid credentials",
            request.word(0)),
        kDataError);
}

bool AdminControl::change_vhosts(const std::string& verb, Request& request) {
    const Bytes name = request.word(0);
    if (verb == "delete_vhost") {
        send(request, {DeleteVhost{name}}, Require::present, Tone::users);
        return true;
    }
    if (verb != "add_vhost" && verb != "update_vhost_metadata") return false;
    std::vector<MetadataCommand> commands;
    if (verb == "add_vhost") commands.push_back(PutVhost{name});
    const VhostDefinitions& known = core_.topology().definitions(name);
    DescribeVhost about{name, known.description, known.tags, known.default_queue_type};
    if (const auto given = request.option("description")) about.description = *given;
    if (const auto given = request.option("default-queue-type")) about.default_queue_type = *given;
    if (const auto given = request.option("tags")) {
        about.tags.clear();
        for (std::size_t from = 0; from < given->size();) {
            const std::size_t comma = std::min(given->find(',', from), given->size());
            about.tags.push_back(given->substr(from, comma - from));
            from = comma + 1;
        }
    }
    commands.push_back(std::move(about));
    send(request, std::move(commands), Require::nothing, Tone::users);
    return true;
}

bool AdminControl::change_permissions(const std::string& verb, Request& request) {
    const Bytes user = request.word(0);
    MetadataCommand command;
    if (verb == "set_permissions")
        command = PutPermissions{
            user, request.vhost(), request.word(1), request.word(2), request.word(3)};
    else if (verb == "clear_permissions")
        command = DeletePermissions{user, request.vhost()};
    else if (verb == "set_topic_permissions")
        command = PutTopicPermissions{
            user, request.vhost(), request.word(1), request.word(2), request.word(3)};
    else if (verb == "clear_topic_permissions")
        command = DeleteTopicPermissions{user, request.vhost(), request.word(1)};
    else
        return false;
    send(request, {std::move(command)}, Require::nothing, Tone::permissions);
    return true;
}

bool AdminControl::change_policies(const std::string& verb, Request& request) {
    const bool of_operator = verb.find("operator_policy") != std::string::npos;
    if (verb == "clear_policy" || verb == "clear_operator_policy") {
        send(
            request,
            {DeletePolicy{request.vhost(), request.word(0), of_operator}},
            Require::present,
            Tone::users);
        return true;
    }
    if (verb == "import_definitions") {
        import(request);
        return true;
    }
    if (verb != "set_policy" && verb != "set_operator_policy") return false;
    auto definition = parse_object(request.word(2));
    if (definition.has_error()) {
        request.refuse(definition.error().message, kFailed);
        return true;
    }
    PutPolicy policy{
        request.vhost(),
        request.word(0),
        of_operator,
        request.word(1),
        request.option("apply-to").value_or("all"),
        std::atoi(request.option("priority").value_or("0").c_str()),
        std::move(*definition)};
    send(request, {std::move(policy)}, Require::nothing, Tone::users);
    return true;
}

bool AdminControl::change_limits(const std::string& verb, Request& request) {
    if (verb == "clear_vhost_limits") {
        send(request, {PutLimits{false, request.vhost(), {}}}, Require::present, Tone::users);
        return true;
    }
    const Bytes user = request.word(0);
    const User* const known = find_user(request);
    amqp::Table limits;
    if (verb == "clear_user_limits") {
        const Bytes which = request.word(1);
        if (known && which != "all") {
            for (const auto& [name, value] : known->limits.view())
                if (name != which) limits.add_value(name, value);
        }
        send(request, {PutLimits{true, user, std::move(limits)}}, Require::nothing, Tone::limits);
        return true;
    }
    if (verb != "set_vhost_limits" && verb != "set_user_limits") return false;
    const bool of_user = verb == "set_user_limits";
    auto given = parse_object(request.word(of_user ? 1 : 0));
    if (given.has_error()) {
        request.refuse(given.error().message, kFailed);
        return true;
    }
    limits = std::move(*given);
    // A user keeps the limits that are not named.
    if (of_user && known) {
        for (const auto& [name, value] : known->limits.view())
            if (!limits.find(name)) limits.add_value(name, value);
    }
    send(
        request,
        {PutLimits{of_user, of_user ? user : request.vhost(), std::move(limits)}},
        Require::nothing,
        of_user ? Tone::limits : Tone::users);
    return true;
}

bool AdminControl::list(const std::string& verb, Request& request) {
    const Topology& topology = core_.topology();
    json::array rows;
    if (verb == "list_users") {
        for (const auto& [name, user] : topology.users()) {
            json::array tags;
            for (const Bytes& tag : user.tags) tags.push_back(text(tag));
            rows.push_back(json::object{{"user", text(name)}, {"tags", std::move(tags)}});
        }
    } else if (verb == "list_vhosts") {
        for (const auto& [name, vhost] : topology.vhosts()) {
            const VhostDefinitions& about = topology.definitions(name);
            json::array tags;
            for (const Bytes& tag : about.tags) tags.push_back(text(tag));
            rows.push_back(json::object{
                {"name", text(name)},
                {"description", text(about.description)},
                {"tags", std::move(tags)},
                {"default_queue_type",
                 about.default_queue_type.empty() ? json::string("undefined")
                                                  : text(about.default_queue_type)},
                {"tracing", vhost->tracing}});
        }
    } else if (verb == "list_policies" || verb == "list_operator_policies") {
        if (!topology.find_vhost(request.vhost())) {
            request.refuse(
                fmt::format("Virtual host '{}' does not exist", request.vhost()), kDataError);
            return true;
        }
        const VhostDefinitions& all = topology.definitions(request.vhost());
        for (const auto& [name, policy] :
             verb == "list_policies" ? all.policies : all.operator_policies) {
            rows.push_back(json::object{
                {"vhost", text(request.vhost())},
                {"name", text(name)},
                {"pattern", text(policy.pattern)},
                {"apply-to", text(policy.apply_to)},
                {"definition", json::serialize(json_of(policy.definition))},
                {"priority", policy.priority}});
        }
    } else if (verb == "export_definitions") {
        request.answer(write_definitions(topology, version_));
        return true;
    } else {
        return false;
    }
    request.answer(std::move(rows));
    return true;
}

bool AdminControl::list_permissions(const std::string& verb, Request& request) {
    const bool topics = verb.find("topic") != std::string::npos;
    const bool of_user = verb == "list_user_permissions" || verb == "list_user_topic_permissions";
    if (!of_user && verb != "list_permissions" && verb != "list_topic_permissions") return false;
    const Topology& topology = core_.topology();
    const Bytes only_vhost = of_user ? Bytes() : request.vhost();
    if (!of_user && !topology.find_vhost(only_vhost)) {
        request.refuse(fmt::format("Virtual host '{}' does not exist", only_vhost), kDataError);
        return true;
    }
    if (of_user && !find_user(request)) {
        request.refuse(fmt::format("{{:no_such_user, \"{}\"}}", request.word(0)), kFailed);
        return true;
    }
    json::array rows;
    for (const auto& [name, user] : topology.users()) {
        if (of_user && name != request.word(0)) continue;
        for (const auto& [vhost, permissions] : user.permissions) {
            if (topics || (!of_user && vhost != only_vhost)) continue;
            rows.push_back(json::object{
                {"user", text(name)},
                {"vhost", text(vhost)},
                {"configure", text(permissions.configure.source())},
                {"write", text(permissions.write.source())},
                {"read", text(permissions.read.source())}});
        }
        for (const auto& [vhost, exchanges] : user.topic_permissions) {
            if (!topics || (!of_user && vhost != only_vhost)) continue;
            for (const auto& [exchange, permissions] : exchanges) {
                rows.push_back(json::object{
                    {"user", text(name)},
                    {"vhost", text(vhost)},
                    {"exchange", text(exchange)},
                    {"write", text(permissions.write_source)},
                    {"read", text(permissions.read_source)}});
            }
        }
    }
    request.answer(std::move(rows));
    return true;
}

bool AdminControl::list_limits(const std::string& verb, Request& request) {
    if (verb != "list_vhost_limits" && verb != "list_user_limits") return false;
    const Topology& topology = core_.topology();
    const auto show = [](const amqp::Table& limits) { return json::serialize(json_of(limits)); };
    const bool of_user = verb == "list_user_limits";
    if (request.option("global")) {
        json::array rows;
        if (of_user) {
            for (const auto& [name, user] : topology.users()) {
                if (!user.limits.empty())
                    rows.push_back(
                        json::object{{"user", text(name)}, {"limits", show(user.limits)}});
            }
        } else {
            for (const auto& [name, vhost] : topology.vhosts()) {
                const amqp::Table& limits = topology.definitions(name).limits;
                if (!limits.empty())
                    rows.push_back(json::object{{"vhost", text(name)}, {"limits", show(limits)}});
            }
        }
        request.answer(std::move(rows));
    } else if (of_user) {
        const Bytes name = request.option("user").value_or("guest");
        const User* const user = topology.find_user(name);
        if (user)
            request.answer(json::string(show(user->limits)));
        else
            request.refuse(fmt::format("{{:no_such_user, \"{}\"}}", name), kFailed);
    } else if (!topology.find_vhost(request.vhost())) {
        request.refuse(
            fmt::format("Virtual host '{}' does not exist", request.vhost()), kDataError);
    } else {
        const amqp::Table& limits = topology.definitions(request.vhost()).limits;
        request.answer(json::string(limits.empty() ? std::string() : show(limits)));
    }
    return true;
}

void AdminControl::import(Request& request) {
    auto definitions = read_definitions(request.word(0), request.vhost(), random_);
    if (definitions.has_error()) return request.refuse(definitions.error().message, kFailed);
    for (const std::string& line : definitions->ignored) log_.log(LogLevel::warning, "{}", line);
    thread_.administer(
        ChangeDefinitions{std::move(definitions->commands), Require::nothing},
        [done = request.done](const AdminReply& reply) {
            ControlAnswer answer;
            answer.value = true;
            const std::string fault = fault_of_import(reply);
            if (!fault.empty()) answer = ControlAnswer::refusal(fault, kFailed);
            done(std::move(answer));
        });
}

}  // namespace lvt::broker
