// PeerInquiries: asks other nodes what only they know, and has others' questions answered (cluster/transport/inquiry.h). Each node that is asked has
// a link for that alone, dialled at the first question, so that long answers hold up nothing else.
#pragma once

#include "broker/net/peer_transport.h"
#include "cluster/node/peer.h"
#include "cluster/transport/inquiry.h"
#include "protocol/base/log_sink.h"

#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace lvt::broker {

/// All calls on the transport's loop.
class PeerInquiries {
public:
    /// Who has not answered by then is taken for silent.
    static constexpr std::uint64_t kPatienceMs = 5000;
    /// Questions to one node that wait for their answer; it is asked no more meanwhile.
    static constexpr std::size_t kAskedMax = 64;

    /// Nothing: there is none, or none that makes sense.
    using Done = std::function<void(std::optional<cluster::Answer>)>;
    using Respond = std::function<void(cluster::Answer)>;
    /// A question of another node; `respond` is called once or never, on the loop's thread, soon or later. Its number is put in.
    using OnQuestion = std::function<void(cluster::Question, Respond)>;

    /// `transport` and `log` must outlive it.
    PeerInquiries(PeerTransport& transport, OnQuestion on_question, LogSink& log);

    /// `done` is called once, maybe at once.
    void ask(
        std::uint64_t now_ms, const cluster::Peer& to, std::uint8_t kind, ByteView text, Done done);
    /// Gives up on who is silent.
    void look(std::uint64_t now_ms);
    /// Waits for nobody any more.
    void give_up() { look(~std::uint64_t{0}); }
    /// When it wants to look; the greatest number: not at all.
    std::uint64_t deadline_ms() const;

    /// It was dialled here.
    bool owns(std::uint64_t link) const { return by_link_.contains(link); }
    void on_open(std::uint64_t link);
    void on_closed(std::uint64_t link);
    void on_question(std::uint64_t link, ByteView payload);
    void on_answer(std::uint64_t link, ByteView payload);

private:
    struct Line {
        cluster::Peer peer;
        std::uint64_t link = 0;
        bool open = false;
        /// Encoded, until it is open.
        std::vector<Bytes> waiting;
    };
    struct Asked {
        cluster::NodeId node;
        std::uint64_t due_ms = 0;
        Done done;
    };

    Line& line_to(const cluster::Peer& peer);
    /// Nobody answers there any more.
    void hang_up(cluster::NodeId node);

    PeerTransport& transport_;
    OnQuestion on_question_;
    LogSink& log_;
    std::uint64_t last_number_ = 0;
    std::map<cluster::NodeId, Line> lines_;
    std::map<std::uint64_t, cluster::NodeId> by_link_;
    /// By number, so the first is due first.
    std::map<std::uint64_t, Asked> asked_;
    std::map<cluster::NodeId, std::size_t> asked_of_;
};

}  // namespace lvt::broker
