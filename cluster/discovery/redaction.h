// Takes secrets out of what is about to be logged: headers, queries, bodies in JSON or as a form.
#pragma once

#include <string>
#include <string_view>

namespace lvt::discovery {

/// "********" for headers that carry secrets (Authorization, X-Consul-Token, ...), else `value`.
[[nodiscard]] std::string redacted_header(std::string_view name, std::string_view value);

/// The URL without its password and without the values of parameters that carry secrets.
[[nodiscard]] std::string redacted_url(std::string_view url);

/// A body in JSON or XML, or as a form, without the values of members, elements and parameters that carry secrets; control characters are blanks; at
/// most `size_max` octets.
[[nodiscard]] std::string redacted_body(std::string_view body, std::size_t size_max = 1024);

}  // namespace lvt::discovery
