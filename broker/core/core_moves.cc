// Dead letters and delayed messages whose queue is at another node. The original is settled when that node has the copy, so that a crash
// of either may double it and loses nothing; while the node is away they wait, here and in the journal.
#include "broker/core/core_state.h"

namespace lvt::broker {

/// Of forward(): a target that is elsewhere.
void CoreState::move_across(const Queue& target, const MessagePtr& copy) {
    RemoteMove& move = moving_[target.home];
    move.copy = copy;
    move.queues.push_back(target.uid);
}

/// True where the original, which stood there, is settled later: copies of it are on their way. No message: there is none to settle.
bool CoreState::settles_later(const Queue& from, storage::Seq seq, const MessagePtr& message) {
    if (moving_.empty()) return false;
    auto moves = std::exchange(moving_, {});
    std::shared_ptr<RemoteMove::Original> original;
    if (message) {
        original = std::make_shared<RemoteMove::Original>();
        *original = {from.uid, seq, message, moves.size()};
    }
    for (auto& [home, move] : moves) {
        move.original = original;
        Peer& peer = peer_of(home);
        if (peer.up)
            send_move(peer, std::move(move));
        else
            keep_move(peer, std::move(move));
    }
    return true;
}

void CoreState::send_move(Peer& peer, RemoteMove move) {
    peer.item.queues = move.queues;
    send_publish(peer, move.copy, true);
    peer.awaited.push_back({peer.published, std::move(move)});
}

void CoreState::keep_move(Peer& peer, RemoteMove move) {
    if (peer.moves_bytes > kPeerMovesBytesMax) return settle_move(move);
    peer.moves_bytes += move.copy->charge();
    peer.moves.push_back(std::move(move));
}

void CoreState::send_moves(Peer& peer) {
    peer.moves_bytes = 0;
    for (RemoteMove& move : std::exchange(peer.moves, {})) send_move(peer, std::move(move));
}

void CoreState::settle_move(const RemoteMove& move) {
    if (!move.original || --move.original->awaited > 0) return;
    if (Queue* const queue = topology_.find_queue(move.original->queue))
        settle_on_disk(*queue, move.original->seq, *move.original->message);
}

}  // namespace lvt::broker
