// Formation: how one node finds its cluster. Events and the time go in, messages and what must be durable come out; no I/O, no threads, no clock.
//
// A blank node dials whom discovery names and asks who they are. Who belongs to a cluster already is joined. Where all are blank, one of them
// proposes a charter; it holds once enough nodes have agreed to it durably (a majority of the size that the configuration expects, or all
// that are listed where it expects none). Agreement is by ballots, as in Paxos: a node agrees to nothing older than what it promised, and a proposer takes up what
// others agreed to before, so that there is at most one charter whatever is lost, late, doubled or restarted. README.md says what follows for operators.
#pragma once

#include "cluster/discovery/peer_discovery.h"
#include "cluster/node/formation_message.h"
#include "protocol/base/log_sink.h"
#include "protocol/base/random.h"

#include <map>
#include <set>

namespace lvt::cluster {

struct FormationOptions {
    /// How this node is called and dialled. The id is its NodeState's.
    Peer self;
    /// From the configuration: how many nodes there shall be; below 2: nothing was said.
    std::uint32_t size_hint = 0;
    /// Found a cluster of this node alone, without asking anybody.
    bool alone = false;
    /// Of candidates without a port.
    std::uint16_t default_port = 25672;
    /// Listings that may fail in a row; 0: any number.
    std::uint64_t list_failures_max = 0;
    std::uint64_t list_interval_ms = 1000;
    std::uint64_t list_interval_max_ms = 10'000;
    std::uint64_t hello_interval_ms = 250;
    /// Of a member: to keep addresses fresh.
    std::uint64_t member_hello_interval_ms = 1000;
    /// Who has not answered for so long is not counted on.
    std::uint64_t fresh_ms = 3000;
    /// How long enough nodes wait for all that are expected.
    std::uint64_t patience_ms = 1500;
    /// How long a proposal may take; other nodes than the first in line wait for that before they propose.
    std::uint64_t attempt_ms = 2000;
};

/// To: back on the link where a message came from, else dialled. From: the link, and what this node dialled for it, nothing where the other one dialled.
struct Place {
    std::uint64_t link = 0;
    std::string host;
    std::uint16_t port = 0;

    auto operator<=>(const Place&) const = default;
};

struct FormationOutput {
    /// Not empty: replaces what is on the disk; persisted(ticket) once it is durable.
    Bytes record;
    std::uint64_t ticket = 0;
    /// May get lost, doubled or late.
    std::vector<std::pair<Place, FormationMessage>> messages;
    /// Ask the mechanism: listed() or list_failed() answers.
    bool list = false;
    /// The node belongs to a cluster from now on, durably. Once.
    bool settled = false;
    /// A node asks to become a member: answer_join().
    std::vector<std::pair<std::uint64_t, Peer>> joins;
    /// A node asks that a member be removed: answer_remove().
    struct Removal {
        std::uint64_t link = 0;
        NodeId asker;
        NodeId node;
    };
    std::vector<Removal> removals;
    /// To ask_to_remove().
    std::vector<RemoveAnswer> remove_answers;
    /// This node is a member no more, durably. Once; it does nothing from now on.
    bool removed = false;
    /// An address became known or changed.
    bool book_changed = false;
    /// The process ends with the configuration's exit code and this line.
    std::optional<std::string> give_up;
    std::vector<std::pair<LogLevel, std::string>> log;
};

/// All calls on one thread. Times are monotonic milliseconds.
class Formation {
public:
    /// `state` as it is on the disk, already with this start counted. `random` outlives it.
    Formation(FormationOptions options, NodeState state, Random& random);

    // Inputs. take() after each, or after several.

    /// First.
    void start(std::uint64_t now_ms);
    void tick(std::uint64_t now_ms);
    void listed(std::uint64_t now_ms, const discovery::PeerList& list);
    void list_failed(std::uint64_t now_ms, const discovery::DiscoveryError& error);
    /// The link is not 0.
    void receive(std::uint64_t now_ms, const Place& from, const FormationMessage& message);
    void persisted(std::uint64_t now_ms, std::uint64_t ticket);

