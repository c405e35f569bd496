#include "broker/auth/permissions.h"

#include <fmt/format.h>

namespace lvt::broker {

Result<PermissionPattern> PermissionPattern::parse(ByteView source) {
    PermissionPattern pattern;
    pattern.source_ = Bytes(source);
    if (source.empty() || source == ".*") return pattern;
    try {
        pattern.regex_ = std::make_shared<std::regex>(pattern.source_, std::regex::ECMAScript);
    } catch (const std::regex_error& error) {
        return Error{
            ErrorKind::invalid,
            fmt::format("'{}' is not a regular expression: {}", source, error.what())};
    }
    return pattern;
}

bool PermissionPattern::matches(ByteView name) const {
    if (source_.empty()) return name.empty();
    if (!regex_) return true;
    return std::regex_search(name.begin(), name.end(), *regex_);
}

}  // namespace lvt::broker
