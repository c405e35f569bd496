// What administrators ask: checked and changed one after the other, answered when all of it is durable.
#include "broker/core/core_state.h"

namespace lvt::broker {

using amqp::ReplyCode;

namespace {

using Require = ChangeDefinitions::Require;
using Checked = std::optional<AdminReply>;  // nothing: go on

AdminReply refusal(AdminOutcome outcome, Bytes text) { return {outcome, std::move(text), 0}; }

/// Are the things there that the command speaks of, and is it sound?
class Check {
public:
    Check(const Topology& topology, Require require) : topology_(topology), require_(require) {}

    Checked operator()(const PutVhost& c) const {
        return put(topology_.find_vhost(c.name), c.name);
    }
    Checked operator()(const DeleteVhost& c) const {
        if (topology_.find_vhost(c.name)) return {};
        return gone(AdminOutcome::no_such_vhost, c.name);
    }
    Checked operator()(const DescribeVhost& c) const { return vhost(c.name); }
    Checked operator()(const PutUser& c) const {
        if (require_ == Require::present) return user(c.name);
        return put(topology_.find_user(c.name), c.name);
    }
    Checked operator()(const DeleteUser& c) const {
        if (topology_.find_user(c.name)) return {};
        return gone(AdminOutcome::no_such_user, c.name);
    }
    Checked operator()(const PutPermissions& c) const {
        if (const Checked checked = user_and_vhost(c)) return checked;
        for (const Bytes* pattern : {&c.configure, &c.write, &c.read}) {
            if (const auto parsed = PermissionPattern::parse(*pattern); parsed.has_error())
                return refusal(AdminOutcome::invalid, parsed.error().message);
        }
        return {};
    }
    Checked operator()(const DeletePermissions& c) const { return user_and_vhost(c); }
    Checked operator()(const PutTopicPermissions& c) const {
        if (const Checked checked = user_and_vhost(c)) return checked;
        if (const auto made = make_topic_permissions(c); made.has_error())
            return refusal(AdminOutcome::invalid, made.error().message);
        return {};
    }
    Checked operator()(const DeleteTopicPermissions& c) const { return user_and_vhost(c); }
    Checked operator()(const PutPolicy& c) const {
        if (const Checked checked = vhost(c.vhost)) return checked;
        return sound(fault_in_policy(c));
    }
    Checked operator()(const DeletePolicy& c) const {
        if (const Checked checked = vhost(c.vhost)) return checked;
        const VhostDefinitions& all = topology_.definitions(c.vhost);
        if ((c.of_operator ? all.operator_policies : all.policies).contains(c.name)) return {};
        return gone(AdminOutcome::not_found, c.name);
    }
    Checked operator()(const PutLimits& c) const {
        if (const Checked checked = c.of_user ? user(c.name) : vhost(c.name)) return checked;
        if (const Checked checked = sound(fault_in_limits(c))) return checked;
        if (require_ == Require::nothing || c.of_user) return {};
        if (!topology_.definitions(c.name).limits.empty()) return {};
        return refusal(AdminOutcome::not_found, c.name);
    }
    Checked operator()(const PutExchange& c) const {
        if (const Checked checked = vhost(c.vhost)) return checked;
        if (routing_type(c.type, c.arguments)) return {};
        return refusal(AdminOutcome::invalid, fmt::format("unknown exchange type '{}'", c.type));
    }
    Checked operator()(const PutQueue& c) const { return vhost(c.vhost); }
    Checked operator()(const PutBinding& c) const {
        if (const Checked checked = vhost(c.vhost)) return checked;
        const VirtualHost& vhost = *topology_.find_vhost(c.vhost);
        if (!vhost.find_exchange(c.source)) return missing("exchange", c.source, c.vhost);
        if (c.to_queue && !vhost.find_queue(c.destination))
            return missing("queue", c.destination, c.vhost);
        if (!c.to_queue && !vhost.find_exchange(c.destination))
            return missing("exchange", c.destination, c.vhost);
        return {};
    }
    Checked operator()(const PutGlobalParameter&) const { return {}; }
    Checked operator()(const BeginSeed&) const { return {}; }
    Checked operator()(const ForgetNode&) const { return {}; }
    Checked operator()(const BeginRun&) const { return {}; }
    Checked operator()(const NoteApplied&) const { return {}; }
    Checked operator()(const DeleteGlobalParameter& c) const {
        if (topology_.global_parameters().contains(c.name)) return {};
        return gone(AdminOutcome::not_found, c.name);
    }
    template <class DeleteTopology>
    Checked operator()(const DeleteTopology& c) const {
        return vhost(c.vhost);
    }

private:
    Checked put(bool exists, const Bytes& name) const {
        if (!exists || require_ != Require::absent) return {};
        return refusal(AdminOutcome::exists, name);
    }
    Checked gone(AdminOutcome outcome, const Bytes& name) const {
        if (require_ != Require::present) return {};
        return refusal(outcome, name);
    }
    Checked user(const Bytes& name) const {
        if (topology_.find_user(name)) return {};
        return refusal(AdminOutcome::no_such_user, name);
    }
    Checked vhost(const Bytes& name) const {
        if (topology_.find_vhost(name)) return {};
        return refusal(AdminOutcome::no_such_vhost, name);
    }
    template <class Command>
    Checked user_and_vhost(const Command& c) const {
        if (const Checked checked = user(c.user)) return checked;
        return vhost(c.vhost);
    }
    static Checked sound(Bytes fault) {
        if (fault.empty()) return {};
        return refusal(AdminOutcome::invalid, std::move(fault));
    }
    static Checked missing(ByteView kind, ByteView name, ByteView vhost) {
        return refusal(
            AdminOutcome::not_found, fmt::format("no {} '{}' in vhost '{}'", kind, name, vhost));
    }

