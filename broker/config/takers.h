// What the rules of keys do with a value: into a number, a text, a member of a set.
//
// Each answers the text of what was expected if the value is wrong, and nothing if it was taken.
#pragma once

#include "broker/config/values.h"

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <set>
#include <string>

namespace lvt::broker {

inline constexpr std::size_t kNameMax = 255;
inline constexpr std::size_t kPathMax = 4095;

template <class T>
Expected take_integer(const std::string& value, std::int64_t min, std::int64_t max, T& out) {
    std::int64_t number = 0;
    Expected expected = parse_integer(value, min, max, number);
    if (expected.empty()) out = static_cast<T>(number);
    return expected;
}

inline Expected take_milliseconds(const std::string& value, std::int64_t min, Milliseconds& out) {
    std::int64_t number = 0;
    Expected expected = parse_integer(value, min, std::numeric_limits<std::int32_t>::max(), number);
    if (expected.empty()) out = Milliseconds{number};
    return expected;
}

template <class T>
Expected take_bytes(const std::string& value, std::uint64_t min, std::uint64_t max, T& out) {
    std::uint64_t number = 0;
    Expected expected = parse_byte_size(value, min, max, number);
    if (expected.empty()) out = static_cast<T>(number);
    return expected;
}

inline Expected take_limit(const std::string& value, std::optional<std::uint64_t>& out) {
    std::uint64_t number = 0;
    Expected expected = parse_information_size(value, number);
    if (expected.empty()) out = number;
    return expected;
}

inline Expected take_text(const std::string& value, std::size_t size_max, std::string& out) {
    if (value.size() > size_max || value.find('\0') != std::string::npos)
        return "at most " + std::to_string(size_max) + " octets";
    out = value;
    return {};
}

inline Expected take_member(
    const std::string& name, const std::string& value, std::set<std::string>& out) {
    bool member = false;
    Expected expected = parse_boolean(value, member);
    if (!expected.empty()) return expected;
    if (member)
        out.insert(name);
    else
        out.erase(name);
    return {};
}

inline Expected take_none(const std::string& value) {
    return value == "none" ? Expected{} : Expected{"none"};
}

inline Expected take_path(const std::string& value, std::filesystem::path& out) {
    std::string path;
    Expected expected = take_text(value, kPathMax, path);
    if (expected.empty()) out = path;
    return expected;
}

}  // namespace lvt::broker
