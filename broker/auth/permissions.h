// What a user may do in a virtual host: three regular expressions over resource names (RabbitMQ's configure, write, read).
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

#include <memory>
#include <regex>

namespace lvt::broker {

/// A regular expression, unanchored as in RabbitMQ; the empty one matches only the empty name.
class PermissionPattern {
public:
    PermissionPattern() = default;
    /// invalid where it is no regular expression.
    static Result<PermissionPattern> parse(ByteView source);

    bool matches(ByteView name) const;
    const Bytes& source() const { return source_; }

private:
    Bytes source_;
    /// Null for ".*" and for the empty pattern, which need none.
    std::shared_ptr<const std::regex> regex_;
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
