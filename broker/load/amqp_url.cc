#include "broker/load/amqp_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace lvt::broker::load {
namespace {

constexpr ByteView kScheme = "amqp://";
constexpr ByteView kTlsScheme = "amqps://";
constexpr std::uint16_t kTlsPort = 5671;

Error invalid(ByteView what, ByteView text) {
    return Error{ErrorKind::invalid, fmt::format("{} in the URL: '{}'", what, text)};
}

Error broken_escape() { return Error{ErrorKind::invalid, "broken percent escape in the URL"}; }

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
            return broken_escape();
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

Result<void> take_parameter(ByteView text, AmqpUrl& url) {
    const std::size_t equals = text.find('=');
    const ByteView name = text.substr(0, equals);
    Result<Bytes> value =
        percent_decoded(equals == ByteView::npos ? ByteView() : text.substr(equals + 1));
    if (value.has_error()) return std::move(value).error();
    if (name == "cacertfile") {
        url.cacertfile = std::move(*value);
    } else if (name == "server_name_indication") {
        url.server_name = std::move(*value);
    } else if (name == "verify" && (*value == "verify_peer" || *value == "verify_none")) {
        url.verify = *value == "verify_peer";
    } else {
        return invalid("unknown parameter", text);
    }
    return {};
}

Result<void> take_parameters(ByteView text, AmqpUrl& url) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('&'), text.size());
        LVT_TRY(take_parameter(text.substr(0, end), url));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return {};
}

}  // namespace

Result<AmqpUrl> parse_amqp_url(ByteView text) {
    AmqpUrl url;
    url.tls = text.starts_with(kTlsScheme);
    if (!url.tls && !text.starts_with(kScheme))
        return Error{ErrorKind::invalid, "only amqp:// and amqps:// URLs are understood"};
    if (url.tls) url.port = kTlsPort;
    ByteView rest = text.substr(url.tls ? kTlsScheme.size() : kScheme.size());
    if (const std::size_t mark = rest.find('?'); url.tls && mark != ByteView::npos) {
        LVT_TRY(take_parameters(rest.substr(mark + 1), url));
        rest = rest.substr(0, mark);
    }
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
