#include "cluster/discovery/settings.h"

#include "cluster/discovery/http_client.h"
#include "cluster/discovery/registry.h"
#include "protocol/base/assert.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace lvt::discovery {
namespace {

constexpr std::size_t kTextMax = 4095;
constexpr std::string_view kNone = "none";

std::optional<std::int64_t> number_of(std::string_view text) {
    std::int64_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || end != text.data() + text.size()) return {};
    return out;
}

std::string check_number(std::string_view text, std::int64_t min, std::int64_t max) {
    const std::optional<std::int64_t> number = number_of(text);
    if (number && *number >= min && *number <= max) return {};
    return fmt::format("an integer from {} to {}", min, max);
}

std::vector<std::string> split(std::string_view text, char at) {
    std::vector<std::string> out;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(at), text.size());
        std::string_view word = text.substr(0, end);
        while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
        while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
        if (!word.empty()) out.emplace_back(word);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

/// The last word of a map's key, whose dots are written "\.".
std::string unescaped(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) ++at;
        out += text[at];
    }
    return out;
}

bool is_group(const SettingSpec& spec) {
    return spec.kind == SettingKind::list || spec.kind == SettingKind::map;
}

/// What follows "NAME." in `name`; nothing: this is another key.
std::optional<std::string_view> word_below(const SettingSpec& spec, std::string_view name) {
    if (!is_group(spec) || !name.starts_with(spec.name)) return {};
    name.remove_prefix(spec.name.size());
    if (name.size() < 2 || name.front() != '.') return {};
    return name.substr(1);
}

const SettingSpec* find_spec(std::span<const SettingSpec> specs, std::string_view name) {
    for (const SettingSpec& spec : specs)
        if (spec.name == name || word_below(spec, name)) return &spec;
    return nullptr;
}

std::string check_entry(const SettingSpec& spec, std::string_view word, std::string_view value) {
    if (word.empty())
        return value == kNone ? "" : fmt::format("none, or values at {}.$", spec.name);
    if (spec.kind == SettingKind::list && !number_of(word))
        return fmt::format("a number behind {}.", spec.name);
    return {};
}

KeyCheck check_in(
    std::span<const SettingSpec> specs, std::string_view name, std::string_view value) {
    KeyCheck out;
    const SettingSpec* const spec = find_spec(specs, name);
    if (!spec) return out;
    out.known = true;
    out.secret = spec->secret;
    out.idle = spec->idle;
    if (!spec->idle.empty()) return out;
    out.expected = is_group(*spec) ? check_entry(*spec, word_below(*spec, name).value_or(""), value)
                                   : std::string{};
    if (out.expected.empty()) out.expected = check_value(*spec, value);
    return out;
}

KeyCheck check_of(const Mechanism& mechanism, std::string_view name, std::string_view value) {
    if (mechanism.tls.empty() || !name.starts_with(mechanism.tls))
        return check_in(mechanism.settings, name, value);
    name.remove_prefix(mechanism.tls.size());
    if (name.starts_with('.')) return check_in(tls_settings(), name.substr(1), value);
    KeyCheck out;
    out.known = name.empty();
    if (value != kNone) out.expected = "none";
    return out;
}

/// "2" comes before "10".
bool by_number(
    const std::pair<std::string, std::string>& left,
    const std::pair<std::string, std::string>& right) {
    return number_of(left.first).value_or(0) < number_of(right.first).value_or(0);
}

}  // namespace

std::string check_value(const SettingSpec& spec, std::string_view value) {
    if (value.size() > kTextMax || value.find('\0') != std::string_view::npos)
        return fmt::format("at most {} octets", kTextMax);
    switch (spec.kind) {
        case SettingKind::integer:
            return check_number(value, spec.min, spec.max);
        case SettingKind::port:
            return check_number(value, 1, 65535);
        case SettingKind::limit:
            if (value == "unlimited" || check_number(value, 1, spec.max).empty()) return {};
            return "a positive integer or unlimited";
        case SettingKind::boolean:
            return value == "true" || value == "false" ? "" : "true or false";
        case SettingKind::choice: {
            const std::vector<std::string> words = split(spec.choices, '|');
            if (std::find(words.begin(), words.end(), value) != words.end()) return {};
            return fmt::format("one of {}", fmt::join(words, ", "));
        }
        case SettingKind::text:
        case SettingKind::list:
        case SettingKind::map:
            return {};
    }
    return {};
}

KeyCheck check_key(std::string_view key, std::string_view value) {
    static constexpr std::string_view kPrefix = "cluster_formation.";
    if (key == "aws.prefer_imdsv2") return check_key("cluster_formation.aws.prefer_imdsv2", value);
    if (!key.starts_with(kPrefix)) return {};
    const std::string_view name = key.substr(kPrefix.size());
    if (name == "peer_discovery_backend") {
        KeyCheck out;
        out.known = true;
        if (find_mechanism(value)) return out;
        std::vector<std::string_view> names;
        for (const Mechanism& mechanism : mechanisms()) names.push_back(mechanism.name);
        out.expected = fmt::format("one of {}", fmt::join(names, ", "));
        return out;
    }
    for (const Mechanism& mechanism : mechanisms()) {
        const std::string word = std::string{mechanism.name} + ".";
        if (name.starts_with(word)) return check_of(mechanism, name.substr(word.size()), value);
    }
    return check_in(formation_settings(), name, value);
}

