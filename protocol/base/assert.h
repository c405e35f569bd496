// ASSERT: an invariant of ours, checked in release builds too.
//
// A failed one throws AssertionFailure. Every thread's outermost loop catches it, stops the broker and reports it
// through on_fatal; nothing else may catch it. The library never calls abort() (design rule 16).
#pragma once

#include <stdexcept>

namespace lvt {

class AssertionFailure : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

[[noreturn]] void fail_assertion(const char* expression, const char* file, int line);

}  // namespace lvt

#define ASSERT(expression)                                               \
    (__builtin_expect(static_cast<bool>(expression), 1)                  \
         ? static_cast<void>(0)                                          \
         : ::lvt::fail_assertion(#expression, __FILE__, __LINE__))
