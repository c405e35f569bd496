#include "broker/auth/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <array>

namespace lvt::broker {

namespace {

constexpr std::uint32_t kHeapKibibytesMax = 4096;

struct Free {
    void operator()(pcre2_compile_context* context) const { ::pcre2_compile_context_free(context); }
    void operator()(pcre2_match_context* context) const { ::pcre2_match_context_free(context); }
    void operator()(pcre2_match_data* data) const { ::pcre2_match_data_free(data); }
};

template <class T>
using Owned = std::unique_ptr<T, Free>;

PCRE2_SPTR octets(ByteView bytes) { return reinterpret_cast<PCRE2_SPTR>(bytes.data()); }

std::string text_of(int error) {
    std::array<PCRE2_UCHAR, 256> text{};
    ::pcre2_get_error_message(error, text.data(), text.size());
    return reinterpret_cast<const char*>(text.data());
}

/// What a search works with, kept by each thread.
struct Workplace {
    Owned<pcre2_match_context> context{::pcre2_match_context_create(nullptr)};
    Owned<pcre2_match_data> data{::pcre2_match_data_create(1, nullptr)};

    Workplace() { ::pcre2_set_heap_limit(context.get(), kHeapKibibytesMax); }
};

}  // namespace

Result<Regex> Regex::parse(ByteView pattern, RegexOptions options) {
    const Owned<pcre2_compile_context> context(::pcre2_compile_context_create(nullptr));
    ::pcre2_set_max_pattern_length(context.get(), kPatternBytesMax);
    int error = 0;
    PCRE2_SIZE at = 0;
    pcre2_code* const code = ::pcre2_compile(
        octets(pattern),
        pattern.size(),
        options.ignores_case ? PCRE2_CASELESS : 0,
        &error,
        &at,
        context.get());
    if (!code) return Error{ErrorKind::invalid, fmt::format("{} at {}", text_of(error), at)};
    return Regex(
        std::shared_ptr<const pcre2_real_code_8>(
            code, [](pcre2_code* compiled) { ::pcre2_code_free(compiled); }),
        options.steps_max);
}

std::optional<bool> Regex::find_in(ByteView subject) const {
    thread_local const Workplace workplace;
    ::pcre2_set_match_limit(workplace.context.get(), steps_max_);
    const int outcome = ::pcre2_match(
        code_.get(),
        octets(subject),
        subject.size(),
        0,
        0,
        workplace.data.get(),
        workplace.context.get());
    if (outcome >= 0) return true;
    switch (outcome) {
        case PCRE2_ERROR_MATCHLIMIT:
        case PCRE2_ERROR_DEPTHLIMIT:
        case PCRE2_ERROR_HEAPLIMIT:
        case PCRE2_ERROR_NOMEMORY:
            return std::nullopt;
        default:  // none, or a subject that is no UTF-8 where the pattern asks for it
            return false;
    }
}

}  // namespace lvt::broker