    const Topology& topology_;
    Require require_;
};

}  // namespace

void CoreState::administer(AdminId id, AdminRequest& request, Time now) {
    now_ = now;
    std::visit([&](auto& r) { administer(id, r); }, request);
}

void CoreState::answer(AdminId id, AdminReply reply) {
    output_.answers.push_back({id, std::move(reply)});
}

void CoreState::answer_when_durable(AdminId id, AdminReply reply) {
    if (commits_.durable(commits_.ticket())) return answer(id, std::move(reply));
    commits_.request();
    wait({commits_.ticket(), {}, Waiter::Administered{{id, std::move(reply)}}});
}

void CoreState::administer(AdminId id, ChangeDefinitions& request) {
    for (MetadataCommand& command : request.commands) {
        auto* const put = std::get_if<PutQueue>(&command);
        if (!put) continue;
        put->uid = {};
        put->exclusive = false;
        put->home = node_.id;
    }
    if (clustered()) {
        (void)propose(std::move(request), Proposal::AnswerAdmin{id, {}});
        return;
    }
    answer_when_durable(id, define_all(request));
}

AdminReply CoreState::define_all(ChangeDefinitions& request) {
    for (MetadataCommand& command : request.commands) {
        // Another node was quicker to found the cluster.
        if (std::holds_alternative<BeginSeed>(command) && topology_.applied().seeded) return {};
        if (auto refused = std::visit(Check(topology_, request.require), command))
            return std::move(*refused);
        std::visit([&](auto& c) { define(c); }, command);
    }
    return {};
}

template <class Command>
void CoreState::define(Command& command) {
    change(command, true);
}

void CoreState::define(DeleteVhost& command) {
    VirtualHost* const vhost = topology_.find_vhost(command.name);
    if (!vhost) return;
    for (auto& lane : sessions_) {
        for (auto& session : lane) {
            if (!session || session->vhost != vhost) continue;
            force_close(*session, fmt::format("vhost '{}' is deleted", command.name));
            leave(*session);
        }
    }
    while (!vhost->queues().empty()) drop_queue(*vhost->queues().begin()->second);
    for (const auto& [name, exchange] : vhost->exchanges()) forget_delay_queue(*exchange);
    stats_.deleted_vhosts += vhost->stats;
    change(command, true);
}

void CoreState::define(DeleteUser& command) {
    for (auto& lane : sessions_) {
        for (auto& session : lane) {
            if (session && session->user == command.name)
                force_close(*session, fmt::format("user '{}' is deleted", command.name));
        }
    }
    change(command, true);
}

void CoreState::define(PutLimits& command) {
    change(command, true);
    if (!command.of_user) return;
    for (auto& lane : sessions_) {
        for (auto& session : lane) {
            if (!session || session->user != command.name) continue;
            effects(session->lane)
                .push_back(LimitChannels{session->id, channels_limited(*session)});
        }
    }
}

void CoreState::define(PutExchange& command) { change(command, command.durable); }

void CoreState::define(DeleteExchange& command) {
    const VirtualHost& vhost = *topology_.find_vhost(command.vhost);
    const Exchange* const exchange = vhost.find_exchange(command.name);
    if (exchange && !exchange->predeclared) change(command, exchange->durable);
}

void CoreState::define(PutQueue& command) {
    const VirtualHost& vhost = *topology_.find_vhost(command.vhost);
    if (const Queue* const found = vhost.find_queue(command.name)) {
        if (found->home != command.home) change(command, true);
        return;
    }
    if (command.uid.value() == 0) command.uid = topology_.next_queue_uid();
    change(command, command.durable && !command.exclusive);
    Queue& queue = *topology_.find_queue(command.uid);
    apply_settings(queue);
    if (!is_here(queue)) return;
    ++stats_.queues_created;
    if (!proposer_) ++stats_.queues_declared;
    if (!queue.exclusive) return;
    // Its connection may be gone by now.
    if (!proposer_ || proposer_->closing) return delete_queue(queue);
    queue.owner = proposer_;
    proposer_->exclusive_queues.push_back(queue.uid);
}

void CoreState::define(DeleteQueue& command) {
    Queue* const queue = topology_.find_vhost(command.vhost)->find_queue(command.name);
    if (queue && (command.uid.value() == 0 || command.uid == queue->uid)) drop_queue(*queue);
}

void CoreState::define(BeginSeed& command) { change(command, true); }

void CoreState::define(ForgetNode& command) {
    std::vector<Queue*> gone;
    topology_.for_each_queue([&](Queue& queue) {
        if (queue.home == command.node && !is_here(queue)) gone.push_back(&queue);
    });
    for (Queue* const queue : gone) drop_queue(*queue);
    change(command, true);
}

void CoreState::define(BeginRun& command) {
    const auto& marks = topology_.applied().marks;
    const bool went_on = std::ranges::any_of(command.alive, [&](const ClusterNode& one) {
        const auto mark = marks.find(one.id);
        return mark != marks.end() && mark->second.starts == one.starts;
    });
    if (went_on) return;
    std::vector<DeleteExchange> gone;
    for (const auto& [vhost_name, vhost] : topology_.vhosts()) {
        for (const auto& [name, exchange] : vhost->exchanges())
            if (!exchange->durable) gone.push_back({vhost_name, name});
    }
    for (DeleteExchange& one : gone) define(one);
}

void CoreState::define(PutBinding& command) {
    const VirtualHost& vhost = *topology_.find_vhost(command.vhost);
    Destination destination;
    if (command.to_queue)
        destination.queue = vhost.find_queue(command.destination);
    else
        destination.exchange = vhost.find_exchange(command.destination);
    change(command, binding_is_durable(*vhost.find_exchange(command.source), destination));
}

/// Its channels stay until the lane says that it is gone, as after any error.
void CoreState::force_close(SessionState& session, Bytes reason) {
    if (session.closing) return;
    session.closing = true;
    effects(session.lane)
        .push_back(SessionFailed{
            session.id, {ReplyCode::connection_forced, std::move(reason), 0, 0, true}});
}

void CoreState::apply_changed_policies() {
    for (const storage::QueueUid uid : topology_.take_changed_queues()) {
        if (Queue* const queue = topology_.find_queue(uid)) apply_settings(*queue);
    }
}

}  // namespace lvt::broker
