#include "broker/net/peer_streams.h"

#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"

#include <algorithm>

namespace lvt::broker {

namespace {

using cluster::FrameType;
using cluster::LastingStream;
using cluster::NodeId;

constexpr std::uint8_t kVersion = 2;

}  // namespace

/// What each side says first, the dialer before the other.
struct PeerStreams::Greeting {
    NodeId id;
    std::uint64_t starts = 0;
    /// What a stream that begins with this link is called: a number of the dialer's, which the other repeats.
    std::uint64_t called = 0;
    /// The stream that is to go on; 0: a new one.
    std::uint64_t held = 0;
    /// Batches of it that have come.
    std::uint64_t received = 0;

    Bytes encode() const {
        Bytes bytes;
        ByteWriter out(bytes);
        out.u8(kVersion);
        for (const std::uint64_t field : {id.value(), starts, called, held, received})
            out.u64(field);
        return bytes;
    }
    static std::optional<Greeting> decode(ByteView bytes) {
        ByteReader in(bytes);
        const std::uint8_t version = in.u8();
        Greeting out{NodeId(in.u64()), in.u64(), in.u64(), in.u64(), in.u64()};
        if (!in.ok() || version != kVersion) return std::nullopt;
        return out;
    }
};

PeerStreams::PeerStreams(
    NodeId self, std::uint64_t starts, PeerTransport& transport, Hooks hooks, LogSink& log)
    : self_(self), starts_(starts), transport_(transport), hooks_(std::move(hooks)), log_(log) {}

void PeerStreams::look(std::uint64_t now_ms, const std::vector<cluster::Peer>& peers) {
    next_look_ms_ = now_ms + kLookIntervalMs;
    std::map<NodeId, cluster::Peer> known;
    for (const cluster::Peer& peer : peers) {
        if (peer.id == self_) continue;
        const auto before = peers_.find(peer.id);
        if (before == peers_.end() || before->second.name != peer.name)
            hooks_.on_name(peer.id, peer.name);
        known[peer.id] = peer;
    }
    peers_ = std::move(known);
    look_at_links();
    look_at_streams();
    for (const auto& [id, peer] : peers_) {
        if (id > self_ && link_to(id) == 0) links_[transport_.open(peer.host, peer.port)].peer = id;
    }
}

void PeerStreams::look_at_links() {
    std::vector<std::uint64_t> silent;
    for (auto& [number, link] : links_)
        if (++link.silent_looks > kSilentLooksMax) silent.push_back(number);
    for (const std::uint64_t link : silent) transport_.drop(link, "nothing comes on it any more");
    std::vector<NodeId> due;
    for (auto& [id, stream] : streams_) {
        if (!stream.batches.linked()) continue;
        if (++links_.at(stream.link).unsaid_looks < kLooksToSignOfLife &&
            stream.batches.acknowledged())
            continue;
        stream.batches.acknowledge();
        due.push_back(id);
    }
    for (const NodeId id : due) write_all(id);
}

void PeerStreams::look_at_streams() {
    std::vector<NodeId> late;
    for (auto& [id, stream] : streams_) {
        if (stream.batches.linked()) continue;
        if (++stream.unlinked_looks > kUnlinkedLooksMax ||
            stream.batches.kept_bytes() > kKeptBytesMax)
            late.push_back(id);
    }
    for (const NodeId id : late) give_up(id, "it has not come back");
}

std::uint64_t PeerStreams::link_to(NodeId id) const {
    const auto found =
        std::ranges::find_if(links_, [id](const auto& entry) { return entry.second.peer == id; });
    return found == links_.end() ? 0 : found->first;
}

std::string PeerStreams::name_of(NodeId id) const {
    const auto found = peers_.find(id);
    return found == peers_.end() ? "a node that is no member any more" : found->second.name;
}

void PeerStreams::greet(std::uint64_t link, std::uint64_t called, std::uint64_t held) {
    Greeting greeting{self_, starts_, called, held, 0};
    if (held != 0) greeting.received = streams_.at(links_.at(link).peer).batches.received();
    transport_.write(link, FrameType::stream, greeting.encode());
}

void PeerStreams::on_open(std::uint64_t link) {
    const auto stream = streams_.find(links_.at(link).peer);
    greet(link, link, stream == streams_.end() ? 0 : stream->second.batches.name());
}

void PeerStreams::on_closed(std::uint64_t link) {
    const auto found = links_.find(link);
    if (found == links_.end()) return;
    const NodeId id = found->second.peer;
    links_.erase(found);
    const auto at = streams_.find(id);
    if (at == streams_.end() || !at->second.batches.linked() || at->second.link != link) return;
    at->second.batches.interrupt();
    at->second.unlinked_looks = 0;
    log_.log(
        LogLevel::warning,
        "cluster: the link to {} is gone; its stream goes on if there is a new one within {} s",
        name_of(id),
        kUnlinkedLooksMax * kLookIntervalMs / 1000);
}

void PeerStreams::on_refused(const std::string& host, std::uint16_t port) {
    for (const auto& [id, peer] : peers_) {
        const auto stream = streams_.find(id);
        const bool waits = stream != streams_.end() && !stream->second.batches.linked();
        if (waits && peer.host == host && peer.port == port)
            give_up(id, "nobody listens there any more");
    }
}

void PeerStreams::on_frame(std::uint64_t link, ByteView payload) {
    const auto found = links_.find(link);
    if (found == links_.end() || !found->second.greeted) return take_greeting(link, payload);
    found->second.silent_looks = 0;
    const NodeId id = found->second.peer;
    const auto at = streams_.find(id);
    if (at == streams_.end() || at->second.link != link) return;
    auto arrival = at->second.batches.take(payload);
    if (arrival.has_error()) return end(id, at->second.number, arrival.error().message);
    if (arrival->over) return give_up(id, "it has gone");
    if (arrival->batch) hooks_.on_batch(id, at->second.number, std::move(*arrival->batch));
    write_all(id);
}

/// The peer speaks first where it has dialled. It may be a member already, and this node not know yet: it tries again.
bool PeerStreams::is_expected(const Greeting& greeting, std::uint64_t link) const {
    if (!peers_.contains(greeting.id)) return false;
    const auto dialled = links_.find(link);
    if (dialled == links_.end()) return greeting.id < self_;
    if (dialled->second.peer != greeting.id || greeting.called != link) return false;
    // It goes on with what this node has given up meanwhile.
    return greeting.held == 0 || reaches(greeting.id);
}

void PeerStreams::take_greeting(std::uint64_t link, ByteView payload) {
    const std::optional<Greeting> greeting = Greeting::decode(payload);
    if (!greeting || !is_expected(*greeting, link))
        return transport_.drop(link, "it is not a peer that streams here");
    const NodeId id = greeting->id;
    const bool dialled = links_.contains(link);
    if (!dialled) {
        // It has begun anew, whatever this node still holds for alive.
        if (const std::uint64_t old = link_to(id)) transport_.drop(old, "it has made a new one");
        links_[link].peer = id;
    }
    const auto at = streams_.find(id);
    const bool goes_on = at != streams_.end() && greeting->held == at->second.batches.name() &&
                         greeting->starts == at->second.starts;
    if (!dialled) greet(link, greeting->called, goes_on ? greeting->held : 0);
    // Writing may have failed.
    if (!links_.contains(link)) return;
    links_[link].greeted = true;
    if (goes_on)
        this->go_on(link, *greeting);
    else
        begin(link, *greeting);
}

void PeerStreams::begin(std::uint64_t link, const Greeting& greeting) {
    const NodeId id = greeting.id;
    give_up(id, "it knows nothing of it any more");
    Stream stream{++last_number_, greeting.starts, LastingStream(greeting.called), link};
    ASSERT(stream.batches.resume(0).has_value());
    streams_.emplace(id, std::move(stream));
    const std::string name = name_of(id);
    log_.log(LogLevel::info, "cluster: there is a stream to {}", name);
    hooks_.on_begin(id, last_number_, name);
}

void PeerStreams::go_on(std::uint64_t link, const Greeting& greeting) {
    Stream& stream = streams_.at(greeting.id);
    stream.link = link;
    const Result<void> resumed = stream.batches.resume(greeting.received);
    if (resumed.has_error()) return end(greeting.id, stream.number, resumed.error().message);
    log_.log(LogLevel::info, "cluster: the stream to {} goes on", name_of(greeting.id));
    write_all(greeting.id);
}

void PeerStreams::write_all(NodeId id) {
    while (true) {
        const auto at = streams_.find(id);
        if (at == streams_.end()) return;
        const std::optional<Bytes> frame = at->second.batches.next_frame();
        if (!frame) return;
        const std::uint64_t link = at->second.link;
        links_.at(link).unsaid_looks = 0;
        // It may end with that.
        transport_.write(link, FrameType::stream, *frame);
    }
}

void PeerStreams::send(NodeId peer, std::uint64_t stream, Bytes batch) {
    const auto at = streams_.find(peer);
    if (at == streams_.end() || at->second.number != stream) return;
    at->second.batches.push(std::move(batch));
    write_all(peer);
}

void PeerStreams::end(NodeId peer, std::uint64_t stream, const std::string& reason) {
    const auto at = streams_.find(peer);
    if (at == streams_.end() || at->second.number != stream) return;
    log_.log(LogLevel::error, "cluster: the stream to {}: {}", name_of(peer), reason);
    const std::uint64_t link = at->second.batches.linked() ? at->second.link : 0;
    give_up(peer, reason);
    if (link != 0) transport_.drop(link, reason);
}

void PeerStreams::give_up(NodeId id, const std::string& reason) {
    const auto at = streams_.find(id);
    if (at == streams_.end()) return;
    const std::uint64_t number = at->second.number;
    streams_.erase(at);
    log_.log(LogLevel::warning, "cluster: the stream to {} has ended: {}", name_of(id), reason);
    hooks_.on_end(id, number);
}

void PeerStreams::say_farewell() {
    for (const auto& [id, stream] : std::exchange(streams_, {})) {
        if (stream.batches.linked())
            transport_.write(stream.link, FrameType::stream, LastingStream::farewell());
    }
}

}  // namespace lvt::broker
