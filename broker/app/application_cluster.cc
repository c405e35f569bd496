// The application as a node of a cluster: what core and metadata group tell each other, and when clients are let in.
#include "broker/app/application.h"
#include "broker/app/broker_control.h"
#include "broker/app/cluster_server.h"
#include "broker/app/management_server.h"
#include "broker/core/topology.h"
#include "broker/management/node_facts.h"
#include "cluster/node/peer.h"

#include <algorithm>
#include <set>

namespace lvt::broker {

Result<void> Application::check_definitions() const {
    if (!cluster_ || core_->topology().vhosts().empty() || cluster_->may_hold_definitions())
        return {};
    return Error{
        ErrorKind::invalid,
        "cluster.listener: this node has definitions of its own, and only a blank one can join "
        "others (without a peer discovery backend it founds a cluster that others can join)"};
}

void Application::call_core(std::function<void(Core&, Time)> action) {
    core_thread_->call([this, action = std::move(action)](Core& core, Time now) {
        action(core, now);
        open_if_ready();
    });
}

void Application::start_cluster() {
    ClusterHooks hooks;
    hooks.store = [this](GroupRecord record) {
        // What a loop takes must be copyable.
        auto shared = std::make_shared<GroupRecord>(std::move(record));
        core_thread_->call(
            [shared](Core& core, Time now) { core.store_group(std::move(*shared), now); });
    };
    hooks.on_committed = [this](std::vector<ClusterEntry> entries) {
        call_core([entries = std::move(entries)](Core& core, Time now) {
            core.on_committed(entries, now);
        });
    };
    hooks.on_installed = [this](std::uint64_t index, Bytes state) {
        call_core([this, index, state = std::move(state)](Core& core, Time now) {
            const Result<void> installed = core.on_installed(index, state, now);
            if (installed.has_error()) fail(installed.error());
        });
    };
    hooks.on_want_state = [this](std::uint64_t index) {
        call_core([this, index](Core& core, Time) {
            cluster_->provide_state(index, core.cluster_state().bytes);
        });
    };
    hooks.on_leading = [this](std::vector<cluster::NodeId> members) {
        call_core([this, members = std::move(members)](Core& core, Time now) {
            core.on_leading(now);
            forget_others(members);
        });
    };
    hooks.on_caught_up = [this](std::vector<ClusterNode> alive) {
        call_core([this, alive = std::move(alive)](Core& core, Time now) {
            core.on_joined(now);
            begin_run(alive);
        });
    };
    hooks.on_removed = [this] {
        // Its clients are told to go, and nobody else comes.
        core_thread_->loop().post([this] {
            if (control_) control_->stop_app();
        });
    };
    hooks.on_question = [this](cluster::Question question, auto respond) {
        on_question(std::move(question), std::move(respond));
    };
    hooks.wants_facts = [this] {
        core_thread_->loop().post(
            [this] { cluster_->set_facts(encode_node_facts(management_->told_facts())); });
    };
    hooks.idle = options_.app_stopped;
    add_stream_hooks(hooks);
    cluster_->start(std::move(hooks), [this](Error error) { fail(std::move(error)); });
}

void Application::add_stream_hooks(ClusterHooks& hooks) {
    hooks.on_peer_named = [this](cluster::NodeId peer, const std::string& name) {
        call_core([peer, name](Core& core, Time) { core.name_peer(peer, name); });
    };
    hooks.on_stream_begun =
        [this](cluster::NodeId peer, std::uint64_t stream, const std::string& name) {
            call_core([this, peer, stream, name](Core& core, Time now) {
                streams_[peer] = stream;
                core.on_peer_up(peer, name, now);
            });
        };
    hooks.on_stream_ended = [this](cluster::NodeId peer, std::uint64_t stream) {
        call_core([this, peer, stream](Core& core, Time now) {
            if (streams_[peer] == stream) core.on_peer_down(peer, now);
        });
    };
    hooks.on_batch = [this](cluster::NodeId peer, std::uint64_t stream, Bytes batch) {
        auto shared = std::make_shared<Bytes>(std::move(batch));
        call_core([this, peer, stream, shared](Core& core, Time now) {
            if (streams_[peer] != stream) return;
            const Result<void> taken = core.on_peer_batch(peer, *shared, now);
            if (taken.has_error()) cluster_->end_stream(peer, stream, taken.error().message);
        });
    };
}

/// Clients are let in when what an earlier process left behind has gone.
void Application::begin_run(std::vector<ClusterNode> alive) {
    ChangeDefinitions begin;
    begin.commands.push_back(BeginRun{std::move(alive)});
    // It comes back after all that was proposed before it; without a majority clients need not wait.
    core_thread_->administer(std::move(begin), [this](const AdminReply&) {
        joined_ = true;
        open_if_ready();
    });
}

/// Queues of nodes that were removed go: nobody else has their messages, and their names shall be free.
void Application::forget_others(const std::vector<cluster::NodeId>& members) {
    std::set<cluster::NodeId> gone;
    core_->topology().for_each_queue([&](const Queue& queue) {
        if (queue.home.value() != 0 && !std::ranges::binary_search(members, queue.home))
            gone.insert(queue.home);
    });
    for (const cluster::NodeId node : gone) {
        log_.log(LogLevel::info, "cluster: queues of node {} go with it", to_text(node));
        core_thread_->administer(
            ChangeDefinitions{{ForgetNode{node}}, {}}, [](const AdminReply&) {});
    }
}

void Application::send_batches(std::vector<PeerBatch>& batches) {
    std::vector<StreamBatch> out;
    for (PeerBatch& batch : batches) {
        const std::uint64_t stream = streams_[batch.peer];
        out.push_back({stream, std::move(batch)});
    }
    cluster_->send(std::move(out));
}

void Application::open_alone() {
    if (!app_wanted_) {
        for (const auto& listener : listeners_) listener->close();
        return;
    }
    opened_ = true;
    accept_connections();
    if (options_.on_ready) options_.on_ready();
}

void Application::open_if_ready() {
    if (opened_ || !joined_ || !app_wanted_ || !core_->topology().applied().seeded) return;
    opened_ = true;
    if (const Result<void> loaded = load_definitions(); loaded.has_error())
        return fail(loaded.error());
    for (const auto& listener : listeners_) {
        if (const Result<void> listening = listener->listen(); listening.has_error())
            return fail(listening.error());
    }
    accept_connections();
    if (options_.on_ready) options_.on_ready();
}

}  // namespace lvt::broker
