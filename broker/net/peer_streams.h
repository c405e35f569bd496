// PeerStreams: the streams of batches between this node's core and those of its peers, each over a link of its own that the node with the lower id
// dials (cluster/PROTOCOL.md). A batch comes whole and in order, or its stream ends.
#pragma once

#include "broker/net/peer_transport.h"
#include "cluster/node/peer.h"
#include "protocol/base/log_sink.h"

#include <functional>
#include <map>

namespace lvt::broker {

/// All calls on the transport's loop.
class PeerStreams {
public:
    /// Streams are numbered, so that what comes late for one that has ended is known. May be called from within any call.
    struct Hooks {
        std::function<void(cluster::NodeId peer, std::uint64_t stream, const std::string& name)>
            on_begin;
        std::function<void(cluster::NodeId peer, std::uint64_t stream)> on_end;
        /// What the node is called, when it is news.
        std::function<void(cluster::NodeId peer, const std::string& name)> on_name;
        std::function<void(cluster::NodeId peer, std::uint64_t stream, Bytes batch)> on_batch;
    };

    /// `transport` and `log` must outlive it.
    PeerStreams(
        cluster::NodeId self, std::uint64_t starts, PeerTransport& transport, Hooks hooks,
        LogSink& log);

    /// Dials what is to be dialled and has no stream. `peers`: the other members. Until the first call others are refused.
    void look(std::uint64_t now_ms, const std::vector<cluster::Peer>& peers);
    /// When it wants to look again.
    std::uint64_t deadline_ms() const { return next_look_ms_; }

    /// There is a stream to it.
    bool reaches(cluster::NodeId peer) const;

    void on_open(std::uint64_t link);
    void on_closed(std::uint64_t link);
    void on_frame(std::uint64_t link, ByteView payload);

    /// Nothing where the stream is over.
    void send(cluster::NodeId peer, std::uint64_t stream, ByteView batch);
    /// What it said makes no sense.
    void end(cluster::NodeId peer, std::uint64_t stream, const std::string& reason);

private:
    struct Stream {
        cluster::NodeId peer;
        /// 0: it has not said who it is.
        std::uint64_t number = 0;
        Bytes incoming;
    };

    std::string name_of(cluster::NodeId id) const;
    void greet(std::uint64_t link);
    void take_greeting(std::uint64_t link, ByteView payload);

    const cluster::NodeId self_;
    const std::uint64_t starts_;
    PeerTransport& transport_;
    Hooks hooks_;
    LogSink& log_;
    std::uint64_t last_stream_ = 0;
    std::uint64_t next_look_ms_ = ~std::uint64_t{0};
    std::map<cluster::NodeId, cluster::Peer> peers_;
    /// By link; those that others dialled come with their first frame.
    std::map<std::uint64_t, Stream> streams_;
    /// The link that counts, or is being made.
    std::map<cluster::NodeId, std::uint64_t> links_;
};

}  // namespace lvt::broker
