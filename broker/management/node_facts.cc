#include "broker/management/node_facts.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace lvt::broker {
namespace {

namespace json = boost::json;

std::uint64_t number(const json::object& from, std::string_view key) {
    const json::value* const value = from.if_contains(key);
    boost::system::error_code error;
    const auto out = value ? value->to_number<std::uint64_t>(error) : 0;
    return error ? 0 : out;
}

std::string text(const json::object& from, std::string_view key) {
    const json::value* const value = from.if_contains(key);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool is_set(const json::object& from, std::string_view key) {
    const json::value* const value = from.if_contains(key);
    return value && value->is_bool() && value->get_bool();
}

struct Number {
    std::string_view key;
    std::uint64_t NodeFacts::*member;
};
constexpr Number kNumbers[] = {
    {"uptime", &NodeFacts::uptime_ms},
    {"mem_used", &NodeFacts::memory_bytes},
    {"mem_limit", &NodeFacts::memory_limit_bytes},
    {"disk_free", &NodeFacts::disk_free_bytes},
    {"disk_free_limit", &NodeFacts::disk_free_limit_bytes},
    {"fd_used", &NodeFacts::files_open},
    {"fd_total", &NodeFacts::files_max},
};

}  // namespace

std::string encode_node_facts(const ToldFacts& facts) {
    json::array listeners;
    for (const ListeningAt& one : facts.listeners)
        listeners.push_back(
            json::object{{"protocol", one.protocol}, {"address", one.address}, {"port", one.port}});
    json::object out{
        {"listeners", std::move(listeners)},
        {"pid", facts.pid},
        {"processors", facts.processors},
        {"mem_alarm", facts.memory_alarm},
        {"disk_alarm", facts.disk_alarm},
        {"accepts_clients", facts.accepts_clients},
        {"product", facts.product},
        {"version", facts.version}};
    for (const Number& one : kNumbers) out[one.key] = facts.*one.member;
    return json::serialize(out);
}

std::optional<ToldFacts> decode_node_facts(std::string_view text_given) {
    boost::system::error_code error;
    const json::value value = json::parse(text_given, error);
    const json::object* const from = error ? nullptr : value.if_object();
    if (!from) return std::nullopt;
    ToldFacts out;
    const json::value* const listeners = from->if_contains("listeners");
    for (const json::value& one :
         listeners && listeners->is_array() ? listeners->get_array() : json::array()) {
        if (!one.is_object()) continue;
        const json::object& row = one.get_object();
        out.listeners.push_back(
            {text(row, "protocol"),
             text(row, "address"),
             static_cast<std::uint16_t>(number(row, "port"))});
    }
    for (const Number& one : kNumbers) out.*one.member = number(*from, one.key);
    out.pid = static_cast<std::int64_t>(number(*from, "pid"));
    out.processors = static_cast<unsigned>(number(*from, "processors"));
    out.memory_alarm = is_set(*from, "mem_alarm");
    out.disk_alarm = is_set(*from, "disk_alarm");
    out.accepts_clients = is_set(*from, "accepts_clients");
    out.product = text(*from, "product");
    out.version = text(*from, "version");
    return out;
}

}  // namespace lvt::broker
