#include "cluster/discovery/redaction.h"

#include <algorithm>
#include <cctype>

namespace lvt::discovery {
namespace {

constexpr std::string_view kMask = "********";

std::string lower(std::string_view text) {
    std::string out{text};
    for (char& octet : out)
        octet = static_cast<char>(std::tolower(static_cast<unsigned char>(octet)));
    return out;
}

/// Whether what is called so is a secret: in a header, a parameter, a member of an object, an element.
bool is_secret(std::string_view name) {
    static constexpr std::string_view kParts[] = {
        "token",
        "password",
        "passwd",
        "secret",
        "private_key",
        "privatekey",
        "authorization",
        "cookie",
        "credential",
        "signature",
        "assertion"};
    const std::string small = lower(name);
    // A header of IMDS that only says how long the token shall live; where a listing goes on.
    if (small == "x-aws-ec2-metadata-token-ttl-seconds" || small == "nexttoken") return false;
    return std::any_of(std::begin(kParts), std::end(kParts), [&](std::string_view part) {
        return small.find(part) != std::string::npos;
    });
}

bool is_name(char octet) {
    return std::isalnum(static_cast<unsigned char>(octet)) || octet == '_' || octet == '-' ||
           octet == '.';
}

/// Where a quoted string that begins behind `at` ends.
std::size_t end_of_string(std::string_view text, std::size_t at) {
    while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
    return std::min(at, text.size());
}

std::size_t skip_blanks(std::string_view text, std::size_t at) {
    while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at]))) ++at;
    return at;
}

/// The extent of the value that follows a name which ended at `at`; empty: no value follows.
std::pair<std::size_t, std::size_t> value_behind(std::string_view text, std::size_t at) {
    const auto end_at = [&](std::size_t from, std::string_view ends) {
        return std::min(text.find_first_of(ends, from), text.size());
    };
    if (at < text.size() && (text[at] == '=' || text[at] == '>'))
        return {at + 1, end_at(at + 1, text[at] == '=' ? "& \n\"" : "<")};
    if (at < text.size() && text[at] == '"') at = skip_blanks(text, at + 1);
    if (at >= text.size() || text[at] != ':') return {at, at};
    at = skip_blanks(text, at + 1);
    if (at < text.size() && text[at] == '"') return {at + 1, end_of_string(text, at + 1)};
    return {at, end_at(at, ",}] \n")};
}

std::string masked(std::string_view text) {
    std::string out;
    std::size_t at = 0;
    while (at < text.size()) {
        if (!is_name(text[at])) {
            out += text[at++];
            continue;
        }
        std::size_t end = at;
        while (end < text.size() && is_name(text[end])) ++end;
        out += text.substr(at, end - at);
        const bool closing = at > 0 && text[at - 1] == '/';
        const auto [from, to] = value_behind(text, end);
        if (is_secret(text.substr(at, end - at)) && !closing && to > from) {
            out += text.substr(end, from - end);
            out += kMask;
            at = to;
        } else {
            at = end;
        }
    }
    return out;
}

}  // namespace

std::string redacted_header(std::string_view name, std::string_view value) {
    return std::string{is_secret(name) ? kMask : value};
}

std::string redacted_url(std::string_view url) {
    std::string out{url};
    const std::size_t scheme = out.find("://");
    if (scheme != std::string::npos) {
        const std::size_t host = scheme + 3;
        const std::size_t end = std::min(out.find_first_of("/?#", host), out.size());
        const std::size_t at = out.rfind('@', end);
        if (at != std::string::npos && at > host && at < end) out.replace(host, at - host, kMask);
    }
    const std::size_t query = out.find('?');
    if (query == std::string::npos) return out;
    return out.substr(0, query) + masked(std::string_view{out}.substr(query));
}

std::string redacted_body(std::string_view body, std::size_t size_max) {
    // What is cut off in the middle of a secret would not be known as one: mask first.
    std::string out = masked(body.substr(0, size_max * 4));
    if (out.size() > size_max) out.replace(size_max, std::string::npos, "...");
    for (char& octet : out)
        if (static_cast<unsigned char>(octet) < 0x20 || octet == 0x7f) octet = ' ';
    return out;
}

}  // namespace lvt::discovery
