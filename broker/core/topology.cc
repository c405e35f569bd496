#include "broker/core/topology.h"

#include <algorithm>
#include <array>

namespace lvt::broker {

namespace {

struct Predeclared {
    const char* name;
    ExchangeType type;
    bool internal;
};
/// Every virtual host has these (behaviour sheet 1.2).
constexpr std::array<Predeclared, 6> kPredeclared = {{
    {"amq.direct", ExchangeType::direct, false},
    {"amq.fanout", ExchangeType::fanout, false},
    {"amq.headers", ExchangeType::headers, false},
    {"amq.match", ExchangeType::headers, false},
    {"amq.rabbitmq.trace", ExchangeType::topic, true},
    {"amq.topic", ExchangeType::topic, false},
}};

}  // namespace

bool binding_is_durable(const Exchange& source, const Destination& destination) {
    return source.durable &&
           (destination.queue ? destination.queue->persistent : destination.exchange->durable);
}

Result<void> Topology::apply(const MetadataCommand& command, std::vector<Bytes>* orphaned) {
    orphaned_ = orphaned;
    ++epoch_;
    return std::visit([&](const auto& c) { return apply_one(c); }, command);
}

VirtualHost* Topology::find_vhost(ByteView name) const {
    const auto found = vhosts_.find(name);
    return found == vhosts_.end() ? nullptr : found->second.get();
}

const User* Topology::find_user(ByteView name) const {
    const auto found = users_.find(name);
    return found == users_.end() ? nullptr : &found->second;
}

Queue* Topology::find_queue(storage::QueueUid uid) const {
    const auto found = queues_by_uid_.find(uid);
    return found == queues_by_uid_.end() ? nullptr : found->second;
}

void Topology::reserve_queue_uids(storage::QueueUid up_to) {
    if (up_to.value() < kPrivateQueueUid) queue_uid_max_ = std::max(queue_uid_max_, up_to.value());
}

Result<void> Topology::apply_one(const PutVhost& command) {
    auto& vhost = vhosts_[command.name];
    if (vhost) return {};
    vhost = std::make_unique<VirtualHost>(command.name);
    for (const Predeclared& predeclared : kPredeclared) {
        auto exchange = std::make_unique<Exchange>(predeclared.name, predeclared.type);
        exchange->durable = true;
        exchange->internal = predeclared.internal;
        exchange->predeclared = true;
        vhost->exchanges_.emplace(predeclared.name, std::move(exchange));
    }
    return {};
}

Result<void> Topology::apply_one(const DeleteVhost& command) {
    const auto found = vhosts_.find(command.name);
    if (found == vhosts_.end()) return {};
    for (const auto& [name, queue] : found->second->queues_) queues_by_uid_.erase(queue->uid);
    for (const auto& [name, exchange] : found->second->exchanges_) {
        if (exchange->delay_queue) queues_by_uid_.erase(exchange->delay_queue->uid);
    }
    vhosts_.erase(found);
    vhost_definitions_.erase(command.name);
    for (auto& [name, user] : users_) {
        user.permissions.erase(command.name);
        user.topic_permissions.erase(command.name);
    }
    return {};
}

Result<void> Topology::apply_one(const PutUser& command) {
    User& user = users_[command.name];
    user.name = command.name;
    user.password_hash = command.password_hash;
    user.tags = command.tags;
    return {};
}

Result<void> Topology::apply_one(const DeleteUser& command) {
    users_.erase(command.name);
    return {};
}

Result<void> Topology::apply_one(const PutPermissions& command) {
    const auto user = users_.find(command.user);
    if (user == users_.end() || !find_vhost(command.vhost)) return {};
    auto configure = PermissionPattern::parse(command.configure);
    if (configure.has_error()) return std::move(configure).error();
    auto write = PermissionPattern::parse(command.write);
    if (write.has_error()) return std::move(write).error();
    auto read = PermissionPattern::parse(command.read);
    if (read.has_error()) return std::move(read).error();
    user->second.permissions[command.vhost] = Permissions{*configure, *write, *read};
    return {};
}

Result<void> Topology::apply_one(const DeletePermissions& command) {
    const auto user = users_.find(command.user);
    if (user != users_.end()) user->second.permissions.erase(command.vhost);
    return {};
}

Result<void> Topology::apply_one(const PutExchange& command) {
    VirtualHost* const vhost = find_vhost(command.vhost);
    const auto type = routing_type(command.type, command.arguments);
    if (!vhost || !type || vhost->find_exchange(command.name)) return {};
    auto exchange = std::make_unique<Exchange>(command.name, *type);
    exchange->durable = command.durable;
    exchange->auto_delete = command.auto_delete;
    exchange->internal = command.internal;
    exchange->delays = command.type == kDelayedMessageType;
    exchange->arguments = command.arguments;
    refresh_policy(*exchange, command.vhost);
    vhost->exchanges_.emplace(command.name, std::move(exchange));
    return {};
}

Result<void> Topology::apply_one(const DeleteExchange& command) {
    VirtualHost* const vhost = find_vhost(command.vhost);
    Exchange* const exchange = vhost ? vhost->find_exchange(command.name) : nullptr;
    if (!exchange) return {};
    drop_bindings_to(exchange->bound_from, Destination{nullptr, exchange});
    for (const auto& [key, destination] : exchange->bindings()) {
        auto& from =
            destination.queue ? destination.queue->bound_from : destination.exchange->bound_from;
        from.erase(std::find(from.begin(), from.end(), exchange));
    }
    if (exchange->delay_queue) queues_by_uid_.erase(exchange->delay_queue->uid);
    vhost->exchanges_.erase(vhost->exchanges_.find(command.name));
    return {};
}

Result<void> Topology::apply_one(const PutDelayQueue& command) {
    VirtualHost* const vhost = find_vhost(command.vhost);
    Exchange* const exchange = vhost ? vhost->find_exchange(command.exchange) : nullptr;
    if (!exchange || !exchange->delays || exchange->delay_queue) return {};
    auto queue = std::make_unique<Queue>(resident_bytes_, vhost->delayed_totals);
    queue->uid = command.uid;
    queue->vhost = vhost;
    queue->name = command.exchange;
    queue->durable = queue->persistent = exchange->durable;
    queue->keeps_house = true;
    queue->delayed = std::make_unique<DelayedMessages>();
    queue->delayed->exchange = exchange;
    reserve_queue_uids(command.uid);
    queues_by_uid_[command.uid] = queue.get();
    exchange->delay_queue = std::move(queue);
    return {};
}

Result<void> Topology::apply_one(const PutQueue& command) {
    VirtualHost* const vhost = find_vhost(command.vhost);
    if (!vhost) return {};
    if (Queue* const found = vhost->find_queue(command.name)) {
        // It was there before its node founded the cluster.
        if (found->home.value() == 0) found->home = command.home;
        return {};
    }
    auto queue = std::make_unique<Queue>(resident_bytes_, vhost->totals);
    queue->uid = command.uid;
    queue->home = command.home;
    queue->vhost = vhost;
    queue->name = command.name;
    queue->durable = command.durable;
    queue->persistent = command.durable && !command.exclusive;
    queue->auto_delete = command.auto_delete;
    queue->exclusive = command.exclusive;
    queue->arguments = command.arguments;
    queue->settings = make_queue_settings(queue->arguments, queue->policy);
    if (refresh_policy(*queue))
        queue->settings = make_queue_settings(queue->arguments, queue->policy);
    queue->machine.configure(queue->settings.max_priority, queue->settings.single_active_consumer);
    reserve_queue_uids(command.uid);
    queues_by_uid_[command.uid] = queue.get();
    vhost->queues_.emplace(command.name, std::move(queue));
    return {};
}

Result<void> Topology::apply_one(const DeleteQueue& command) {
    VirtualHost* const vhost = find_vhost(command.vhost);
    Queue* const queue = vhost ? vhost->find_queue(command.name) : nullptr;
    if (!queue || (command.uid.value() != 0 && queue->uid != command.uid)) return {};
    drop_bindings_to(queue->bound_from, Destination{queue, nullptr});
    queues_by_uid_.erase(queue->uid);
    vhost->queues_.erase(vhost->queues_.find(command.name));
    return {};
}

namespace {

/// The two ends of a binding; either may be missing.
struct Ends {
    Exchange* source = nullptr;
    Destination destination;

