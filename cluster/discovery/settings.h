// Settings of peer discovery: which keys there are below cluster_formation., what their values may be, and reading them.
//
// Values come flat, as the configuration file has them: {"cluster_formation.etcd.node_ttl", "61"}. Each mechanism declares its keys in a table;
// a key with an environment variable takes its value from there first, for the chosen mechanism only.
#pragma once

#include "protocol/base/result.h"

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lvt::discovery {

enum class SettingKind {
    text,
    integer,
    /// A positive integer or `unlimited`.
    limit,
    boolean,
    /// 1 to 65535; in the environment also "tcp://host:8500".
    port,
    /// One of the words in `choices`.
    choice,
    /// NAME.1, NAME.2, ... in the order of their numbers; `NAME = none` for an empty one; in the environment separated by commas.
    list,
    /// NAME.KEY = VALUE; `NAME = none` for an empty one; in the environment a JSON object of strings.
    map,
};

struct SettingSpec {
    /// Below the mechanism's prefix: "node_ttl", "ssl_options.verify".
    std::string_view name;
    SettingKind kind = SettingKind::text;
    /// The variable that beats the file, or nullptr.
    const char* environment = nullptr;
    /// What holds where nothing is said, or nullptr.
    const char* fallback = nullptr;
    std::int64_t min = 0;
    std::int64_t max = std::numeric_limits<std::int32_t>::max();
    /// For `choice`: "hostname|ip".
    std::string_view choices = {};
    bool secret = false;
    /// Not empty: the key is accepted and does nothing, because of this.
    std::string_view idle = {};
    /// Another name for this key.
    std::string_view meant = {};
};

using StringMap = std::map<std::string, std::string>;

/// What the broker's configuration asks about one line of a file.
struct KeyCheck {
    /// False: there is no such key.
    bool known = false;
    /// Not empty: the value is wrong, and this was expected ("an integer from 15 to 86400").
    std::string expected;
    bool secret = false;
    /// Not empty: the key has no effect, because of this.
    std::string idle;
};

/// Any key that begins with "cluster_formation.", and "aws.prefer_imdsv2".
[[nodiscard]] KeyCheck check_key(std::string_view key, std::string_view value);

/// The values of one table of keys, complete with environment and defaults.
class Settings {
public:
    /// `prefix` ends with a dot ("cluster_formation.etcd."). `given` may hold keys of others. ErrorKind::invalid: one line that names key or variable.
    [[nodiscard]] static Result<Settings> resolve(
        std::string_view prefix, std::span<const SettingSpec> specs, const StringMap& given,
        const StringMap& environment);

    [[nodiscard]] const std::string& prefix() const { return prefix_; }
    /// The whole key, for messages.
    [[nodiscard]] std::string key(std::string_view name) const {
        return prefix_ + std::string{name};
    }

    /// Whether file or environment say something. `name` must be in the table, here and below.
    [[nodiscard]] bool has(std::string_view name) const;
    /// Empty where there is neither value nor default.
    [[nodiscard]] std::string text(std::string_view name) const;
    /// 0 where there is neither value nor default.
    [[nodiscard]] std::int64_t integer(std::string_view name) const;
    /// Nothing: unlimited.
    [[nodiscard]] std::optional<std::int64_t> limit(std::string_view name) const;
    [[nodiscard]] bool boolean(std::string_view name) const;
    [[nodiscard]] std::vector<std::string> list(std::string_view name) const;
    [[nodiscard]] StringMap map(std::string_view name) const;
    /// The names in the table below which something was said in file or environment.
    [[nodiscard]] std::vector<std::string> said() const;

private:
    struct Value {
        std::string text;
        std::vector<std::string> list;
        StringMap map;
    };

    [[nodiscard]] const SettingSpec& spec(std::string_view name) const;
    [[nodiscard]] Result<void> take_file(const SettingSpec& spec, const StringMap& given);
    [[nodiscard]] Result<void> take_environment(
        const SettingSpec& spec, const StringMap& environment);

    std::string prefix_;
    std::vector<SettingSpec> specs_;
    std::map<std::string, Value, std::less<>> values_;
};

/// What was expected if the value is wrong; empty: it is right.
[[nodiscard]] std::string check_value(const SettingSpec& spec, std::string_view value);

}  // namespace lvt::discovery
