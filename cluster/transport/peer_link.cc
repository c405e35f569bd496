#include "cluster/transport/peer_link.h"

#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include <utility>

// cluster/PROTOCOL.md draws these bytes; the numbers are frozen on the wire.

namespace lvt::cluster {
namespace {

constexpr ByteView kMagic = "LVRT";
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kProofBytes = 32;
constexpr std::size_t kFrameHeaderBytes = 5;

enum Verdict : std::uint8_t { fine = 0, other_version = 1, other_cluster = 2, wrong_secret = 3 };

}  // namespace

PeerLink::PeerLink(Options options) : options_(std::move(options)) {
    ASSERT(options_.nonce.size() == kNonceBytes);
    if (options_.dialer) greet(fine);
}

void PeerLink::greet(std::uint8_t verdict) {
    ByteWriter out(output_);
    out.raw(kMagic);
    out.u8(kVersion);
    out.u8(verdict);
    out.short_string(options_.cluster_name);
    out.raw(options_.nonce);
}

void PeerLink::fail(LinkFault fault, std::string text) {
    fault_ = fault;
    fault_text_ = std::move(text);
}

/// Over everything that was said before, and which side says it: what one proves cannot be sent back to it.
Bytes PeerLink::proof(bool dialers) const {
    const bool own = dialers == options_.dialer;
    Bytes text;
    ByteWriter out(text);
    out.raw(dialers ? "leveret dials" : "leveret accepts");
    out.u8(kVersion);
    out.short_string(options_.cluster_name);
    out.raw(own ? options_.nonce : their_nonce_);
    out.raw(own ? their_nonce_ : options_.nonce);
    Bytes sum(kProofBytes, '\0');
    unsigned size = 0;
    const auto* const done = ::HMAC(
        ::EVP_sha256(),
        options_.secret.data(),
        static_cast<int>(options_.secret.size()),
        reinterpret_cast<const unsigned char*>(text.data()),
        text.size(),
        reinterpret_cast<unsigned char*>(sum.data()),
        &size);
    ASSERT(done && size == kProofBytes);
    return sum;
}

void PeerLink::receive(ByteView bytes) {
    if (fault_) return;
    input_.append(bytes);
    ByteView in = input_;
    while (!fault_ && step(in)) {
    }
    input_.erase(0, input_.size() - in.size());
}

bool PeerLink::step(ByteView& in) {
    switch (state_) {
        case State::greeting:
            return on_greeting(in);
        case State::proof:
            return on_proof(in);
        case State::verdict:
            return on_verdict(in);
        case State::ready:
            break;
    }
    return on_frame(in);
}

bool PeerLink::on_greeting(ByteView& in) {
    const ByteView magic = in.substr(0, kMagic.size());
    if (magic != kMagic.substr(0, magic.size())) {
        fail(LinkFault::nonsense, "it does not speak Leveret's protocol between nodes");
        return false;
    }
    ByteReader reader(in);
    (void)reader.view(kMagic.size());
    const std::uint8_t version = reader.u8();
    if (!reader.ok()) return false;
    // What follows the version is the version's.
    if (version != kVersion) {
        if (!options_.dialer) greet(other_version);
        fail(
            LinkFault::version,
            fmt::format(
                "it speaks version {} of the protocol between nodes, this node {}",
                version,
                kVersion));
        return false;
    }
    const std::uint8_t verdict = reader.u8();
    const std::string name(reader.short_string());
    const ByteView nonce = reader.view(kNonceBytes);
    if (!reader.ok()) return false;
    if (verdict > other_cluster) {
        fail(LinkFault::nonsense, "its greeting makes no sense");
        return false;
    }
    if (name != options_.cluster_name || verdict == other_cluster) {
        if (!options_.dialer) greet(other_cluster);
        fail(
            LinkFault::cluster,
            fmt::format(
                "it belongs to cluster '{}', this node to '{}' (cluster_name)",
                name,
                options_.cluster_name));
        return false;
    }
    if (nonce == options_.nonce) {
        fail(LinkFault::nonsense, "it sends this node's own challenge back");
        return false;
    }
    their_nonce_ = nonce;
    in = reader.rest();
    if (options_.dialer) {
        output_ += proof(true);
        state_ = State::verdict;
    } else {
        greet(fine);
        state_ = State::proof;
    }
    return true;
}

bool PeerLink::on_proof(ByteView& in) {
    if (in.size() < kProofBytes) return false;
    const Bytes expected = proof(true);
    if (::CRYPTO_memcmp(in.data(), expected.data(), kProofBytes) != 0) {
        output_.push_back(static_cast<char>(wrong_secret));
        fail(LinkFault::secret, "it does not know this cluster's secret (cluster.secret)");
        return false;
    }
    in.remove_prefix(kProofBytes);
    output_.push_back(static_cast<char>(fine));
    output_ += proof(false);
    state_ = State::ready;
    return true;
}

bool PeerLink::on_verdict(ByteView& in) {
    if (in.empty()) return false;
    if (in.front() == static_cast<char>(wrong_secret)) {
        fail(LinkFault::secret, "it knows another secret than this node (cluster.secret)");
        return false;
    }
    if (in.size() < 1 + kProofBytes) return false;
    const Bytes expected = proof(false);
    if (in.front() != static_cast<char>(fine) ||
        ::CRYPTO_memcmp(in.data() + 1, expected.data(), kProofBytes) != 0) {
        fail(LinkFault::secret, "it cannot prove that it knows the secret (cluster.secret)");
        return false;
    }
    in.remove_prefix(1 + kProofBytes);
    state_ = State::ready;
    return true;
}

bool PeerLink::on_frame(ByteView& in) {
    if (in.size() < kFrameHeaderBytes) return false;
    ByteReader reader(in);
    const std::size_t size = reader.u32();
    const std::uint8_t type = reader.u8();
    const bool known = type >= static_cast<std::uint8_t>(FrameType::formation) &&
                       type <= static_cast<std::uint8_t>(FrameType::answer);
    if (size > kFrameBytesMax || !known) {
        fail(
            LinkFault::nonsense,
            known ? "a frame of it makes no sense"
                  : fmt::format("it sends frames of type {}, which this node does not know", type));
        return false;
    }
    if (reader.rest().size() < size) return false;
    frames_.push_back({static_cast<FrameType>(type), Bytes(reader.view(size))});
    in = reader.rest();
    return true;
}

void PeerLink::send(FrameType type, ByteView payload) {
    ASSERT(ready() && payload.size() <= kFrameBytesMax);
    ByteWriter out(output_);
    out.u32(static_cast<std::uint32_t>(payload.size()));
    out.u8(static_cast<std::uint8_t>(type));
    out.raw(payload);
}

}  // namespace lvt::cluster
