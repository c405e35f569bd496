// ClusterServer's streams: what the cores of this node and its peers tell each other. And what nodes ask each other.
#include "broker/app/cluster_node.h"

#include <algorithm>
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
    std::vector<ClusterNode> others = alive();
    // The group may be quicker than the greetings by which nodes hear of each other.
    const bool hears_most = 2 * (others.size() + 1) > membership_->members().size();
    if (!hears_most && now_ms() < streams_by_ms_) return;
    told_caught_up_ = true;
    hooks_.on_caught_up(std::move(others));
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

namespace {

/// Answers that come one by one.
struct Gathering {
    std::vector<MemberAnswer> answers;
    std::size_t awaited = 0;
    ClusterServer::Answers done;
};

}  // namespace

void ClusterServer::Node::ask(
    std::uint8_t kind, const std::string& text, std::optional<cluster::NodeId> only, Answers done) {
    auto gathering = std::make_shared<Gathering>();
    gathering->done = std::move(done);
    std::vector<cluster::Peer> running;
    for (const cluster::NodeId id :
         membership_ ? membership_->members() : std::vector<cluster::NodeId>{}) {
        if (id == formation_->self().id || (only && *only != id)) continue;
        const auto peer = formation_->peer(id);
        gathering->answers.push_back({id, peer ? peer->name : to_text(id), {}});
        if (peer && formation_->is_fresh(id)) running.push_back(*peer);
    }
    gathering->awaited = running.size();
    if (running.empty()) return gathering->done(std::move(gathering->answers));
    for (const cluster::Peer& peer : running) {
        inquiries_->ask(now_ms(), peer, kind, text, [gathering, id = peer.id](auto answer) {
            const auto member = std::ranges::find(gathering->answers, id, &MemberAnswer::id);
            if (answer && answer->status == cluster::AnswerStatus::told)
                member->answer = std::move(answer);
            if (--gathering->awaited == 0) gathering->done(std::move(gathering->answers));
        });
    }
    // Who is silent is noticed in time.
    serve();
}

void ClusterServer::Node::on_question(cluster::Question question, PeerInquiries::Respond respond) {
    // It may come after the node has let go of everything.
    if (!hooks_.on_question) return;
    hooks_.on_question(
        std::move(question), [this, respond = std::move(respond)](cluster::Answer answer) {
            auto shared = std::make_shared<cluster::Answer>(std::move(answer));
            loop_.post([respond, shared] { respond(std::move(*shared)); });
        });
}

}  // namespace lvt::broker
