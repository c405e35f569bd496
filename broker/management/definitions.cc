#include "broker/management/definitions.h"

#include "broker/auth/password_hash.h"
#include "broker/core/policy.h"
#include "broker/management/table_json.h"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <functional>
#include <set>

namespace lvt::broker {
namespace {

namespace json = boost::json;

/// What is wrong with a file; caught by read_definitions.
struct Fault {
    std::string message;
};

/// One element of a list of the file, which knows where it stands.
class Item {
public:
    Item(const json::object& object, std::string where)
        : object_(object), where_(std::move(where)) {}

    const json::value* find(std::string_view key) const {
        const json::value* const value = object_.if_contains(key);
        return value && !value->is_null() && value->if_string() != nullptr &&
                       value->get_string() == "undefined"
                   ? nullptr
                   : value;
    }
    Bytes text(std::string_view key) const {
        const json::value* const value = find(key);
        if (!value) throw Fault{fmt::format("{}: field '{}' is missing", where_, key)};
        if (!value->is_string()) throw wrong(key, "a string");
        return Bytes(value->get_string());
    }
    Bytes text_or(std::string_view key, ByteView fallback) const {
        return object_.contains(key) && !object_.at(key).is_null() ? text(key) : Bytes(fallback);
    }
    bool flag(std::string_view key, bool fallback) const {
        const json::value* const value = find(key);
        if (!value) return fallback;
        if (!value->is_bool()) throw wrong(key, "true or false");
        return value->get_bool();
    }
    std::int32_t number(std::string_view key, std::int32_t fallback) const {
        const json::value* const value = find(key);
        if (!value) return fallback;
        const std::int64_t* const number = value->if_int64();
        if (!number || *number < INT32_MIN || *number > INT32_MAX) throw wrong(key, "a number");
        return static_cast<std::int32_t>(*number);
    }
    /// An object, or what RabbitMQ 3.10 makes of one in some places: [] or [["key", value], ...].
    amqp::Table table(std::string_view key) const {
        const json::value* const value = find(key);
        if (!value) return {};
        json::object pairs;
        if (const json::array* const array = value->if_array()) {
            for (const json::value& element : *array) {
                const json::array* const pair = element.if_array();
                if (!pair || pair->size() != 2 || !pair->at(0).is_string())
                    throw wrong(key, "an object");
                pairs[pair->at(0).get_string()] = pair->at(1);
            }
        }
        auto table = table_of(value->is_array() ? json::value(pairs) : *value);
        if (table.has_error())
            throw Fault{fmt::format("{}: field '{}' {}", where_, key, table.error().message)};
        return std::move(*table);
    }
    /// A list of words, or one string with commas.
    std::vector<Bytes> words(std::string_view key) const {
        std::vector<Bytes> out;
        const json::value* const value = find(key);
        if (!value) return out;
        if (const json::string* const text = value->if_string()) {
            Bytes word;
            for (const char c : Bytes(*text) + ",") {
                if (c != ',') {
                    if (c != ' ') word += c;
                } else if (!word.empty()) {
                    out.push_back(std::exchange(word, {}));
                }
            }
            return out;
        }
        if (!value->is_array()) throw wrong(key, "a list");
        for (const json::value& element : value->get_array()) {
            if (!element.is_string()) throw wrong(key, "a list of strings");
            out.emplace_back(element.get_string());
        }
        return out;
    }
    Item object(std::string_view key) const {
        const json::value* const value = object_.if_contains(key);
        if (!value || !value->is_object()) throw wrong(key, "an object");
        return {value->get_object(), where_ + "." + std::string(key)};
    }
    bool has(std::string_view key) const { return object_.contains(key); }
    const std::string& where() const { return where_; }

private:
    Fault wrong(std::string_view key, std::string_view what) const {
        return {fmt::format("{}: field '{}' must be {}", where_, key, what)};
    }

    const json::object& object_;
    std::string where_;
};

class Reader {
public:
    Reader(const json::object& file, std::string_view vhost, Random& random)
        : file_(file), vhost_(vhost), random_(random) {}

    Definitions read() {
        each("vhosts", [this](const Item& item) { vhost(item); });
        each("users", [this](const Item& item) { user(item); });
        each("permissions", [this](const Item& item) {
            add(PutPermissions{
                item.text("user"),
                vhost_of(item),
                item.text("configure"),
                item.text("write"),
                item.text("read")});
        });
        each("topic_permissions", [this](const Item& item) {
            add(PutTopicPermissions{
                item.text("user"),
                vhost_of(item),
                item.text("exchange"),
                item.text("write"),
                item.text("read")});
        });
        each("parameters", [this](const Item& item) { parameter(item); });
        each("global_parameters", [this](const Item& item) {
            const json::value* const value = item.find("value");
            if (!value) throw Fault{item.where() + ": field 'value' is missing"};
            // Every cluster has its own.
            if (item.text("name") == "internal_cluster_id") return;
            add(PutGlobalParameter{item.text("name"), json::serialize(*value)});
        });
        each("policies", [this](const Item& item) {
            policy(item, item.text("name"), vhost_of(item), false);
        });
        each("exchanges", [this](const Item& item) { exchange(item); });
        each("queues", [this](const Item& item) { queue(item); });
        each("bindings", [this](const Item& item) { binding(item); });
        for (const auto& [name, value] : file_) {
            if (!known_.contains(std::string(name)) && !value.is_string())
                ignore(fmt::format("'{}'", std::string_view(name)));
        }
        return std::move(out_);
    }

private:
    void add(MetadataCommand command) { out_.commands.push_back(std::move(command)); }
    void ignore(std::string what) { out_.ignored.push_back("definitions: ignored " + what); }
    Bytes vhost_of(const Item& item) const { return item.text_or("vhost", vhost_); }