Result<Settings> Settings::resolve(
    std::string_view prefix, std::span<const SettingSpec> specs, const StringMap& given,
    const StringMap& environment) {
    Settings out;
    out.prefix_ = prefix;
    out.specs_.assign(specs.begin(), specs.end());
    for (const SettingSpec& spec : out.specs_) {
        if (!spec.idle.empty()) continue;
        LVT_TRY(out.take_file(spec, given));
        LVT_TRY(out.take_environment(spec, environment));
    }
    return out;
}

Result<void> Settings::take_file(const SettingSpec& spec, const StringMap& given) {
    const std::string whole = key(spec.name);
    const std::string target{spec.meant.empty() ? spec.name : spec.meant};
    std::vector<std::pair<std::string, std::string>> entries;
    for (auto at = given.lower_bound(whole); at != given.end(); ++at) {
        if (!at->first.starts_with(whole)) break;
        const std::optional<std::string_view> word =
            word_below(spec, std::string_view{at->first}.substr(prefix_.size()));
        if (at->first != whole && !word) continue;
        // A key may be both one value and a list.
        if (find_spec(specs_, std::string_view{at->first}.substr(prefix_.size())) != &spec)
            continue;
        std::string expected =
            is_group(spec) ? check_entry(spec, word.value_or(""), at->second) : std::string{};
        if (expected.empty()) expected = check_value(spec, at->second);
        if (!expected.empty())
            return Error{
                ErrorKind::invalid,
                fmt::format(
                    "{}: expected {}, got '{}'",
                    at->first,
                    expected,
                    spec.secret ? "..." : at->second)};
        Value& value = values_[target];
        if (word)
            entries.emplace_back(unescaped(*word), at->second);
        else if (!is_group(spec))
            value.text = at->second;
    }
    if (entries.empty()) return {};
    std::stable_sort(entries.begin(), entries.end(), by_number);
    for (auto& [word, text] : entries) {
        values_[target].list.push_back(text);
        values_[target].map[word] = text;
    }
    return {};
}

Result<void> Settings::take_environment(const SettingSpec& spec, const StringMap& environment) {
    if (!spec.environment) return {};
    const auto found = environment.find(spec.environment);
    if (found == environment.end() || found->second.empty()) return {};
    std::string text = found->second;
    Value value;
    std::string expected;
    if (spec.kind == SettingKind::list) {
        value.list = split(text, ',');
    } else if (spec.kind == SettingKind::map) {
        boost::system::error_code error;
        const boost::json::value json = boost::json::parse(text, error);
        if (error || !json.is_object()) expected = "a JSON object of strings";
        for (const auto& [word, entry] :
             expected.empty() ? json.as_object() : boost::json::object{}) {
            if (entry.is_string())
                value.map[std::string{word}] = std::string{entry.as_string()};
            else
                expected = "a JSON object of strings";
        }
    } else {
        if (spec.kind == SettingKind::port && text.starts_with("tcp://"))
            text = text.substr(text.rfind(':') + 1);
        expected = check_value(spec, text);
        value.text = text;
    }
    if (!expected.empty())
        return Error{
            ErrorKind::invalid,
            fmt::format(
                "environment {}: {}: expected {}, got '{}'",
                spec.environment,
                key(spec.name),
                expected,
                spec.secret ? "..." : text)};
    values_[std::string{spec.meant.empty() ? spec.name : spec.meant}] = std::move(value);
    return {};
}

const SettingSpec& Settings::spec(std::string_view name) const {
    const auto found = std::find_if(
        specs_.begin(), specs_.end(), [&](const SettingSpec& one) { return one.name == name; });
    ASSERT(found != specs_.end());
    return *found;
}

bool Settings::has(std::string_view name) const {
    static_cast<void>(spec(name));
    return values_.contains(name);
}

std::string Settings::text(std::string_view name) const {
    const SettingSpec& one = spec(name);
    const auto found = values_.find(name);
    if (found != values_.end()) return found->second.text;
    return one.fallback ? one.fallback : "";
}

std::int64_t Settings::integer(std::string_view name) const {
    return number_of(text(name)).value_or(0);
}

std::optional<std::int64_t> Settings::limit(std::string_view name) const {
    return number_of(text(name));
}

bool Settings::boolean(std::string_view name) const { return text(name) == "true"; }

std::vector<std::string> Settings::list(std::string_view name) const {
    ASSERT(spec(name).kind == SettingKind::list);
    const auto found = values_.find(name);
    return found == values_.end() ? std::vector<std::string>{} : found->second.list;
}

StringMap Settings::map(std::string_view name) const {
    ASSERT(spec(name).kind == SettingKind::map);
    const auto found = values_.find(name);
    return found == values_.end() ? StringMap{} : found->second.map;
}

std::vector<std::string> Settings::said() const {
    std::vector<std::string> out;
    for (const auto& [name, value] : values_) out.push_back(name);
    return out;
}

}  // namespace lvt::discovery
