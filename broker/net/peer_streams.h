// PeerStreams: the streams of batches between this node's core and those of its peers, each over a link of its own that the node with the lower id
// dials (cluster/PROTOCOL.md). A stream outlives its link where another one to the same process comes soon (LastingStream); else it ends, and what
// was on its way may be lost.
#pragma once

#include "broker/net/peer_transport.h"
#include "cluster/node/peer.h"
#include "cluster/transport/lasting_stream.h"
#include "protocol/base/log_sink.h"

#include <functional>
#include <map>

namespace lvt::broker {

/// All calls on the transport's loop.
class PeerStreams {
public:
    /// Between two looks.
    static constexpr std::uint64_t kLookIntervalMs = 250;
    // In looks, not by the clock: where this node itself was held up, nobody else is to blame.

    /// After so many something is said, whether there is anything to say or not.
    static constexpr unsigned kLooksToSignOfLife = 8;
    /// 10 s, as TCP has it for a peer that acknowledges nothing: a link on which nothing comes is dropped. So one half of which is gone is noticed
    /// where proxies answer for a peer, too.
    static constexpr unsigned kSilentLooksMax = 40;
    /// As long again a stream waits for its next link: time for two dials that are not answered (PeerTransport::Options).
    static constexpr unsigned kUnlinkedLooksMax = 40;
    /// Without a link, more is not kept: the stream ends.
    static constexpr std::uint64_t kKeptBytesMax = 128u << 20;

    /// Streams are numbered, so that what comes late for one that has ended is known. May be called from within any call.
    struct Hooks {
        std::function<void(cluster::NodeId peer, std::uint64_t stream, const std::string& name)>
            on_begin;
        std::function<void(cluster::NodeId peer, std::uint64_t stream)> on_end;
        /// What the node is called, when it is news.
        std::function<void(cluster::NodeId peer, const std::string& name)> on_name;
        std::function<void(cluster::NodeId peer, std::uint64_t stream, Bytes batch)> on_batch;
    };

    /// `starts`: of this node. `transport` and `log` must outlive it.
    PeerStreams(
        cluster::NodeId self, std::uint64_t starts, PeerTransport& transport, Hooks hooks,
        LogSink& log);

    /// Dials what is to be dialled and has no link, and ends what has had none for too long. `peers`: the other members. Until the first call
    /// others are refused.
    void look(std::uint64_t now_ms, const std::vector<cluster::Peer>& peers);
    /// When it wants to look again.
    std::uint64_t deadline_ms() const { return next_look_ms_; }

    /// There is a stream to it.
    bool reaches(cluster::NodeId peer) const { return streams_.contains(peer); }

    void on_open(std::uint64_t link);
    void on_closed(std::uint64_t link);
    /// Who was dialled there is gone: its stream waits for no other link.
    void on_refused(const std::string& host, std::uint16_t port);
    void on_frame(std::uint64_t link, ByteView payload);

    /// Nothing where the stream is over.
    void send(cluster::NodeId peer, std::uint64_t stream, Bytes batch);
    /// What it said makes no sense.
    void end(cluster::NodeId peer, std::uint64_t stream, const std::string& reason);
    /// This node is about to go: the others shall not wait for it. No hook is called any more.
    void say_farewell();

private:
    struct Stream {
        /// For the hooks.
        std::uint64_t number;
        /// Of the other node: another start is another process.
        std::uint64_t starts;
        cluster::LastingStream batches;
        /// Where `batches` is linked.
        std::uint64_t link;
        unsigned unlinked_looks = 0;
    };
    /// To be made, or made.
    struct Link {
        cluster::NodeId peer;
        /// The other side has said who it is.
        bool greeted = false;
        unsigned silent_looks = 0;
        unsigned unsaid_looks = 0;
    };
    struct Greeting;

    std::string name_of(cluster::NodeId id) const;
    std::uint64_t link_to(cluster::NodeId id) const;
    void look_at_links();
    void look_at_streams();
    void greet(std::uint64_t link, std::uint64_t called, std::uint64_t held);
    void take_greeting(std::uint64_t link, ByteView payload);
    bool is_expected(const Greeting& greeting, std::uint64_t link) const;
    void begin(std::uint64_t link, const Greeting& greeting);
    void go_on(std::uint64_t link, const Greeting& greeting);
    void give_up(cluster::NodeId id, const std::string& reason);
    void write_all(cluster::NodeId id);

    const cluster::NodeId self_;
    const std::uint64_t starts_;
    PeerTransport& transport_;
    Hooks hooks_;
    LogSink& log_;
    std::uint64_t last_number_ = 0;
    std::uint64_t next_look_ms_ = ~std::uint64_t{0};
    std::map<cluster::NodeId, cluster::Peer> peers_;
    std::map<cluster::NodeId, Stream> streams_;
    /// At most one to each peer; those that others dialled come with their first frame.
    std::map<std::uint64_t, Link> links_;
};

}  // namespace lvt::broker
