// Reading JSON of which nothing is certain.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lvt::discovery {

/// The member, or nullptr: also where `value` is no object.
inline const boost::json::value* member(const boost::json::value& value, std::string_view name) {
    const boost::json::object* const object = value.if_object();
    return object ? object->if_contains(name) : nullptr;
}

/// The member's text; empty where there is none.
inline std::string text_of(const boost::json::value& value, std::string_view name) {
    const boost::json::value* const found = member(value, name);
    return found && found->is_string() ? std::string{found->as_string()} : std::string{};
}

/// A number, also one that stands in a string.
inline std::optional<std::int64_t> number_of(const boost::json::value& value) {
    if (value.is_int64()) return value.as_int64();
    if (value.is_uint64() && value.as_uint64() <= INT64_MAX)
        return static_cast<std::int64_t>(value.as_uint64());
    if (!value.is_string()) return {};
    const std::string_view text = value.as_string();
    std::int64_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || end != text.data() + text.size()) return {};
    return out;
}

inline std::optional<std::int64_t> number_of(
    const boost::json::value& value, std::string_view name) {
    const boost::json::value* const found = member(value, name);
    return found ? number_of(*found) : std::nullopt;
}

/// The member's elements; none where it is no array.
inline const boost::json::array& array_of(const boost::json::value& value, std::string_view name) {
    static const boost::json::array kNone;
    const boost::json::value* const found = member(value, name);
    return found && found->is_array() ? found->as_array() : kNone;
}

}  // namespace lvt::discovery
