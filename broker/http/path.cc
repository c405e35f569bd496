#include "broker/http/path.h"

#include "broker/http/message.h"
#include "protocol/base/base64.h"

#include <algorithm>
#include <cctype>

namespace lvt::http {

namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// Empty words, as between two slashes, are kept; one behind the last slash is not.
std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> words;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        words.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

std::vector<std::string_view> segments(std::string_view path) {
    if (path.starts_with('/')) path.remove_prefix(1);
    return split(path, '/');
}

bool fits(const std::vector<std::string>& pattern, const std::vector<std::string_view>& path) {
    return std::equal(
        pattern.begin(),
        pattern.end(),
        path.begin(),
        path.end(),
        [](const std::string& wanted, std::string_view word) {
            return wanted.starts_with('{') || wanted == word;
        });
}

}  // namespace

std::string percent_decoded(std::string_view text, bool plus) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size()) {
            const int high = hex_value(text[i + 1]);
            const int low = hex_value(text[i + 2]);
            if (high >= 0 && low >= 0) {
                out += static_cast<char>(high * 16 + low);
                i += 2;
                continue;
            }
        }
        out += plus && text[i] == '+' ? ' ' : text[i];
    }
    return out;
}

std::string percent_encoded(std::string_view text) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (std::isalnum(octet) || c == '-' || c == '.' || c == '_') {
            out += c;
            continue;
        }
        out += '%';
        out += kDigits[octet >> 4];
        out += kDigits[octet & 15];
    }
    return out;
}

Query::Query(std::string_view target) {
    const std::size_t mark = target.find('?');
    if (mark == std::string_view::npos) return;
    for (const std::string_view pair : split(target.substr(mark + 1), '&')) {
        const std::size_t equals = pair.find('=');
        const std::string_view value =
            equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
        pairs_.emplace_back(
            percent_decoded(pair.substr(0, equals), true), percent_decoded(value, true));
    }
}

std::vector<std::string> Query::all(std::string_view name) const {
    std::vector<std::string> out;
    for (const auto& [key, value] : pairs_)
        if (key == name) out.push_back(value);
    return out;
}

std::optional<std::string_view> Query::find(std::string_view name) const {
    for (const auto& [key, value] : pairs_)
        if (key == name) return value;
    return std::nullopt;
}

void Router::add(std::string_view pattern) {
    std::vector<std::string> words;
    for (const std::string_view word : segments(pattern)) words.emplace_back(word);
    patterns_.push_back(std::move(words));
}

std::optional<Router::Match> Router::match(std::string_view target) const {
    const auto path = segments(target.substr(0, target.find('?')));
    for (std::size_t i = 0; i < patterns_.size(); ++i) {
        if (!fits(patterns_[i], path)) continue;
        Match match{i, {}};
        for (std::size_t at = 0; at < path.size(); ++at)
            if (patterns_[i][at].starts_with('{')) match.names.push_back(percent_decoded(path[at]));
        return match;
    }
    return std::nullopt;
}

std::optional<Credentials> basic_credentials(std::string_view authorization) {
    constexpr std::string_view kScheme = "basic ";
    if (!is_same_name(authorization.substr(0, kScheme.size()), kScheme)) return std::nullopt;
    const auto pair = base64_decoded(authorization.substr(kScheme.size()));
    const std::size_t colon = pair ? pair->find(':') : std::string::npos;
    if (colon == std::string::npos) return std::nullopt;
    return Credentials{pair->substr(0, colon), pair->substr(colon + 1)};
}

}  // namespace lvt::http
