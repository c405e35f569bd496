// The other members of the cluster, as ctl and the HTTP API ask them: each node makes the rows of what lives on it, and does what is to be done
// there; who is asked puts the answers together. The core's thread only.
#pragma once

#include "broker/core/queue.h"
#include "cluster/raft/types.h"

#include <boost/json/object.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lvt::broker {

/// Frozen on the wire (cluster/transport/inquiry.h).
enum class InquiryKind : std::uint8_t {
    /// A request of the control socket, {"verb", "args"}; the code is ctl's exit code, the text the value or what is wrong.
    control = 1,
    /// A MemberRequest; the code is the status, the text the body.
    http = 2,
};

/// What one of the others came to.
struct MemberSaid {
    struct Told {
        unsigned code = 0;
        std::string text;
    };
    cluster::NodeId id;
    std::string node;
    /// Nothing: it is down, or silent.
    std::optional<Told> told;
};

/// This node among them.
struct Members {
    using Done = std::function<void(std::vector<MemberSaid>)>;

    /// 0: there is no cluster.
    cluster::NodeId self;
    /// Asks all others, or `only` that one; `done` is called once, later, on the core's thread. Null where there is no cluster.
    std::function<void(
        InquiryKind kind, std::string question, std::optional<cluster::NodeId> only, Done done)>
        ask;

    bool is_here(const Queue& queue) const { return queue.home.value() == 0 || queue.home == self; }
};

/// A request of the HTTP API that a user has made at another member.
struct MemberRequest {
    /// "GET", "DELETE".
    std::string verb;
    /// "/api/queues?columns=name".
    std::string target;
    std::string user;
    /// By its control socket: no user, but every right.
    bool owner = false;
    /// Of a connection that is closed; may be empty.
    std::string reason;

    bool operator==(const MemberRequest&) const = default;
};
[[nodiscard]] std::string encode(const MemberRequest& request);
/// Nothing where it makes no sense. What another version says besides is passed over.
[[nodiscard]] std::optional<MemberRequest> decode_member_request(std::string_view text);

/// Where queues are, for a listing: every node knows all of them, and what is in them is known at their homes.
class QueuePlaces {
public:
    enum class Place : std::uint8_t {
        here,
        elsewhere,  // its home makes its row
        down,       // nobody does
    };

    /// Those of others are elsewhere.
    explicit QueuePlaces(cluster::NodeId self) : self_(self) {}
    /// Those of members that said nothing are down.
    QueuePlaces(cluster::NodeId self, const std::vector<MemberSaid>& others);

    Place of(const Queue& queue) const;
    /// The name of a home that is down.
    std::string node_of(const Queue& queue) const;

private:
    cluster::NodeId self_;
    bool asked_ = false;
    struct Other {
        std::string node;
        bool told = false;
    };
    std::map<cluster::NodeId, Other> others_;
};

/// Arrays of rows, as JSON.
using MemberArrays = std::vector<std::string>;
/// Of those who have some; `others` lose them.
[[nodiscard]] MemberArrays arrays_of(std::vector<MemberSaid>& others);

/// Puts the rows of a JSON array behind others; nothing where it makes no sense.
void append_objects(std::vector<boost::json::object>& rows, std::string_view array);
/// Puts the rows of one JSON array behind those of another, both as text.
void append_rows(std::string& array, std::string_view more);

}  // namespace lvt::broker
