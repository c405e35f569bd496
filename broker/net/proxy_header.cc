#include "broker/net/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>
#include <vector>

namespace lvt::broker {

namespace {

constexpr ByteView kLineStart = "PROXY ";
constexpr std::size_t kLineBytesMax = 107;

constexpr ByteView kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kFixedBytes = 16;
constexpr std::size_t kFamilyV4 = 1;
constexpr std::size_t kFamilyV6 = 2;
constexpr unsigned kStream = 1;

/// `family` AF_INET or AF_INET6; the address in network order, the port in ours.
SocketEnd end_of(int family, const void* address, std::uint16_t port) {
    sockaddr_storage storage{};
    storage.ss_family = static_cast<sa_family_t>(family);
    if (family == AF_INET) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
        std::memcpy(&v4.sin_addr, address, sizeof v4.sin_addr);
        v4.sin_port = htons(port);
    } else {
        auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
        std::memcpy(&v6.sin6_addr, address, sizeof v6.sin6_addr);
        v6.sin6_port = htons(port);
    }
    return socket_end(storage);
}

std::optional<SocketEnd> parse_end(int family, ByteView address, ByteView port) {
    unsigned char octets[sizeof(in6_addr)] = {};
    // inet_pton would read to the first zero octet.
    if (address.find('\0') != ByteView::npos) return std::nullopt;
    if (inet_pton(family, Bytes(address).c_str(), octets) != 1) return std::nullopt;
    std::uint16_t number = 0;
    const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc{} || stop != port.data() + port.size()) return std::nullopt;
    return end_of(family, octets, number);
}

std::vector<ByteView> words_of(ByteView line) {
    std::vector<ByteView> words;
    for (;;) {
        const std::size_t blank = line.find(' ');
        words.push_back(line.substr(0, blank));
        if (blank == ByteView::npos) return words;
        line.remove_prefix(blank + 1);
    }
}

std::uint16_t two_octets(ByteView bytes, std::size_t at) {
    return static_cast<std::uint16_t>(
        static_cast<unsigned char>(bytes[at]) << 8 | static_cast<unsigned char>(bytes[at + 1]));
}

}  // namespace

ProxyHeaderParser::Answer ProxyHeaderParser::take(ByteView& input) {
    while (!input.empty()) {
        header_ += input.front();
        input.remove_prefix(1);
        const Answer answer = look();
        if (answer != Answer::need_more) return answer;
    }
    return Answer::need_more;
}

ProxyHeaderParser::Answer ProxyHeaderParser::look() {
    const std::size_t size = header_.size();
    if (kLineStart.starts_with(ByteView(header_).substr(0, kLineStart.size())))
        return look_at_line();
    if (kSignature.starts_with(ByteView(header_).substr(0, kSignature.size())))
        return size < kFixedBytes ? Answer::need_more : look_at_binary();
    return Answer::refused;
}

ProxyHeaderParser::Answer ProxyHeaderParser::look_at_line() {
    if (header_.back() != '\n')
        return header_.size() < kLineBytesMax ? Answer::need_more : Answer::refused;
    if (!header_.ends_with("\r\n")) return Answer::refused;
    const std::vector<ByteView> words = words_of(ByteView(header_).substr(0, header_.size() - 2));
    if (words.size() >= 2 && words[1] == "UNKNOWN") return Answer::done;
    if (words.size() != 6 || (words[1] != "TCP4" && words[1] != "TCP6")) return Answer::refused;
    const int family = words[1] == "TCP4" ? AF_INET : AF_INET6;
    auto source = parse_end(family, words[2], words[4]);
    auto destination = parse_end(family, words[3], words[5]);
    if (!source || !destination) return Answer::refused;
    ends_ = ProxiedEnds{std::move(*source), std::move(*destination)};
    return Answer::done;
}

ProxyHeaderParser::Answer ProxyHeaderParser::look_at_binary() {
    const unsigned version_command = static_cast<unsigned char>(header_[12]);
    const unsigned family_transport = static_cast<unsigned char>(header_[13]);
    const std::size_t length = two_octets(header_, 14);
    const unsigned command = version_command & 0xf;
    if (version_command >> 4 != 2 || command > 1 || kFixedBytes + length > kBytesMax)
        return Answer::refused;
    if (header_.size() < kFixedBytes + length) return Answer::need_more;
    const unsigned family = family_transport >> 4;
    if (command == 0 || (family != kFamilyV4 && family != kFamilyV6)) return Answer::done;
    const std::size_t address_bytes = family == kFamilyV4 ? 4 : 16;
    if ((family_transport & 0xf) != kStream || length < 2 * address_bytes + 4)
        return Answer::refused;
    const char* const addresses = header_.data() + kFixedBytes;
    const std::size_t ports = kFixedBytes + 2 * address_bytes;
    const int system_family = family == kFamilyV4 ? AF_INET : AF_INET6;
    ends_ = ProxiedEnds{
        end_of(system_family, addresses, two_octets(header_, ports)),
        end_of(system_family, addresses + address_bytes, two_octets(header_, ports + 2))};
    return Answer::done;
}

}  // namespace lvt::broker
