#include "broker/http/multipart.h"

#include "broker/http/message.h"

#include <algorithm>
#include <string>

namespace lvt::http {

namespace {

constexpr std::string_view kForm = "multipart/form-data";
constexpr std::string_view kLineEnd = "\r\n";

/// Of `name="value"` or `name=value` behind a semicolon; empty where there is none.
std::string_view parameter(std::string_view field, std::string_view name) {
    for (std::size_t at = field.find(';'); at != std::string_view::npos; at = field.find(';')) {
        field.remove_prefix(at + 1);
        while (field.starts_with(' ')) field.remove_prefix(1);
        if (!field.starts_with(name) || field.substr(name.size(), 1) != "=") continue;
        field.remove_prefix(name.size() + 1);
        if (!field.starts_with('"')) return field.substr(0, field.find(';'));
        field.remove_prefix(1);
        return field.substr(0, field.find('"'));
    }
    return {};
}

/// Whether the header of a part says that it is of that name.
bool is_named(std::string_view header, std::string_view name) {
    while (!header.empty()) {
        const std::string_view line = header.substr(0, header.find(kLineEnd));
        header.remove_prefix(std::min(line.size() + kLineEnd.size(), header.size()));
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        if (is_same_name(line.substr(0, colon), "content-disposition"))
            return parameter(line.substr(colon), "name") == name;
    }
    return false;
}

}  // namespace

bool is_form(std::string_view content_type) {
    return is_same_name(content_type.substr(0, kForm.size()), kForm);
}

std::optional<std::string_view> form_part(
    std::string_view content_type, std::string_view body, std::string_view name) {
    const std::string_view boundary = parameter(content_type, "boundary");
    if (!is_form(content_type) || boundary.empty()) return std::nullopt;
    const std::string line = "--" + std::string(boundary);
    const std::string end = std::string(kLineEnd) + line;
    for (std::size_t at = body.find(line); at != std::string_view::npos; at = body.find(line)) {
        body.remove_prefix(at + line.size());
        if (!body.starts_with(kLineEnd)) return std::nullopt;
        const std::size_t blank = body.find("\r\n\r\n");
        if (blank == std::string_view::npos) return std::nullopt;
        const std::string_view header = body.substr(0, blank);
        body.remove_prefix(blank + 4);
        const std::size_t size = body.find(end);
        if (size == std::string_view::npos) return std::nullopt;
        if (is_named(header, name)) return body.substr(0, size);
        body.remove_prefix(size);
    }
    return std::nullopt;
}

}  // namespace lvt::http
