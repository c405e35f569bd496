// The part of the topology that is about how things behave: policies, topic permissions, limits, descriptions.
#include "broker/core/topology.h"

namespace lvt::broker {
namespace {

/// A literal part of a regular expression.
Bytes quoted(ByteView text) {
    Bytes out;
    for (const char c : text) {
        if (ByteView("\\^$.|?*+()[]{}").find(c) != ByteView::npos) out += '\\';
        out += c;
    }
    return out;
}

Bytes replaced(Bytes text, ByteView what, ByteView by) {
    for (std::size_t at = text.find(what); at != Bytes::npos; at = text.find(what, at + by.size()))
        text.replace(at, what.size(), by);
    return text;
}

}  // namespace

Result<TopicPermissions> make_topic_permissions(const PutTopicPermissions& command) {
    const auto parse = [&](const Bytes& source) {
        return PermissionPattern::parse(replaced(
            replaced(source, "{username}", quoted(command.user)),
            "{vhost}",
            quoted(command.vhost)));
    };
    auto write = parse(command.write);
    if (write.has_error()) return std::move(write).error();
    auto read = parse(command.read);
    if (read.has_error()) return std::move(read).error();
    return TopicPermissions{command.write, command.read, *write, *read};
}

const VhostDefinitions& Topology::definitions(ByteView vhost) const {
    static const VhostDefinitions kNone;
    const auto found = vhost_definitions_.find(vhost);
    return found == vhost_definitions_.end() ? kNone : found->second;
}

Result<void> Topology::apply_one(const PutPolicy& command) {
    VirtualHost* const vhost = find_vhost(command.vhost);
    if (!vhost) return {};
    auto policy = make_policy(command);
    if (policy.has_error()) return std::move(policy).error();
    VhostDefinitions& all = vhost_definitions_[command.vhost];
    auto& policies = command.of_operator ? all.operator_policies : all.policies;
    policies[command.name] = std::move(*policy);
    refresh_policies(*vhost);
    return {};
}

Result<void> Topology::apply_one(const DeletePolicy& command) {
    VirtualHost* const vhost = find_vhost(command.vhost);
    if (!vhost) return {};
    VhostDefinitions& all = vhost_definitions_[command.vhost];
    (command.of_operator ? all.operator_policies : all.policies).erase(command.name);
    refresh_policies(*vhost);
    return {};
}

Result<void> Topology::apply_one(const PutTopicPermissions& command) {
    const auto user = users_.find(command.user);
    if (user == users_.end() || !find_vhost(command.vhost)) return {};
    auto permissions = make_topic_permissions(command);
    if (permissions.has_error()) return std::move(permissions).error();
    user->second.topic_permissions[command.vhost][command.exchange] = std::move(*permissions);
    return {};
}

Result<void> Topology::apply_one(const DeleteTopicPermissions& command) {
    const auto user = users_.find(command.user);
    if (user == users_.end()) return {};
    auto& by_vhost = user->second.topic_permissions;
    const auto found = by_vhost.find(command.vhost);
    if (found == by_vhost.end()) return {};
    if (!command.exchange.empty()) found->second.erase(command.exchange);
    if (command.exchange.empty() || found->second.empty()) by_vhost.erase(found);
    return {};
}

Result<void> Topology::apply_one(const PutLimits& command) {
    if (command.of_user) {
        const auto user = users_.find(command.name);
        if (user != users_.end()) user->second.limits = command.limits;
    } else if (find_vhost(command.name)) {
        vhost_definitions_[command.name].limits = command.limits;
    }
    return {};
}

Result<void> Topology::apply_one(const DescribeVhost& command) {
    if (!find_vhost(command.name)) return {};
    VhostDefinitions& all = vhost_definitions_[command.name];
    all.description = command.description;
    all.tags = command.tags;
    all.default_queue_type = command.default_queue_type;
    return {};
}

Result<void> Topology::apply_one(const PutGlobalParameter& command) {
    global_parameters_[command.name] = command.value;
    return {};
}

Result<void> Topology::apply_one(const DeleteGlobalParameter& command) {
    global_parameters_.erase(command.name);
    return {};
}

namespace {

/// True where something has changed.
template <class Resource>
bool refresh(
    Resource& resource, ByteView name, PolicySubject subject, const VhostDefinitions& all) {
    const auto* const policy = find_policy(all.policies, subject, name);
    const auto* const operators = find_policy(all.operator_policies, subject, name);
    resource.policy_name = policy ? policy->first : Bytes();
    resource.operator_policy_name = operators ? operators->first : Bytes();
    amqp::Table merged = merge_definitions(policy, operators);
    if (merged == resource.policy) return false;
    resource.policy = std::move(merged);
    return true;
}

}  // namespace

bool Topology::refresh_policy(Queue& queue) {
    const PolicySubject subject = queue.settings.type == QueueType::quorum
                                      ? PolicySubject::quorum_queue
                                      : PolicySubject::classic_queue;
    return refresh(queue, queue.name, subject, definitions(queue.vhost->name()));
}

void Topology::refresh_policy(Exchange& exchange, ByteView vhost) {
    refresh(exchange, exchange.name(), PolicySubject::exchange, definitions(vhost));
}

void Topology::refresh_policies(VirtualHost& vhost) {
    for (const auto& [name, exchange] : vhost.exchanges()) refresh_policy(*exchange, vhost.name());
    for (const auto& [name, queue] : vhost.queues()) {
        if (refresh_policy(*queue)) changed_queues_.push_back(queue->uid);
    }
}

void Topology::append_definitions(ByteView vhost, std::vector<MetadataCommand>& out) const {
    const auto found = vhost_definitions_.find(vhost);
    if (found == vhost_definitions_.end()) return;
    const Bytes name(vhost);
    const VhostDefinitions& all = found->second;
    if (!all.description.empty() || !all.tags.empty() || !all.default_queue_type.empty())
        out.push_back(DescribeVhost{name, all.description, all.tags, all.default_queue_type});
    if (!all.limits.empty()) out.push_back(PutLimits{false, name, all.limits});
    for (const bool of_operator : {false, true}) {
        for (const auto& [policy_name, policy] :
             of_operator ? all.operator_policies : all.policies) {
            out.push_back(PutPolicy{
                name,
                policy_name,
                of_operator,
                policy.pattern,
                policy.apply_to,
                policy.priority,
                policy.definition});
        }
    }
}

void Topology::append_definitions(const User& user, std::vector<MetadataCommand>& out) const {
    if (!user.limits.empty()) out.push_back(PutLimits{true, user.name, user.limits});
    for (const auto& [vhost, exchanges] : user.topic_permissions) {
        for (const auto& [exchange, permissions] : exchanges) {
            out.push_back(PutTopicPermissions{
                user.name, vhost, exchange, permissions.write_source, permissions.read_source});
        }
    }
}

}  // namespace lvt::broker
