// ClusterServer's streams: what the cores of this node and its peers tell each other.
#include "broker/app/cluster_node.h"

#include <set>

namespace lvt::broker {

void ClusterServer::Node::serve_streams() {
    if (!streams_) {
        streams_.emplace(
            formation_->self().id,
            formation_->self().starts,
            *transport_,
            PeerStreams::Hooks{
                hooks_.on_stream_begun,
                hooks_.on_stream_ended,
                hooks_.on_peer_named,
                hooks_.on_batch},
            log_);
    } else if (now_ms() < streams_->deadline_ms()) {
        return;
    }
    std::vector<cluster::Peer> peers;
    for (const cluster::NodeId id : membership_->members())
        if (const auto peer = formation_->peer(id)) peers.push_back(*peer);
    streams_->look(now_ms(), peers);
}

void ClusterServer::Node::tell_caught_up() {
    if (told_caught_up_) return;
    for (const cluster::NodeId id : membership_->members()) {
        const bool awaited = id != formation_->self().id && formation_->is_fresh(id);
        if (awaited && !streams_->reaches(id) && now_ms() < streams_by_ms_) return;
    }
    told_caught_up_ = true;
    hooks_.on_caught_up(alive());
}

std::vector<ClusterNode> ClusterServer::Node::alive() const {
    std::set<cluster::NodeId> heard;
    for (const cluster::NodeId id : membership_->members()) {
        if (!is_there(id)) continue;
        heard.insert(id);
        if (const auto others = formation_->heard_by(id))
            heard.insert(others->begin(), others->end());
    }
    heard.erase(formation_->self().id);
    std::vector<ClusterNode> out;
    for (const cluster::NodeId id : heard)
        if (const auto peer = formation_->peer(id)) out.push_back({id, peer->starts});
    return out;
}

void ClusterServer::Node::send(std::vector<StreamBatch> batches) {
    // What a loop takes must be copyable.
    auto shared = std::make_shared<std::vector<StreamBatch>>(std::move(batches));
    loop_.post([this, shared] {
        if (!streams_) return;
        for (StreamBatch& one : *shared)
            streams_->send(one.batch.peer, one.stream, std::move(one.batch.bytes));
    });
}

void ClusterServer::Node::end_stream(
    cluster::NodeId peer, std::uint64_t stream, std::string reason) {
    loop_.post([this, peer, stream, reason = std::move(reason)] {
        if (streams_) streams_->end(peer, stream, reason);
    });
}

}  // namespace lvt::broker
