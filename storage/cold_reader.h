// Answers reads of what was retired.
#pragma once

#include "storage/retirement.h"

namespace lvt::storage {

struct ColdRead {
    QueueUid queue;
    Seq from = 0;
    Seq to = 0;
    std::size_t bytes_max = 0;
};

/// Messages of all lanes of the queue in [from, to), merged by seq, without those that `live` knows to be dead. `live` answers
/// the newest index. `corrupt` where a message's content is missing.
Result<ColdBatch> read_cold(
    ChunkDb& db, const StoredLanes& lanes, const ColdRead& read,
    const std::function<std::shared_ptr<const LiveIndex>()>& live);

/// A content of `bytes` octets that is not in its chunk; nothing where it, or a part of it, is not there.
Result<std::optional<Bytes>> read_body(ChunkDb& db, const BodyRef& ref, std::uint64_t bytes);

}  // namespace lvt::storage
