#include "broker/auth/permissions.h"

#include <fmt/format.h>

namespace lvt::broker {

Result<PermissionPattern> PermissionPattern::parse(ByteView source) {
    PermissionPattern pattern;
    pattern.source_ = Bytes(source);
    if (source.empty() || source == ".*") return pattern;
    Result<Regex> regex = Regex::parse(source);
    if (regex.has_error())
        return Error{
            ErrorKind::invalid,
            fmt::format("'{}' is not a regular expression: {}", source, regex.error().message)};
    pattern.regex_ = std::move(*regex);
    return pattern;
}

bool PermissionPattern::matches(ByteView name) const {
    if (source_.empty()) return name.empty();
    if (!regex_) return true;
    return regex_->find_in(name).value_or(false);
}

}  // namespace lvt::broker
