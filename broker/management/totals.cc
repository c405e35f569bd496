#include "broker/management/totals.h"

#include <boost/json/array.hpp>

#include <algorithm>
#include <string>
#include <unordered_map>

namespace lvt::broker {

namespace json = boost::json;

namespace {

bool is_whole(const json::value& value) { return value.is_int64() || value.is_uint64(); }

void add(json::value& to, const json::value& more) {
    if (to.is_number() && more.is_number()) {
        if (is_whole(to) && is_whole(more))
            to = to.to_number<std::int64_t>() + more.to_number<std::int64_t>();
        else
            to = to.to_number<double>() + more.to_number<double>();
    } else if (to.is_object() && more.is_object()) {
        add_numbers(to.get_object(), more.get_object());
    } else if (to.is_array() && more.is_array()) {
        json::array& all = to.get_array();
        const json::array& others = more.get_array();
        for (std::size_t i = 0; i < std::min(all.size(), others.size()); ++i)
            if (all[i].is_object()) add(all[i], others[i]);
    }
}

}  // namespace

void add_numbers(json::object& to, const json::object& more) {
    for (const auto& [key, value] : more) {
        json::value* const there = to.if_contains(key);
        if (!there)
            to.emplace(key, value);
        else if (key != "timestamp")
            add(*there, value);
    }
}

void fold_guests(std::vector<json::object>& channels) {
    const auto is_guest = [](const json::object& row) { return row.contains(kOfGuest); };
    if (std::ranges::none_of(channels, is_guest)) return;
    const auto name_of = [](const json::object& row) {
        const json::value* const name = row.if_contains("name");
        return name && name->is_string() ? std::string_view(name->get_string()) : "";
    };
    std::unordered_map<std::string_view, json::object*> own;
    for (json::object& row : channels)
        if (!is_guest(row)) own.emplace(name_of(row), &row);
    for (const json::object& guest : channels) {
        const auto client = is_guest(guest) ? own.find(name_of(guest)) : own.end();
        if (client == own.end()) continue;
        for (const char* const key :
             {"consumer_count", "messages_unacknowledged", "message_stats"}) {
            const json::value* const count = guest.if_contains(key);
            json::value* const sum = client->second->if_contains(key);
            if (count && sum) add(*sum, *count);
        }
    }
    std::erase_if(channels, is_guest);
}

}  // namespace lvt::broker
