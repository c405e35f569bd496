#include "broker/net/peer_inquiries.h"

#include <utility>

namespace lvt::broker {

using cluster::Answer;
using cluster::FrameType;
using cluster::NodeId;
using cluster::Question;

PeerInquiries::PeerInquiries(PeerTransport& transport, OnQuestion on_question, LogSink& log)
    : transport_(transport), on_question_(std::move(on_question)), log_(log) {}

PeerInquiries::Line& PeerInquiries::line_to(const cluster::Peer& peer) {
    const auto found = lines_.find(peer.id);
    if (found != lines_.end()) {
        const cluster::Peer& dialled = found->second.peer;
        if (dialled.host == peer.host && dialled.port == peer.port && dialled.starts == peer.starts)
            return found->second;
        // It has begun anew, maybe elsewhere.
        hang_up(peer.id);
    }
    const std::uint64_t link = transport_.open(peer.host, peer.port);
    by_link_[link] = peer.id;
    return lines_[peer.id] = Line{peer, link, false, {}};
}

void PeerInquiries::ask(
    std::uint64_t now_ms, const cluster::Peer& to, std::uint8_t kind, ByteView text, Done done) {
    if (asked_of_[to.id] >= kAskedMax || text.size() > cluster::kQuestionBytesMax)
        return done(std::nullopt);
    Line& line = line_to(to);
    const std::uint64_t number = ++last_number_;
    asked_[number] = {to.id, now_ms + kPatienceMs, std::move(done)};
    ++asked_of_[to.id];
    Bytes question = encode(Question{number, kind, Bytes(text)});
    if (line.open)
        transport_.write(line.link, FrameType::question, question);
    else
        line.waiting.push_back(std::move(question));
}

std::uint64_t PeerInquiries::deadline_ms() const {
    return asked_.empty() ? ~std::uint64_t{0} : asked_.begin()->second.due_ms;
}

void PeerInquiries::look(std::uint64_t now_ms) {
    // With its link goes whatever else it was asked: it would be no quicker.
    while (!asked_.empty() && asked_.begin()->second.due_ms <= now_ms) {
        const NodeId node = asked_.begin()->second.node;
        const auto line = lines_.find(node);
        if (line != lines_.end())
            log_.log(LogLevel::warning, "cluster: {} does not answer", line->second.peer.name);
        hang_up(node);
    }
}

void PeerInquiries::hang_up(NodeId node) {
    if (const auto found = lines_.find(node); found != lines_.end()) {
        const std::uint64_t link = found->second.link;
        by_link_.erase(link);
        lines_.erase(found);
        transport_.drop(link, "it is asked nothing more");
    }
    std::vector<Done> unanswered;
    for (auto at = asked_.begin(); at != asked_.end();) {
        if (at->second.node != node) {
            ++at;
            continue;
        }
        unanswered.push_back(std::move(at->second.done));
        at = asked_.erase(at);
    }
    asked_of_.erase(node);
    for (const Done& done : unanswered) done(std::nullopt);
}

void PeerInquiries::on_open(std::uint64_t link) {
    const auto owner = by_link_.find(link);
    if (owner == by_link_.end()) return;
    Line& line = lines_[owner->second];
    line.open = true;
    for (const Bytes& question : std::exchange(line.waiting, {}))
        transport_.write(link, FrameType::question, question);
}

void PeerInquiries::on_closed(std::uint64_t link) {
    const auto owner = by_link_.find(link);
    if (owner != by_link_.end()) hang_up(owner->second);
}

void PeerInquiries::on_question(std::uint64_t link, ByteView payload) {
    auto question = cluster::decode_question(payload);
    if (question.has_error()) {
        log_.log(LogLevel::warning, "cluster: {}", question.error().message);
        if (const auto refusal = cluster::refusal_of(payload, question.error()))
            transport_.reply(link, FrameType::answer, encode(*refusal));
        return;
    }
    const std::uint64_t number = question->number;
    on_question_(std::move(*question), [this, link, number](Answer answer) {
        answer.number = number;
        transport_.reply(link, FrameType::answer, encode(answer));
    });
}

void PeerInquiries::on_answer(std::uint64_t link, ByteView payload) {
    const auto owner = by_link_.find(link);
    if (owner == by_link_.end()) return;
    const NodeId node = owner->second;
    auto answer = cluster::decode_answer(payload);
    if (answer.has_error()) {
        log_.log(LogLevel::warning, "cluster: {}", answer.error().message);
        return hang_up(node);
    }
    const auto found = asked_.find(answer->number);
    if (found == asked_.end() || found->second.node != node) return;
    if (answer->status != cluster::AnswerStatus::told)
        log_.log(
            LogLevel::warning,
            "cluster: {} cannot answer: {}",
            lines_[node].peer.name,
            answer->status == cluster::AnswerStatus::too_long ? "it is too much" : answer->text);
    const Done done = std::move(found->second.done);
    asked_.erase(found);
    if (--asked_of_[node] == 0) asked_of_.erase(node);
    done(std::move(*answer));
}

}  // namespace lvt::broker
