// Api: what the controllers of the HTTP API work with. They run on the core's thread, in small steps between its turns; what they answer
// becomes text on the HTTP server's.
#pragma once

#include "broker/core/core.h"
#include "broker/management/amqp_caller.h"
#include "broker/management/listing.h"
#include "broker/management/members.h"
#include "broker/management/pid_names.h"
#include "protocol/base/clock.h"
#include "protocol/base/log_sink.h"
#include "protocol/base/random.h"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace lvt::broker {

struct MemberFacts;

struct ListeningAt {
    /// "amqp", "amqp/ssl", "http", "https", "http/prometheus".
    std::string protocol;
    std::string address;
    std::uint16_t port = 0;
};

struct CertificateInUse {
    std::string file;
    /// Wall time, since 1970.
    Milliseconds not_after{0};
};

/// What the process and its machine are like just now.
struct NodeFacts {
    std::vector<ListeningAt> listeners;
    std::vector<CertificateInUse> certificates;
    std::int64_t pid = 0;
    std::uint64_t uptime_ms = 0;
    std::uint64_t memory_bytes = 0;
    std::uint64_t memory_limit_bytes = 0;
    std::uint64_t disk_free_bytes = 0;
    std::uint64_t disk_free_limit_bytes = 0;
    std::uint64_t files_open = 0;
    std::uint64_t files_max = 0;
    unsigned processors = 1;
    bool memory_alarm = false;
    bool disk_alarm = false;
    bool accepts_clients = true;
};

struct ApiOptions {
    std::string node_name;
    std::string cluster_name;
    std::string product;
    std::string version;
    std::string data_dir;
    std::vector<std::string> config_files;
    /// Users that may log in from the machine itself only.
    std::set<Bytes> loopback_users;
    /// In front of /api; "" or "/rabbit".
    std::string path_prefix;
    /// Origins whose pages may call; "*" stands for all.
    std::vector<std::string> cors_origins;
    unsigned cors_max_age_s = 1800;
};

/// Logins since they were last forgotten.
struct AuthAttempts {
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
};

/// All of it must outlive the API and what it has begun. The functions are called on the core's thread.
struct Api {
    ApiOptions options;
    const Core& core;
    const Clock& clock;
    LogSink& log;
    Random& random;
    PidNames pids;
    AmqpCaller& caller;
    /// Runs it on the core's thread, between two turns. Any thread.
    PostSlice post;
    std::function<void(AdminRequest, std::function<void(AdminReply)>)> administer;
    std::function<NodeFacts()> node_facts;
    /// All members of the cluster (node_facts.h); a node without one is alone.
    std::function<std::vector<MemberFacts>()> member_facts;
    Members members;
    /// Over HTTP.
    std::shared_ptr<AuthAttempts> attempts = std::make_shared<AuthAttempts>();
    /// What the core had counted of AMQP when it was last to be forgotten.
    std::shared_ptr<AuthAttempts> forgotten_amqp_attempts = std::make_shared<AuthAttempts>();
};

}  // namespace lvt::broker
