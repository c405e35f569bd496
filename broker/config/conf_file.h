// rabbitmq.conf's syntax: lines of `key = value`.
//
//     # a comment                         a '#' starts one everywhere but between single quotes
//     listeners.tcp.1 = 127.0.0.1:5672    key: words of letters, digits, '_' and '-', joined by dots
//     loopback_users.first\.last = true   a backslash takes the next character into the word
//     default_pass = 'a#b c'              single quotes around a value: taken off, all between them is meant
//     default_vhost = "x"                 double quotes are part of the value, as in RabbitMQ
//
// Blanks around key and value don't count. There is no line continuation and no other escape.
#pragma once

#include "protocol/base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace lvt::broker {

/// One assignment. `key` is as written, escapes included.
struct ConfLine {
    std::string key;
    std::string value;
    unsigned line = 0;  // from 1
};

/// Files above this are refused.
inline constexpr std::size_t kConfBytesMax = 1024 * 1024;

/// ErrorKind::invalid names `file` and the line.
[[nodiscard]] Result<std::vector<ConfLine>> parse_conf(
    std::string_view text, std::string_view file);

/// Splits at dots that are not escaped, and takes the escapes out.
[[nodiscard]] std::vector<std::string> split_key(std::string_view key);

}  // namespace lvt::broker
