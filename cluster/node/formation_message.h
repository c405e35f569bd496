// What nodes say to each other before and while they are a cluster, as values and as octets (cluster/PROTOCOL.md draws them).
#pragma once

#include "cluster/node/node_state.h"

#include <variant>

namespace lvt::cluster {

/// Who I am and what I know: asked for with every dial, and answered with the same.
struct Hello {
    bool answer = false;
    Terms terms;
    /// Nothing: the sender is blank.
    std::optional<Charter> cluster;
    /// Of the cluster, as far as the sender knows; 0: unknown.
    NodeId leader;
    /// Everybody in the cluster, with addresses; empty where the sender is blank.
    std::vector<Peer> members;
    /// Of those, whom the sender has heard lately.
    std::vector<NodeId> heard;
    /// What the sender says of itself, opaque here.
    Bytes facts;
    bool operator==(const Hello&) const = default;
};
/// Promise to agree to nothing older.
struct Prepare {
    Ballot ballot;
    Terms terms;
    bool operator==(const Prepare&) const = default;
};
struct Promise {
    Ballot ballot;
    /// What the sender agreed to last.
    Ballot accepted;
    std::optional<Charter> charter;
    bool operator==(const Promise&) const = default;
};
struct Accept {
    Ballot ballot;
    Terms terms;
    Charter charter;
    bool operator==(const Accept&) const = default;
};
struct Accepted {
    Ballot ballot;
    bool operator==(const Accepted&) const = default;
};
enum class RefusalReason : std::uint8_t {
    older = 1,    // `promised` is newer
    size = 2,     // the sender expects another size
    list = 3,     // the sender was listed other candidates
    votes = 4,    // the sender asks for more votes
    unready = 5,  // the sender knows no size yet
    member = 6,   // the sender belongs to a cluster
};
struct Refusal {
    Ballot ballot;
    RefusalReason reason = RefusalReason::older;
    Ballot promised;
    Terms terms;
    bool operator==(const Refusal&) const = default;
};
/// The sender wants to become a member of `cluster`.
struct Join {
    ClusterId cluster;
    bool operator==(const Join&) const = default;
};
enum class JoinStatus : std::uint8_t {
    welcome = 1,     // the sender of Join is a member
    later = 2,       // work in progress, or no leader: ask again
    not_leader = 3,  // ask `leader`
    refused = 4,     // `reason` says why; asking again changes nothing
};
struct JoinAnswer {
    JoinStatus status = JoinStatus::later;
    std::optional<Charter> cluster;
    NodeId leader;
    std::vector<Peer> members;
    std::string reason;
    bool operator==(const JoinAnswer&) const = default;
};
/// The sender wants `node` out of `cluster`: itself, or one that is lost.
struct Remove {
    ClusterId cluster;
    NodeId node;
    bool operator==(const Remove&) const = default;
};
enum class RemoveStatus : std::uint8_t {
    done = 1,        // `node` is a member no more, and never will be again
    later = 2,       // work in progress, or no leader: ask again
    not_leader = 3,  // ask the leader
    unknown = 4,     // it never was a member
    running = 5,     // it answers, so only it can ask for that
    minority = 6,    // of those that would remain no majority answers
};
/// Also unasked, to who does not know yet that it was removed.
struct RemoveAnswer {
    ClusterId cluster;
    NodeId node;
    RemoveStatus status = RemoveStatus::later;
    bool operator==(const RemoveAnswer&) const = default;
};

struct FormationMessage {
    Peer from;
    std::variant<
        Hello, Prepare, Promise, Accept, Accepted, Refusal, Join, JoinAnswer, Remove, RemoveAnswer>
        body;

    bool operator==(const FormationMessage&) const = default;
};

[[nodiscard]] Bytes encode_formation(const FormationMessage& message);
/// `corrupt`, `unsupported` where the version is unknown.
[[nodiscard]] Result<FormationMessage> decode_formation(ByteView bytes);

}  // namespace lvt::cluster
