// What a user may do in a virtual host: three regular expressions over resource names (RabbitMQ's configure, write, read).
#pragma once

#include "broker/auth/regex.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

#include <optional>

namespace lvt::broker {

/// A regular expression, unanchored as in RabbitMQ; the empty one matches only the empty name.
class PermissionPattern {
public:
    PermissionPattern() = default;
    /// invalid where it is no regular expression; the text says why.
    static Result<PermissionPattern> parse(ByteView source);

    /// What takes too long to find out does not match.
    bool matches(ByteView name) const;
    const Bytes& source() const { return source_; }

private:
    Bytes source_;
    /// Nothing for ".*" and for the empty pattern, which need none.
    std::optional<Regex> regex_;
};

/// Which routing keys a user may publish (write) and bind (read) with at one topic exchange.
struct TopicPermissions {
    /// As they were given; the patterns have the names in them that stand for themselves.
    Bytes write_source;
    Bytes read_source;
    PermissionPattern write;
    PermissionPattern read;
};

struct Permissions {
    PermissionPattern configure;
    PermissionPattern write;
    PermissionPattern read;
};

}  // namespace lvt::broker
