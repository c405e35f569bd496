#include "broker/load/amqp_url.h"

#include <fmt/format.h>

#include <charconv>

namespace lvt::broker::load {
namespace {

constexpr ByteView kScheme = "amqp://";

Error invalid(ByteView what, ByteView text) {
    return Error{ErrorKind::invalid, fmt::format("{} in the URL: '{}'", what, text)};
}

Result<Bytes> percent_decoded(ByteView text) {
    Bytes out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out.push_back(text[i]);
            continue;
        }
        const ByteView digits = text.substr(i + 1, 2);
        unsigned octet = 0;
        const auto parsed =
            std::from_chars(digits.data(), digits.data() + digits.size(), octet, 16);
        if (digits.size() != 2 || parsed.ptr != digits.data() + 2) {
            return invalid("broken percent escape", text);
        }
        out.push_back(static_cast<char>(octet));
        i += 2;
    }
    return out;
}

Result<void> take_credentials(ByteView text, AmqpUrl& url) {
    const std::size_t colon = text.find(':');
    Result<Bytes> user = percent_decoded(text.substr(0, colon));
    if (user.has_error()) return std::move(user).error();
    url.user = std::move(*user);
    if (colon == ByteView::npos) return {};
    Result<Bytes> password = percent_decoded(text.substr(colon + 1));
    if (password.has_error()) return std::move(password).error();
    url.password = std::move(*password);
    return {};
}

Result<void> take_address(ByteView text, AmqpUrl& url) {
    const bool bracketed = text.starts_with('[');
    const std::size_t host_end = bracketed ? text.find(']') : text.find(':');
    if (bracketed && host_end == ByteView::npos) return invalid("'[' without ']'", text);
    const ByteView host = bracketed ? text.substr(1, host_end - 1) : text.substr(0, host_end);
    if (!host.empty()) url.host = host;
    if (host_end == ByteView::npos) return {};
    ByteView port = text.substr(bracketed ? host_end + 1 : host_end);
    if (port.empty()) return {};
    if (!port.starts_with(':')) return invalid("something behind ']'", text);
    port.remove_prefix(1);
    const auto parsed = std::from_chars(port.data(), port.data() + port.size(), url.port);
    const bool whole = parsed.ec == std::errc{} && parsed.ptr == port.data() + port.size();
    if (!whole || url.port == 0) return invalid("bad port", text);
    return {};
}

}  // namespace

Result<AmqpUrl> parse_amqp_url(ByteView text) {
    if (!text.starts_with(kScheme)) {
        return Error{
            ErrorKind::invalid, fmt::format("only amqp:// URLs are understood, not '{}'", text)};
    }
    ByteView rest = text.substr(kScheme.size());
    AmqpUrl url;
    const std::size_t slash = rest.find('/');
    if (slash != ByteView::npos) {
        Result<Bytes> virtual_host = percent_decoded(rest.substr(slash + 1));
        if (virtual_host.has_error()) return std::move(virtual_host).error();
        // A bare "/" at the end names the default one, as most clients read it.
        if (!virtual_host->empty()) url.virtual_host = std::move(*virtual_host);
        rest = rest.substr(0, slash);
    }
    if (const std::size_t at = rest.rfind('@'); at != ByteView::npos) {
        LVT_TRY(take_credentials(rest.substr(0, at), url));
        rest.remove_prefix(at + 1);
    }
    LVT_TRY(take_address(rest, url));
    return url;
}

}  // namespace lvt::broker::load
