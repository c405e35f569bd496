// What comes out of one turn of the core: values, carried out by whoever drives it (design rule 9).
#pragma once

#include "broker/core/admin_request.h"
#include "broker/core/effect.h"
#include "cluster/raft/types.h"
#include "storage/durable_store.h"

#include <optional>
#include <variant>
#include <vector>

namespace lvt::broker {

/// Which lane; lanes are numbered from 0.
using LaneIndex = std::uint16_t;

struct AppendRequest {
    storage::Lsn lsn;
    Bytes record;
};
struct ReadRequest {
    storage::QueueUid queue;
    storage::Seq from = 0;
    storage::Seq to = 0;
    std::size_t bytes_max = 0;
};
struct SnapshotRequest {
    storage::StateSnapshot snapshot;
};
struct RetireEarlyRequest {};
struct WritePageRequest {
    storage::PageId id;
    Bytes bytes;
};
struct TakePageRequest {
    storage::PageId id;
};
struct DropPageRequest {
    storage::PageId id;
};
struct ReclaimRequest {
    storage::QueueUid queue;
    storage::Seq floor = 0;
};

/// A call to make on the DurableStore, in order.
using StoreRequest = std::variant<
    AppendRequest, ReadRequest, SnapshotRequest, RetireEarlyRequest, ReclaimRequest,
    WritePageRequest, TakePageRequest, DropPageRequest>;

/// For the metadata group: it comes back to every node's Core::on_committed() once the cluster has agreed on it. Numbers have no gaps.
struct ProposalRequest {
    std::uint64_t number = 0;
    Bytes command;
};

/// For the stream to that node, in order (peer_item.h).
struct PeerBatch {
    cluster::NodeId peer;
    Bytes bytes;
};

struct TurnOutput {
    /// One batch a lane, by LaneIndex.
    std::vector<EffectBatch> effects;
    std::vector<StoreRequest> store;
    std::vector<AdminAnswer> answers;
    std::vector<ProposalRequest> proposals;
    std::vector<PeerBatch> peers;
    /// Core::store_group(): all up to this ticket is durable.
    std::optional<std::uint64_t> group_stored;
    /// A GroupRecord with `checkpoint` shall be stored.
    bool checkpoint_wanted = false;

    void clear() {
        for (auto& batch : effects) batch.clear();
        store.clear();
        answers.clear();
        proposals.clear();
        peers.clear();
        group_stored.reset();
        checkpoint_wanted = false;
    }
};

}  // namespace lvt::broker
