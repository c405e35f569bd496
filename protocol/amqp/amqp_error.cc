#include "protocol/amqp/amqp_error.h"

#include <fmt/format.h>

#include "protocol/base/assert.h"

namespace lvt::amqp {
namespace {

constexpr std::size_t kReplyTextMax = 255;  // a short string
constexpr ByteView kEllipsis = "...";

/// The first octets of a text, never half a UTF-8 character: clients decode reply texts strictly.
ByteView cut(ByteView text, std::size_t size) {
    const auto continues = [&](std::size_t at) { return (text[at] & 0xc0) == 0x80; };
    std::size_t end = size;
    while (end > 0 && size - end < 3 && continues(end)) --end;
    return text.substr(0, continues(end) ? size : end);
}

}  // namespace

const char* reply_code_name(ReplyCode code) {
    switch (code) {
        case ReplyCode::success: return "SUCCESS";
        case ReplyCode::content_too_large: return "CONTENT_TOO_LARGE";
        case ReplyCode::no_route: return "NO_ROUTE";
        case ReplyCode::no_consumers: return "NO_CONSUMERS";
        case ReplyCode::connection_forced: return "CONNECTION_FORCED";
        case ReplyCode::invalid_path: return "INVALID_PATH";
        case ReplyCode::access_refused: return "ACCESS_REFUSED";
        case ReplyCode::not_found: return "NOT_FOUND";
        case ReplyCode::resource_locked: return "RESOURCE_LOCKED";
        case ReplyCode::precondition_failed: return "PRECONDITION_FAILED";
        case ReplyCode::frame_error: return "FRAME_ERROR";
        case ReplyCode::syntax_error: return "SYNTAX_ERROR";
        case ReplyCode::command_invalid: return "COMMAND_INVALID";
        case ReplyCode::channel_error: return "CHANNEL_ERROR";
        case ReplyCode::unexpected_frame: return "UNEXPECTED_FRAME";
        case ReplyCode::resource_error: return "RESOURCE_ERROR";
        case ReplyCode::not_allowed: return "NOT_ALLOWED";
        case ReplyCode::not_implemented: return "NOT_IMPLEMENTED";
        case ReplyCode::internal_error: return "INTERNAL_ERROR";
    }
    return "INTERNAL_ERROR";
}

bool AmqpError::closes_connection() const {
    if (hard) return true;
    switch (code) {
        case ReplyCode::success:
        case ReplyCode::content_too_large:
        case ReplyCode::no_route:
        case ReplyCode::no_consumers:
        case ReplyCode::access_refused:
        case ReplyCode::not_found:
        case ReplyCode::resource_locked:
        case ReplyCode::precondition_failed: return false;
        default: return true;
    }
}

Bytes AmqpError::reply_text() const {
    Bytes out = reply_code_name(code);
    if (!text.empty()) out.append(" - ").append(text);
    if (out.size() <= kReplyTextMax) return out;
    Bytes shortened(cut(out, kReplyTextMax - kEllipsis.size()));
    return shortened.append(kEllipsis);
}

void throw_exception_from_error(
    const AmqpError& error, const boost::source_location& location) {
    throw AssertionFailure(fmt::format(
        "unchecked AMQP error at {}:{}: {}",
        location.file_name(),
        location.line(),
        error.reply_text()));
}

}  // namespace lvt::amqp
