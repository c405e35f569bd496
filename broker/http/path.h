// Paths, queries and the table of routes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lvt::http {

/// %41 -> A; what is no escape stays as it is. `plus`: a plus sign is a blank, as in a query.
std::string percent_decoded(std::string_view text, bool plus = false);
/// Letters, digits and -._ stay; all other octets become %XX.
std::string percent_encoded(std::string_view text);

/// The part of a target behind `?`, decoded.
class Query {
public:
    Query() = default;
    explicit Query(std::string_view target);

    /// The first of that name.
    std::optional<std::string_view> find(std::string_view name) const;
    std::string_view text(std::string_view name, std::string_view fallback = {}) const {
        return find(name).value_or(fallback);
    }
    /// All of that name, in their order.
    std::vector<std::string> all(std::string_view name) const;
    /// It is there and says true.
    bool flag(std::string_view name) const { return find(name) == "true"; }

private:
    std::vector<std::pair<std::string, std::string>> pairs_;
};

/// Paths with places for names, as "/api/queues/{vhost}/{queue}".
class Router {
public:
    /// Patterns are numbered from 0, and tried in this order.
    void add(std::string_view pattern);

    struct Match {
        std::size_t pattern = 0;
        /// What stands in the places, decoded.
        std::vector<std::string> names;
    };
    /// `target`: with or without a query, which is left out. A slash at the end means nothing.
    std::optional<Match> match(std::string_view target) const;

private:
    std::vector<std::vector<std::string>> patterns_;
};

struct Credentials {
    std::string user;
    std::string password;
};
/// Of an Authorization header of the Basic kind (RFC 7617).
std::optional<Credentials> basic_credentials(std::string_view authorization);

}  // namespace lvt::http
