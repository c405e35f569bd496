#include "protocol/amqp/octet_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace lvt::amqp {
namespace {

constexpr std::size_t kShownMax = 64;

bool printable(char octet) { return octet >= ' ' && octet <= '~'; }

}  // namespace

Bytes octet_numbers(ByteView octets) {
    Bytes out = "<<";
    for (const char octet : octets.substr(0, kShownMax)) {
        if (out.size() > 2) out.push_back(',');
        fmt::format_to(std::back_inserter(out), "{}", static_cast<unsigned char>(octet));
    }
    return out.append(octets.size() > kShownMax ? ",..." : "").append(">>");
}

Bytes octet_text(ByteView octets) {
    if (octets.empty() || !std::all_of(octets.begin(), octets.end(), printable)) {
        return octet_numbers(octets);
    }
    Bytes out = "<<\"";
    for (const char octet : octets.substr(0, kShownMax)) {
        if (octet == '"' || octet == '\\') out.push_back('\\');
        out.push_back(octet);
    }
    return out.append("\">>");
}

}  // namespace lvt::amqp
