// ProxyHeaderParser: a header in pieces says what the same header says whole; what it takes is exactly the header; who it names is
// named again by a header that is made of the answer.
#include <arpa/inet.h>

#include "broker/net/proxy_header.h"
#include "protocol/base/assert.h"
#include "tests/fuzz/pieces.h"

namespace lvt::broker {
namespace {

using Answer = ProxyHeaderParser::Answer;
using Ends = std::optional<ProxiedEnds>;

struct Outcome {
    Answer answer = Answer::need_more;
    std::size_t taken = 0;
    Ends ends;
};

bool same(const SocketEnd& a, const SocketEnd& b) {
    return a.address == b.address && a.port == b.port && a.loopback == b.loopback;
}

bool same(const Ends& a, const Ends& b) {
    if (!a || !b) return !a && !b;
    return same(a->source, b->source) && same(a->destination, b->destination);
}

Outcome parse(ByteView stream, std::uint8_t cut) {
    ProxyHeaderParser parser;
    Outcome out;
    for_each_piece(stream, cut, [&](ByteView piece) {
        if (out.answer != Answer::need_more) return;
        const std::size_t size = piece.size();
        out.answer = parser.take(piece);
        out.taken += size - piece.size();
        ASSERT(out.answer != Answer::need_more || piece.empty());
    });
    out.ends = parser.ends();
    return out;
}

bool is_sixth_family(const SocketEnd& end) { return end.address.find(':') != Bytes::npos; }

Bytes octets_of(const SocketEnd& end, bool sixth_family) {
    char octets[sizeof(in6_addr)] = {};
    if (!sixth_family) {
        ASSERT(inet_pton(AF_INET, end.address.c_str(), octets) == 1);
        return {octets, sizeof(in_addr)};
    }
    const Bytes text = is_sixth_family(end) ? end.address : "::ffff:" + end.address;
    ASSERT(inet_pton(AF_INET6, text.c_str(), octets) == 1);
    return {octets, sizeof octets};
}

Bytes two_octets(std::size_t number) {
    return {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)};
}

Bytes binary_header(const ProxiedEnds& ends) {
    const bool sixth = is_sixth_family(ends.source) || is_sixth_family(ends.destination);
    const Bytes addresses = octets_of(ends.source, sixth) + octets_of(ends.destination, sixth) +
                            two_octets(ends.source.port) + two_octets(ends.destination.port);
    return Bytes("\r\n\r\n\0\r\nQUIT\n\x21", 13) + (sixth ? '\x21' : '\x11') +
           two_octets(addresses.size()) + addresses;
}

void check_done(ByteView header, const Outcome& outcome) {
    ASSERT(header.size() <= ProxyHeaderParser::kBytesMax);
    if (header.starts_with("PROXY ")) {
        ASSERT(header.ends_with("\r\n"));
        ASSERT(header.find('\n') == header.size() - 1 && header.size() <= 107);
        // Whatever an address is shown in has no octets of a stranger's choice.
        ASSERT(!outcome.ends || header.find('\0') == ByteView::npos);
    } else {
        ASSERT(header.size() >= 16);
    }
    if (!outcome.ends) return;
    const Bytes again = binary_header(*outcome.ends);
    const Outcome parsed = parse(again, 0);
    ASSERT(parsed.answer == Answer::done && parsed.taken == again.size());
    ASSERT(same(parsed.ends, outcome.ends));
}

}  // namespace
}  // namespace lvt::broker

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace lvt;
    using namespace lvt::broker;
    const auto input = pieced_input(as_view(data, size));
    const Outcome whole = parse(input.stream, 0);
    const Outcome cut = parse(input.stream, input.cut);
    ASSERT(cut.answer == whole.answer && cut.taken == whole.taken);
    ASSERT(same(cut.ends, whole.ends));
    ASSERT(whole.answer == Answer::done || !whole.ends);
    if (whole.answer == Answer::done) check_done(input.stream.substr(0, whole.taken), whole);
    return 0;
}
