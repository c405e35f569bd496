#include "broker/config/conf_file.h"

#include <fmt/format.h>

namespace lvt::broker {
namespace {

constexpr std::string_view kBlanks = " \t\r\f\v";

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool is_word_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/// Length of the key that `text` starts with; 0 if there is none.
std::size_t key_length(std::string_view text) {
    std::size_t at = 0;
    bool word_begun = false;
    while (at < text.size()) {
        if (text[at] == '\\' && at + 1 < text.size()) {
            at += 2;
            word_begun = true;
        } else if (is_word_character(text[at])) {
            ++at;
            word_begun = true;
        } else if (text[at] == '.' && word_begun) {
            ++at;
            word_begun = false;
        } else {
            break;
        }
    }
    return word_begun ? at : 0;
}

/// What stands behind the '='.
std::string_view value_of(std::string_view text) {
    text = trimmed(text);
    if (!text.empty() && text.front() == '\'') {
        const std::size_t close = text.find('\'', 1);
        if (close != std::string_view::npos) {
            const std::string_view rest = trimmed(text.substr(close + 1));
            if (rest.empty() || rest.front() == '#') return text.substr(1, close - 1);
        }
    }
    return trimmed(text.substr(0, text.find('#')));
}

/// True if it is well-formed; empty and comment lines leave `out.key` empty.
bool parse_line(std::string_view text, ConfLine& out) {
    text = trimmed(text);
    if (text.empty() || text.front() == '#') return true;
    const std::size_t length = key_length(text);
    const std::string_view rest = trimmed(text.substr(length));
    if (length == 0 || rest.empty() || rest.front() != '=') return false;
    const std::string_view value = value_of(rest.substr(1));
    if (value.empty()) return false;
    out.key = text.substr(0, length);
    out.value = value;
    return true;
}

}  // namespace

Result<std::vector<ConfLine>> parse_conf(std::string_view text, std::string_view file) {
    if (text.size() > kConfBytesMax)
        return Error{
            ErrorKind::invalid, fmt::format("{}: larger than {} octets", file, kConfBytesMax)};
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    std::vector<ConfLine> lines;
    for (unsigned number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        ConfLine line{.line = number};
        if (!parse_line(text.substr(0, end), line))
            return Error{
                ErrorKind::invalid,
                fmt::format(
                    "{}:{}: expected 'key = value', got '{}'",
                    file,
                    number,
                    trimmed(text.substr(0, std::min<std::size_t>(end, 200))))};
        if (!line.key.empty()) lines.push_back(std::move(line));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

std::vector<std::string> split_key(std::string_view key) {
    std::vector<std::string> words(1);
    for (std::size_t at = 0; at < key.size(); ++at) {
        if (key[at] == '\\' && at + 1 < key.size())
            words.back() += key[++at];
        else if (key[at] == '.')
            words.emplace_back();
        else
            words.back() += key[at];
    }
    return words;
}

}  // namespace lvt::broker
