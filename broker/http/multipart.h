// Forms with files, as browsers send them (RFC 7578).
//
//   --BOUNDARY CRLF
//   content-disposition: form-data; name="file"; filename="x.json" CRLF
//   ... CRLF CRLF
//   octets CRLF
//   --BOUNDARY-- CRLF
#pragma once

#include <optional>
#include <string_view>

namespace lvt::http {

[[nodiscard]] bool is_form(std::string_view content_type);

/// The octets of the first part of that name, a view of `body`. Nothing: there is none, or the body is no such form.
[[nodiscard]] std::optional<std::string_view> form_part(
    std::string_view content_type, std::string_view body, std::string_view name);

}  // namespace lvt::http
