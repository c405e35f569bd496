// Topology: all virtual hosts, exchanges, queues, bindings, users and permissions; changed by MetadataCommands alone.
#pragma once

#include "broker/auth/permissions.h"
#include "broker/core/metadata_command.h"
#include "broker/core/policy.h"
#include "broker/core/virtual_host.h"

#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

namespace lvt::broker {

struct User {
    Bytes name;
    Bytes password_hash;
    std::vector<Bytes> tags;
    /// By virtual host; none = no access.
    std::map<Bytes, Permissions, std::less<>> permissions;
    /// By virtual host and exchange; where there are none for an exchange, every routing key may be used.
    std::map<Bytes, std::map<Bytes, TopicPermissions, std::less<>>, std::less<>> topic_permissions;
    /// See PutLimits.
    amqp::Table limits;
};

/// What is said of a virtual host beside what is in it.
struct VhostDefinitions {
    Policies policies;
    Policies operator_policies;
    /// See PutLimits.
    amqp::Table limits;
    Bytes description;
    std::vector<Bytes> tags;
    Bytes default_queue_type;
};

/// invalid where one of them is no regular expression.
Result<TopicPermissions> make_topic_permissions(const PutTopicPermissions& command);

/// How much of the metadata group's log is in this state.
struct AppliedLog {
    std::uint64_t index = 0;
    bool seeded = false;
    struct Mark {
        std::uint64_t starts = 0;
        std::uint64_t number = 0;
    };
    /// Of each node's proposals.
    std::map<cluster::NodeId, Mark> marks;
};

/// A pure function of its commands: the same ones give the same state. Commands about what does not exist are ignored, puts of what
/// exists change what can change (users, permissions).
class Topology {
public:
    /// Octets of ready messages in memory, all queues together.
    std::uint64_t resident_bytes() const { return resident_bytes_; }

    /// invalid where a permission is no regular expression; nothing is changed then. `orphaned` hears the names of auto-delete
    /// exchanges of that virtual host that lost their last binding; deleting them is a command of its own.
    Result<void> apply(const MetadataCommand& command, std::vector<Bytes>* orphaned = nullptr);

    VirtualHost* find_vhost(ByteView name) const;
    const User* find_user(ByteView name) const;
    Queue* find_queue(storage::QueueUid uid) const;
    const std::map<Bytes, std::unique_ptr<VirtualHost>, std::less<>>& vhosts() const {
        return vhosts_;
    }
    const std::map<Bytes, User, std::less<>>& users() const { return users_; }

    /// JSON, by name; see PutGlobalParameter.
    const std::map<Bytes, Bytes, std::less<>>& global_parameters() const {
        return global_parameters_;
    }

    /// All empty where there are none.
    const VhostDefinitions& definitions(ByteView vhost) const;
    /// Queues whose policy has changed since the last call: their settings are to be made anew.
    std::vector<storage::QueueUid> take_changed_queues() {
        return std::exchange(changed_queues_, {});
    }

    const AppliedLog& applied() const { return applied_; }

    /// Calls visit(Queue&) for every queue, delay queues included, always in the same order.
    template <class Visit>
    void for_each_queue(Visit&& visit) const {
        for (const auto& [vhost_name, vhost] : vhosts_) {
            for (const auto& [name, queue] : vhost->queues()) visit(*queue);
            for (const auto& [name, exchange] : vhost->exchanges()) {
                if (exchange->delay_queue) visit(*exchange->delay_queue);
            }
        }
    }

    /// Changes with every command: what was cached of routes and permissions before is void.
    std::uint64_t epoch() const { return epoch_; }
    /// No queue ever had this uid.
    storage::QueueUid next_queue_uid() const { return storage::QueueUid(queue_uid_max_ + 1); }
    void reserve_queue_uids(storage::QueueUid up_to);
    /// Above all others: of queues that no other node knows (delay queues of a cluster's nodes).
    static constexpr std::uint64_t kPrivateQueueUid = std::uint64_t{1} << 63;

    /// Commands that make the part of it that survives a restart: exclusive queues, transient exchanges and queues and their bindings
    /// are left out.
    std::vector<MetadataCommand> durable_commands() const { return commands(false); }
    /// Commands that make all of it, the log's marks included.
    std::vector<MetadataCommand> cluster_commands() const;

private:
    Result<void> apply_one(const PutVhost& command);
    Result<void> apply_one(const DeleteVhost& command);
    Result<void> apply_one(const PutUser& command);
    Result<void> apply_one(const DeleteUser& command);
    Result<void> apply_one(const PutPermissions& command);
    Result<void> apply_one(const DeletePermissions& command);
    Result<void> apply_one(const PutExchange& command);
    Result<void> apply_one(const DeleteExchange& command);
    Result<void> apply_one(const PutQueue& command);
    Result<void> apply_one(const DeleteQueue& command);
    Result<void> apply_one(const PutBinding& command);
    Result<void> apply_one(const DeleteBinding& command);
    Result<void> apply_one(const PutDelayQueue& command);

    // topology_definitions.cc
    Result<void> apply_one(const PutPolicy& command);
    Result<void> apply_one(const DeletePolicy& command);
    Result<void> apply_one(const PutTopicPermissions& command);
    Result<void> apply_one(const DeleteTopicPermissions& command);
    Result<void> apply_one(const PutLimits& command);
    Result<void> apply_one(const DescribeVhost& command);
    Result<void> apply_one(const PutGlobalParameter& command);
    Result<void> apply_one(const DeleteGlobalParameter& command);
    Result<void> apply_one(const NoteApplied& command);
    Result<void> apply_one(const BeginSeed& command);
    Result<void> apply_one(const ForgetNode& command);
    Result<void> apply_one(const BeginRun& command);
    std::vector<MetadataCommand> commands(bool all) const;
    /// True where its merged definition has changed.
    bool refresh_policy(Queue& queue);
    void refresh_policy(Exchange& exchange, ByteView vhost);
    void refresh_policies(VirtualHost& vhost);
    void append_definitions(ByteView vhost, std::vector<MetadataCommand>& out) const;
    void append_definitions(const User& user, std::vector<MetadataCommand>& out) const;

    void drop_bindings_to(const std::vector<Exchange*>& sources, Destination destination);
    void note_orphan(const Exchange& exchange);

    std::uint64_t resident_bytes_ = 0;  // before the queues, which count in it to their end
    std::map<Bytes, std::unique_ptr<VirtualHost>, std::less<>> vhosts_;
    std::map<Bytes, User, std::less<>> users_;
    std::map<Bytes, VhostDefinitions, std::less<>> vhost_definitions_;
    std::map<Bytes, Bytes, std::less<>> global_parameters_;
    AppliedLog applied_;
    std::vector<storage::QueueUid> changed_queues_;
    std::unordered_map<storage::QueueUid, Queue*> queues_by_uid_;
    std::uint64_t epoch_ = 1;
    std::uint64_t queue_uid_max_ = 0;
    std::vector<Bytes>* orphaned_ = nullptr;
};

/// Both ends are there after a restart, so the binding is.
bool binding_is_durable(const Exchange& source, const Destination& destination);

}  // namespace lvt::broker
