#include "broker/app/cluster_server.h"

#include "broker/app/cluster_node.h"

namespace lvt::broker {

bool ClusterServer::is_wanted(const Config& config) {
    for (const auto& [key, value] : config.cluster_formation)
        if (key == "cluster.listener" || key == "cluster_formation.peer_discovery_backend" ||
            key.starts_with("cluster_formation.classic_config.nodes"))
            return true;
    return false;
}

Result<std::unique_ptr<ClusterServer>> ClusterServer::open(
    const Config& config, const Clock& clock, LogSink& log) {
    auto node = std::make_unique<Node>(config, clock, log);
    LVT_TRY(node->open());
    return std::unique_ptr<ClusterServer>(new ClusterServer(std::move(node)));
}

ClusterServer::ClusterServer(std::unique_ptr<Node> node) : node_(std::move(node)) {}

ClusterServer::~ClusterServer() { stop(); }

ClusterNode ClusterServer::node() const { return node_->node(); }
bool ClusterServer::may_hold_definitions() const { return node_->may_hold_definitions(); }
Result<void> ClusterServer::restore(std::optional<cluster::LogStore> log) {
    return node_->restore(std::move(log));
}
void ClusterServer::stored(std::uint64_t ticket) {
    node_->post([node = node_.get(), ticket] { node->stored(ticket); });
}
void ClusterServer::checkpoint() {
    node_->post([node = node_.get()] { node->checkpoint(); });
}
void ClusterServer::start(ClusterHooks hooks, FatalHandler on_fatal) {
    node_->start(std::move(hooks), std::move(on_fatal));
}
void ClusterServer::propose(std::vector<ProposalRequest> proposals) {
    node_->propose(std::move(proposals));
}
void ClusterServer::send(std::vector<StreamBatch> batches) { node_->send(std::move(batches)); }
void ClusterServer::ask(
    std::uint8_t kind, std::string text, std::optional<cluster::NodeId> only, Answers done) {
    node_->post([node = node_.get(), kind, text = std::move(text), only, done = std::move(done)] {
        node->ask(kind, text, only, done);
    });
}
void ClusterServer::end_stream(cluster::NodeId peer, std::uint64_t stream, std::string reason) {
    node_->end_stream(peer, stream, std::move(reason));
}
void ClusterServer::provide_state(std::uint64_t index, Bytes state) {
    node_->provide_state(index, std::move(state));
}
void ClusterServer::stop() { node_->stop(); }
const std::string& ClusterServer::name() const { return node_->name(); }
ClusterStatus ClusterServer::status() const { return node_->status(); }
void ClusterServer::forget(std::string node, Done done) {
    node_->post([node = node_.get(), name = std::move(node), done = std::move(done)] {
        node->forget(name, done);
    });
}
void ClusterServer::leave(Done done) {
    node_->post([node = node_.get(), done = std::move(done)] { node->leave(done); });
}
void ClusterServer::join(std::string target, Done done) {
    node_->post([node = node_.get(), target = std::move(target), done = std::move(done)] {
        node->join(target, done);
    });
}
void ClusterServer::discover(Peers done) {
    node_->post([node = node_.get(), done = std::move(done)] { node->discover(done); });
}
void ClusterServer::begin() {
    node_->post([node = node_.get()] { node->begin_formation(); });
}
void ClusterServer::set_facts(std::string facts) {
    node_->post([node = node_.get(), facts = std::move(facts)] { node->set_facts(facts); });
}

}  // namespace lvt::broker