    // Of a member.

    /// What is told to whoever asks.
    void set_cluster(NodeId leader, std::vector<NodeId> members);
    void answer_join(std::uint64_t link, JoinAnswer answer);
    /// Who was a member and is none any more: they are told so when they greet.
    void set_former(std::set<NodeId> former) { former_ = std::move(former); }
    /// What this node tells the other members of itself.
    void set_facts(Bytes facts) { facts_ = std::move(facts); }
    /// Asks the leader.
    void ask_to_remove(const Peer& leader, NodeId node);
    void answer_remove(std::uint64_t link, NodeId node, RemoveStatus status);
    /// This node was removed from its cluster.
    void leave();

    // Of a blank node.

    /// Joins the cluster of the node at this address, and founds none, until cancel_join().
    void join(std::uint64_t now_ms, std::string host, std::uint16_t port);
    void cancel_join() { join_at_.reset(); }
    /// A member's address, from elsewhere.
    void learn(const Peer& peer) { note_peer(peer); }

    // Output.

    FormationOutput take();
    /// When to call tick().
    std::uint64_t deadline_ms() const { return next_tick_ms_; }
    const NodeState& state() const { return state_; }
    const Peer& self() const { return options_.self; }
    /// What is known of a node's name and address.
    std::optional<Peer> peer(NodeId id) const;
    /// Whether the node answered lately.
    bool is_fresh(NodeId id) const;
    /// Whether anything came from the node lately.
    bool is_heard(NodeId id) const;
    /// Whom it said that it heard, where it said so lately.
    std::optional<std::vector<NodeId>> heard_by(NodeId id) const;
    /// What it said of itself last; empty: nothing.
    Bytes facts_of(NodeId id) const;
    /// Which member a candidate is; nothing: unknown, so it may be any.
    std::optional<NodeId> member_at(const discovery::Candidate& candidate) const;
    /// Where a candidate is dialled.
    std::pair<std::string, std::uint16_t> dialled_at(const discovery::Candidate& candidate) const;
    bool is_self(const discovery::Candidate& candidate) const;

private:
    /// What a node said last.
    struct Seen {
        Peer peer;
        Terms terms;
        std::optional<Charter> cluster;
        NodeId leader;
        std::vector<Peer> members;
        std::vector<NodeId> heard;
        Bytes facts;
        std::uint64_t heard_ms = 0;
        /// 0: it has asked, not answered.
        std::uint64_t answered_ms = 0;
    };
    struct Address {
        std::string host;
        std::uint16_t port = 0;
        auto operator<=>(const Address&) const = default;
    };
    /// A proposal of this node.
    struct Attempt {
        Ballot ballot;
        Terms terms;
        std::map<NodeId, Promise> promises;
        /// Set once the promises suffice.
        std::optional<Charter> charter;
        std::set<NodeId> accepted;
        std::uint64_t promised_ms = 0;
        std::uint64_t ends_ms = 0;
        std::uint64_t repeat_ms = 0;
    };
    struct Held {
        std::uint64_t after = 0;
        /// Link 0: to this node itself.
        std::uint64_t link = 0;
        FormationMessage message;
    };

    // formation.cc
    void say_hello(std::uint64_t now_ms);
    void send(Place to, decltype(FormationMessage::body) body);
    void reply(std::uint64_t link, decltype(FormationMessage::body) body);
    void on(std::uint64_t now_ms, std::uint64_t link, const Peer& from, const Hello& body);
    void on(std::uint64_t now_ms, std::uint64_t link, const Peer& from, const Join& body);
    void on(std::uint64_t now_ms, std::uint64_t link, const Peer& from, const JoinAnswer& body);
    void on(std::uint64_t now_ms, std::uint64_t link, const Peer& from, const Remove& body);
    void on(std::uint64_t now_ms, std::uint64_t link, const Peer& from, const RemoveAnswer& body);
    void seek_cluster(std::uint64_t now_ms);
    void ask_to_join(std::uint64_t now_ms, const Seen& member);
    void belong(const Charter& charter, const std::vector<Peer>& members, std::string_view how);
    void note_peer(const Peer& peer);
    std::uint64_t persist();
    Hello hello(bool answer) const;
    void log(LogLevel level, std::string text);
    /// Said once, until something else is said.
    void status(std::uint64_t now_ms, LogLevel level, std::string text);

