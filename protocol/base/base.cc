#include <fmt/format.h>

#include "protocol/base/assert.h"
#include "protocol/base/result.h"

namespace lvt {

void throw_exception_from_error(const Error& error, const boost::source_location& location) {
    throw AssertionFailure(fmt::format(
        "unchecked error at {}:{}: {}", location.file_name(), location.line(), error.message));
}

void fail_assertion(const char* expression, const char* file, int line) {
    throw AssertionFailure(fmt::format("assertion failed at {}:{}: {}", file, line, expression));
}

}  // namespace lvt
