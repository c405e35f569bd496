// The words that storage and its users share.
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/base/strong_id.h"

#include <cstdint>
#include <vector>

namespace lvt::storage {

/// Number of a commit, from 1, without gaps. One commit is atomic: all of it is durable or nothing.
using Lsn = StrongId<struct LsnTag, std::uint64_t>;

/// A queue for ever: a queue declared again under the same name gets another one.
using QueueUid = StrongId<struct QueueUidTag, std::uint64_t>;

/// Place of a message in its queue, from 1, never reused. A hole counts as settled.
using Seq = std::uint64_t;

/// A page of messages out of memory (Scratch). Never reused in a process.
using PageId = StrongId<struct PageIdTag, std::uint64_t>;

struct Page {
    PageId id;
    /// Opaque to storage.
    Bytes bytes;
};

/// Seqs [first, first + count).
struct SeqRun {
    Seq first = 0;
    std::uint64_t count = 0;

    Seq end() const { return first + count; }
    bool operator==(const SeqRun&) const = default;
};

/// Where a message stands: once for each durable queue it was routed to.
struct Target {
    QueueUid queue;
    Seq seq = 0;

    bool operator==(const Target&) const = default;
};

/// What the store keeps of a message beside its content.
struct MessageHeader {
    /// Wall clock in milliseconds when it expires; 0 = never.
    std::uint64_t expires_at_ms = 0;
    /// Wall clock in milliseconds when it was published.
    std::uint64_t published_at_ms = 0;
    /// Hand-outs so far.
    std::uint32_t delivery_count = 0;
    /// Hand-outs that failed and count as poison (design 7.3).
    std::uint32_t return_count = 0;
    std::uint8_t priority = 0;

    bool operator==(const MessageHeader&) const = default;
};

/// A message as it comes back from disk; owns its bytes.
struct StoredMessage {
    Seq seq = 0;
    MessageHeader header;
    /// Opaque to storage.
    Bytes content;
};

}  // namespace lvt::storage