    // formation_view.cc
    Terms terms() const;
    std::size_t candidates() const;
    std::vector<Address> addresses() const;
    Address address_of(const discovery::Candidate& candidate) const;
    /// Whatever address it tells itself, which behind NAT or under a second name is another one.
    std::optional<NodeId> who_answers(const Address& address, std::uint64_t window_ms) const;
    /// By the id, name or address that it tells.
    bool names_self(const discovery::Candidate& candidate) const;
    bool fresh(const Seen& seen) const;
    std::uint64_t member_window_ms() const;
    /// Blank nodes that would agree, this one among them; ascending.
    std::vector<NodeId> agreeable(const Terms& own) const;
    /// Why no charter can be proposed now; empty: it can.
    std::string obstacle(const Terms& own) const;
    std::optional<NodeId> ordained() const;

    // formation_vote.cc
    void consider_proposing(std::uint64_t now_ms);
    void begin_attempt(std::uint64_t now_ms, const Terms& terms);
    void go_on(std::uint64_t now_ms);
    void ask_voters(decltype(FormationMessage::body) body, const std::set<NodeId>& but);
    void propose(std::uint64_t now_ms);
    void give_up_attempt(std::uint64_t now_ms);
    bool refuses(std::uint64_t link, const Ballot& ballot, const Terms& asked);
    void on(std::uint64_t now_ms, std::uint64_t link, const Peer& from, const Prepare& body);
    void on(std::uint64_t now_ms, std::uint64_t link, const Peer& from, const Promise& body);
    void on(std::uint64_t now_ms, std::uint64_t link, const Peer& from, const Accept& body);
    void on(std::uint64_t now_ms, std::uint64_t link, const Peer& from, const Accepted& body);
    void on(std::uint64_t now_ms, std::uint64_t link, const Peer& from, const Refusal& body);
    void hold(std::uint64_t link, decltype(FormationMessage::body) body);

    FormationOptions options_;
    NodeState state_;
    Random& random_;
    std::uint64_t now_ms_ = 0;
    std::uint64_t next_tick_ms_ = 0;

    // Discovery.
    std::optional<discovery::PeerList> list_;
    bool listing_ = false;
    std::uint64_t next_list_ms_ = 0;
    std::uint64_t list_failures_ = 0;
    std::uint64_t permanent_failures_ = 0;

    // Others.
    std::map<NodeId, Seen> seen_;
    /// Who answered where it was dialled, this node itself among them, and when.
    std::map<Address, std::pair<NodeId, std::uint64_t>> answered_at_;
    std::uint64_t next_hello_ms_ = 0;
    std::uint64_t next_join_ms_ = 0;
    NodeId leader_;
    std::vector<NodeId> members_;
    std::set<NodeId> former_;
    std::optional<Address> join_at_;
    Bytes facts_;

    // Votes.
    std::optional<Attempt> attempt_;
    /// Since when a charter can be proposed; 0: it cannot.
    std::uint64_t able_since_ms_ = 0;
    std::uint64_t not_before_ms_ = 0;
    std::uint64_t highest_round_ = 0;

    // Output.
    FormationOutput output_;
    bool dirty_ = false;
    std::uint64_t next_ticket_ = 1;
    std::uint64_t settled_ticket_ = 0;
    std::uint64_t removed_ticket_ = 0;
    std::vector<Held> held_;
    std::string status_;
    std::uint64_t status_ms_ = 0;
    /// The last one that was complained of.
    ClusterId stranger_;
};

/// Whether a node with terms `own` may vote for what is asked on terms `asked`.
[[nodiscard]] bool fits(const Terms& asked, const Terms& own);
/// In what: "expects 5".
[[nodiscard]] std::string describe_difference(const Terms& own, const Terms& theirs);

}  // namespace lvt::cluster