    void each(const char* list, const std::function<void(const Item&)>& take) {
        known_.insert(list);
        const json::value* const value = file_.if_contains(list);
        if (!value) return;
        if (!value->is_array()) throw Fault{fmt::format("'{}' must be a list", list)};
        std::size_t index = 0;
        for (const json::value& element : value->get_array()) {
            const std::string where = fmt::format("{}[{}]", list, index++);
            if (!element.is_object()) throw Fault{where + " must be an object"};
            take(Item(element.get_object(), where));
        }
    }

    void vhost(const Item& item) {
        const Bytes name = item.text("name");
        add(PutVhost{name});
        DescribeVhost about{name, {}, {}, {}};
        const auto take = [&](const Item& from) {
            if (from.find("description")) about.description = from.text("description");
            if (from.find("tags")) about.tags = from.words("tags");
            if (from.find("default_queue_type"))
                about.default_queue_type = from.text("default_queue_type");
        };
        take(item);
        if (item.has("metadata")) take(item.object("metadata"));
        if (!about.description.empty() || !about.tags.empty() || !about.default_queue_type.empty())
            add(about);
        if (amqp::Table limits = item.table("limits"); !limits.empty())
            add(PutLimits{false, name, std::move(limits)});
    }

    void user(const Item& item) {
        const Bytes name = item.text("name");
        Bytes hash;
        if (item.has("password"))
            hash = hash_password(item.text("password"), random_.bytes(4));
        else
            hash = item.text("password_hash");
        const Bytes algorithm = item.text_or("hashing_algorithm", "");
        if (!hash.empty() && !is_password_hash(hash, algorithm)) {
            throw Fault{fmt::format(
                "{}: field 'password_hash' is no hash of '{}'", item.where(), algorithm)};
        }
        add(PutUser{name, std::move(hash), item.words("tags")});
        if (amqp::Table limits = item.table("limits"); !limits.empty())
            add(PutLimits{true, name, std::move(limits)});
    }

    void policy(const Item& item, Bytes name, Bytes vhost, bool of_operator) {
        PutPolicy command{
            std::move(vhost),
            std::move(name),
            of_operator,
            item.text("pattern"),
            item.text_or("apply-to", "all"),
            item.number("priority", 0),
            {}};
        const amqp::Table definition = item.table("definition");
        for (const auto& [key, value] : definition.view()) {
            if (is_policy_key(key, of_operator))
                command.definition.add_value(key, value);
            else
                ignore(fmt::format("'{}' of policy '{}'", key, command.name));
        }
        if (command.definition.empty()) return ignore(fmt::format("policy '{}'", command.name));
        if (const Bytes fault = fault_in_policy(command); !fault.empty())
            throw Fault{fmt::format("{}: {}", item.where(), fault)};
        add(std::move(command));
    }

    void parameter(const Item& item) {
        const Bytes component = item.text("component");
        if (component == "operator_policy")
            policy(item.object("value"), item.text("name"), vhost_of(item), true);
        else if (component == "vhost-limits")
            add(PutLimits{false, vhost_of(item), item.table("value")});
        else
            ignore(fmt::format("parameter '{}' of {}", item.text("name"), component));
    }

    void exchange(const Item& item) {
        const Bytes name = item.text("name");
        if (name.empty() || name.starts_with("amq.")) return;
        add(PutExchange{
            vhost_of(item),
            name,
            item.text("type"),
            item.flag("durable", true),
            item.flag("auto_delete", false),
            item.flag("internal", false),
            item.table("arguments")});
    }

    void queue(const Item& item) {
        PutQueue command;
        command.vhost = vhost_of(item);
        command.name = item.text("name");
        command.durable = item.flag("durable", true);
        command.auto_delete = item.flag("auto_delete", false);
        command.arguments = item.table("arguments");
        const Bytes type = item.text_or("type", "classic");
        if (type != "classic" && !command.arguments.find("x-queue-type"))
            command.arguments.add_string("x-queue-type", type);
        add(std::move(command));
    }

    void binding(const Item& item) {
        const Bytes source = item.text("source");
        if (source.empty()) return;
        const Bytes kind = item.text_or("destination_type", "queue");
        if (kind != "queue" && kind != "exchange") {
            throw Fault{fmt::format(
                "{}: field 'destination_type' must be queue or exchange", item.where())};
        }
        add(PutBinding{
            vhost_of(item),
            source,
            kind == "queue",
            item.text("destination"),
            item.text_or("routing_key", ""),
            item.table("arguments")});
    }

    const json::object& file_;
    Bytes vhost_;
    Random& random_;
    Definitions out_;
    std::set<std::string> known_;
};

}  // namespace

Result<Definitions> read_definitions(
    std::string_view text, std::string_view vhost, Random& random) {
    json::parse_options options;
    options.max_depth = 2 * amqp::kNestingMax;
    boost::system::error_code error;
    const json::value file = json::parse(text, error, {}, options);
    if (error) return Error{ErrorKind::invalid, "not JSON: " + error.message()};
    if (!file.is_object()) return Error{ErrorKind::invalid, "must be a JSON object"};
    try {
        return Reader(file.get_object(), vhost, random).read();
    } catch (const Fault& fault) {
        return Error{ErrorKind::invalid, fault.message};
    }
}

std::string fault_of_import(const AdminReply& reply) {
    switch (reply.outcome) {
        case AdminOutcome::done:
            return {};
        case AdminOutcome::no_such_user:
            return fmt::format("definitions: user '{}' does not exist", reply.text);
        case AdminOutcome::no_such_vhost:
            return fmt::format("definitions: virtual host '{}' does not exist", reply.text);
        default:
            return "definitions: " + reply.text;
    }
}

}  // namespace lvt::broker