    bool found() const { return source && (destination.queue || destination.exchange); }
    std::vector<Exchange*>& bound_from() const {
        return destination.queue ? destination.queue->bound_from : destination.exchange->bound_from;
    }
};

template <class Command>
Ends find_ends(const VirtualHost* vhost, const Command& command) {
    if (!vhost) return {};
    Ends ends;
    ends.source = vhost->find_exchange(command.source);
    if (command.to_queue)
        ends.destination.queue = vhost->find_queue(command.destination);
    else
        ends.destination.exchange = vhost->find_exchange(command.destination);
    return ends;
}

template <class Command>
BindingKey key_of(const Command& command) {
    return BindingKey{
        command.to_queue,
        command.destination,
        command.routing_key,
        Bytes(command.arguments.bytes())};
}

}  // namespace

Result<void> Topology::apply_one(const PutBinding& command) {
    const Ends ends = find_ends(find_vhost(command.vhost), command);
    if (ends.found() && ends.source->bind(key_of(command), ends.destination)) {
        ends.bound_from().push_back(ends.source);
    }
    return {};
}

Result<void> Topology::apply_one(const DeleteBinding& command) {
    const Ends ends = find_ends(find_vhost(command.vhost), command);
    if (!ends.found() || !ends.source->unbind(key_of(command))) return {};
    auto& from = ends.bound_from();
    from.erase(std::find(from.begin(), from.end(), ends.source));
    note_orphan(*ends.source);
    return {};
}

void Topology::drop_bindings_to(const std::vector<Exchange*>& sources, Destination destination) {
    std::vector<Exchange*> distinct;
    for (Exchange* const source : sources) {
        if (std::find(distinct.begin(), distinct.end(), source) == distinct.end()) {
            distinct.push_back(source);
        }
    }
    const Bytes& name = destination.queue ? destination.queue->name : destination.exchange->name();
    for (Exchange* const source : distinct) {
        // Bindings are ordered by destination first.
        const BindingKey from{destination.queue != nullptr, name, {}, {}};
        std::vector<BindingKey> keys;
        for (auto at = source->bindings().lower_bound(from);
             at != source->bindings().end() && at->second == destination;
             ++at) {
            keys.push_back(at->first);
        }
        for (const BindingKey& key : keys) source->unbind(key);
        note_orphan(*source);
    }
}

void Topology::note_orphan(const Exchange& exchange) {
    if (orphaned_ && exchange.auto_delete && exchange.bindings().empty()) {
        orphaned_->push_back(exchange.name());
    }
}

Result<void> Topology::apply_one(const NoteApplied& command) {
    applied_.index = std::max(applied_.index, command.index);
    reserve_queue_uids(command.uid_max);
    if (command.origin.value() != 0)
        applied_.marks[command.origin] = {command.starts, command.number};
    return {};
}

Result<void> Topology::apply_one(const BeginSeed&) {
    applied_.seeded = true;
    return {};
}

Result<void> Topology::apply_one(const ForgetNode& command) {
    applied_.marks.erase(command.node);
    return {};
}

/// Its mark is the proposal's own; what goes with it are commands.
Result<void> Topology::apply_one(const BeginRun&) { return {}; }

std::vector<MetadataCommand> Topology::cluster_commands() const {
    std::vector<MetadataCommand> out = commands(true);
    if (applied_.seeded) out.push_back(BeginSeed{});
    out.push_back(NoteApplied{applied_.index, {}, 0, 0, storage::QueueUid(queue_uid_max_)});
    for (const auto& [node, mark] : applied_.marks)
        out.push_back(NoteApplied{applied_.index, node, mark.starts, mark.number, {}});
    return out;
}

std::vector<MetadataCommand> Topology::commands(bool all) const {
    std::vector<MetadataCommand> out;
    for (const auto& [vhost_name, vhost] : vhosts_) {
        out.push_back(PutVhost{vhost_name});
        append_definitions(vhost_name, out);
        for (const auto& [name, exchange] : vhost->exchanges()) {
            if (exchange->predeclared || !(exchange->durable || all)) continue;
            out.push_back(PutExchange{
                vhost_name,
                name,
                exchange->type_name(),
                exchange->durable,
                exchange->auto_delete,
                exchange->internal,
                exchange->arguments});
            if (!exchange->delay_queue) continue;
            out.push_back(PutDelayQueue{vhost_name, name, exchange->delay_queue->uid});
        }
        for (const auto& [name, queue] : vhost->queues()) {
            if (!queue->persistent && !all) continue;
            out.push_back(PutQueue{
                vhost_name,
                name,
                queue->uid,
                queue->durable,
                queue->auto_delete,
                queue->exclusive,
                queue->arguments,
                queue->home});
        }
        for (const auto& [name, exchange] : vhost->exchanges()) {
            for (const auto& [key, destination] : exchange->bindings()) {
                if (!all && !binding_is_durable(*exchange, destination)) continue;
                out.push_back(PutBinding{
                    vhost_name,
                    name,
                    key.to_queue,
                    key.destination,
                    key.routing_key,
                    *amqp::Table::decode(key.arguments)});
            }
        }
    }
    for (const auto& [name, user] : users_) {
        out.push_back(PutUser{name, user.password_hash, user.tags});
        for (const auto& [vhost, permissions] : user.permissions) {
            out.push_back(PutPermissions{
                name,
                vhost,
                permissions.configure.source(),
                permissions.write.source(),
                permissions.read.source()});
        }
        append_definitions(user, out);
    }
    for (const auto& [name, value] : global_parameters_)
        out.push_back(PutGlobalParameter{name, value});
    return out;
}

}  // namespace lvt::broker
