// Regex: a regular expression as RabbitMQ has them (Perl's, by PCRE2), over octets. What it costs to look for one is bounded: neither a
// pattern nor a subject can hold a thread or fill its stack.
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

#include <cstdint>
#include <memory>
#include <optional>

// PCRE2's pcre2_code.
struct pcre2_real_code_8;

namespace lvt::broker {

struct RegexOptions {
    bool ignores_case = false;
    /// Of the search: how often it may try another way. 1,000,000 last some milliseconds.
    std::uint32_t steps_max = 1'000'000;
};

/// Copies share what was compiled. Any thread.
class Regex {
public:
    /// Octets of a pattern.
    static constexpr std::size_t kPatternBytesMax = 64 * 1024;

    /// invalid where it is none, with the reason as the text: "missing closing parenthesis at 3".
    [[nodiscard]] static Result<Regex> parse(ByteView pattern, RegexOptions options = {});

    /// Does some part of the subject match? Nothing where it takes more steps than there may be.
    [[nodiscard]] std::optional<bool> find_in(ByteView subject) const;

private:
    Regex(std::shared_ptr<const pcre2_real_code_8> code, std::uint32_t steps_max)
        : code_(std::move(code)), steps_max_(steps_max) {}

    std::shared_ptr<const pcre2_real_code_8> code_;
    std::uint32_t steps_max_;
};

}  // namespace lvt::broker
