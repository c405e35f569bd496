#include "broker/management/members.h"

#include "protocol/amqp/table.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace lvt::broker {

namespace json = boost::json;

namespace {

/// Tables of clients are in rows.
constexpr std::size_t kRowDepthMax = 2 * amqp::kNestingMax + 8;

}  // namespace

std::string encode(const MemberRequest& request) {
    json::object out{{"verb", request.verb}, {"target", request.target}, {"user", request.user}};
    if (request.owner) out["owner"] = true;
    if (!request.reason.empty()) out["reason"] = request.reason;
    return json::serialize(out);
}

std::optional<MemberRequest> decode_member_request(std::string_view text) {
    boost::system::error_code error;
    const json::value value = json::parse(text, error);
    const json::object* const from = error ? nullptr : value.if_object();
    if (!from) return std::nullopt;
    const auto take = [&](std::string_view key, std::string& out) {
        const json::value* const found = from->if_contains(key);
        if (found && found->is_string()) out = std::string(found->get_string());
        return !out.empty();
    };
    MemberRequest out;
    const json::value* const owner = from->if_contains("owner");
    out.owner = owner && owner->is_bool() && owner->get_bool();
    const bool named = take("user", out.user) || out.owner;
    (void)take("reason", out.reason);
    if (!take("verb", out.verb) || !take("target", out.target) || !named) return std::nullopt;
    return out;
}

QueuePlaces::QueuePlaces(cluster::NodeId self, const std::vector<MemberSaid>& others)
    : self_(self), asked_(true) {
    for (const MemberSaid& one : others) others_[one.id] = {one.node, one.told.has_value()};
}

QueuePlaces::Place QueuePlaces::of(const Queue& queue) const {
    if (queue.home.value() == 0 || queue.home == self_) return Place::here;
    if (!asked_) return Place::elsewhere;
    const auto home = others_.find(queue.home);
    return home != others_.end() && home->second.told ? Place::elsewhere : Place::down;
}

std::string QueuePlaces::node_of(const Queue& queue) const {
    const auto home = others_.find(queue.home);
    return home != others_.end() ? home->second.node : fmt::format("{:016x}", queue.home.value());
}

MemberArrays arrays_of(std::vector<MemberSaid>& others) {
    MemberArrays out;
    for (MemberSaid& one : others)
        if (one.told && one.told->text.starts_with('[')) out.push_back(std::move(one.told->text));
    return out;
}

void append_objects(std::vector<json::object>& rows, std::string_view array) {
    boost::system::error_code error;
    json::parse_options options;
    options.max_depth = kRowDepthMax;
    json::value all = json::parse(array, error, {}, options);
    if (error || !all.is_array()) return;
    for (json::value& row : all.get_array())
        if (row.is_object()) rows.push_back(std::move(row.get_object()));
}

void append_rows(std::string& array, std::string_view more) {
    if (more.size() <= 2 || !more.starts_with('[') || !more.ends_with(']')) return;
    array.pop_back();
    if (array.size() > 1) array += ',';
    array += more.substr(1);
}

}  // namespace lvt::broker
