// Joins the pieces of large contents while a journal is replayed.
#pragma once

#include "storage/record.h"

#include <functional>
#include <map>

namespace lvt::storage {

class PieceCollector {
public:
    /// Answers a piece that is not in the journal any more, or nothing.
    using Loader =
        std::function<Result<std::optional<Bytes>>(std::uint64_t body_id, std::uint32_t part)>;

    explicit PieceCollector(Loader retired) : retired_(std::move(retired)) {}

    /// Takes the pieces of one commit in, and answers the contents that its messages refer to. A content of which a piece is
    /// nowhere any more is left out: all its messages are settled by a later commit or by the snapshot.
    Result<std::map<std::uint64_t, Bytes>> take_in(ByteView record);

private:
    using Parts = std::map<std::uint32_t, Bytes>;
    Result<std::optional<Bytes>> join(std::uint64_t body_id, std::uint64_t content_bytes);

    Loader retired_;
    std::map<std::uint64_t, Parts> bodies_;
};

/// How many pieces a content of this size has.
inline std::uint32_t pieces_of(std::uint64_t content_bytes) {
    return static_cast<std::uint32_t>((content_bytes + kPieceBytes - 1) / kPieceBytes);
}

}  // namespace lvt::storage
