// PeerLink: one connection between two nodes without its socket: octets in, frames out, and the other way round. cluster/PROTOCOL.md draws them.
//
// Before the first frame both sides say which protocol and which cluster they speak for, and prove that they know the cluster's secret, without
// telling it: each answers the other's random challenge with an HMAC. What comes after is neither encrypted nor signed.
#pragma once

#include "protocol/base/bytes.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lvt::cluster {

enum class FrameType : std::uint8_t {
    formation = 1,  // formation_message.h
    group = 2,      // raft/message.h
    proposal = 3,   // node/proposals.h, to whoever leads the group
    stream = 4,     // what is not lost on the way while the link stands (broker/net/peer_streams.h)
    question = 5,   // inquiry.h
    answer = 6,     // the same
};

struct LinkFrame {
    FrameType type = FrameType::formation;
    Bytes payload;

    bool operator==(const LinkFrame&) const = default;
};

/// Why a link cannot be.
enum class LinkFault {
    version,  // the other side speaks another version
    cluster,  // it belongs to a cluster of another name
    secret,   // it does not know the secret, or we do not
    nonsense  // it speaks something else
};

class PeerLink {
public:
    struct Options {
        bool dialer = false;
        /// At most 255 octets.
        std::string cluster_name;
        std::string secret;
        /// Random, kNonceBytes of it, never used again.
        Bytes nonce;
    };
    static constexpr std::size_t kNonceBytes = 16;
    static constexpr std::size_t kFrameBytesMax = 64u << 20;

    explicit PeerLink(Options options);

    /// What came from the other side. Nothing once it has failed.
    void receive(ByteView bytes);
    /// Both sides have proved themselves: send() may be called.
    bool ready() const { return state_ == State::ready; }
    std::optional<LinkFault> fault() const { return fault_; }
    /// One line for the log; empty where there is no fault.
    const std::string& fault_text() const { return fault_text_; }

    /// Where it is ready. At most kFrameBytesMax octets.
    void send(FrameType type, ByteView payload);

    /// For the socket, also after a fault: the other side shall learn why.
    ByteView output() const { return ByteView(output_).substr(sent_); }
    void sent(std::size_t bytes) {
        sent_ += bytes;
        // Not at every step: what waits may be much.
        if (sent_ < output_.size() && sent_ < kSentBytesMax) return;
        output_.erase(0, sent_);
        sent_ = 0;
    }
    std::vector<LinkFrame> take_frames() { return std::exchange(frames_, {}); }

private:
    static constexpr std::size_t kSentBytesMax = 1u << 20;
    enum class State { greeting, proof, verdict, ready };

    /// Takes one step's octets from `in`; false where there are not enough.
    bool step(ByteView& in);
    bool on_greeting(ByteView& in);
    bool on_proof(ByteView& in);
    bool on_verdict(ByteView& in);
    bool on_frame(ByteView& in);
    void greet(std::uint8_t verdict);
    void fail(LinkFault fault, std::string text);
    Bytes proof(bool dialers) const;

    Options options_;
    State state_ = State::greeting;
    std::optional<LinkFault> fault_;
    std::string fault_text_;
    Bytes their_nonce_;
    Bytes input_;
    Bytes output_;
    /// Of its front.
    std::size_t sent_ = 0;
    std::vector<LinkFrame> frames_;
};

}  // namespace lvt::cluster
