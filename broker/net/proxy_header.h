// The PROXY protocol's header, by which a proxy tells whose connection it forwards.
//
//   v1, at most 107 octets:   "PROXY TCP4 192.0.2.1 198.51.100.1 56324 5672\r\n", also TCP6; "PROXY UNKNOWN ...\r\n"
//   v2:   0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A | version 2 (4 bits) | command (4) | family (4) | transport (4) | length u16 |
//         source address | destination address | source port u16 | destination port u16 | extensions, not looked at
//
// A proxy's own connection (LOCAL, UNKNOWN, a family that is not IP) has no such addresses.
#pragma once

#include "broker/net/socket_address.h"
#include "protocol/base/bytes.h"

#include <optional>

namespace lvt::broker {

/// Whose connection it is; empty: the proxy's own.
struct ProxiedEnds {
    SocketEnd source;
    SocketEnd destination;
};

class ProxyHeaderParser {
public:
    /// Longer ones are refused; extensions are rarely more than some hundred octets.
    static constexpr std::size_t kBytesMax = 2048;

    enum class Answer { need_more, done, refused };

    /// Takes from the front of `input` what belongs to the header, and nothing beyond it.
    Answer take(ByteView& input);
    /// When done.
    const std::optional<ProxiedEnds>& ends() const { return ends_; }

private:
    Answer look();
    Answer look_at_line();
    Answer look_at_binary();

    Bytes header_;
    std::optional<ProxiedEnds> ends_;
};

}  // namespace lvt::broker
