#include "storage/piece_collector.h"

namespace lvt::storage {

Result<std::map<std::uint64_t, Bytes>> PieceCollector::take_in(ByteView record) {
    std::map<std::uint64_t, Bytes> joined;
    const auto take = [&](const RecordEntry& entry) -> Result<void> {
        if (const auto* piece = std::get_if<PieceEntry>(&entry)) {
            bodies_[piece->body_id].insert_or_assign(piece->part, Bytes(piece->bytes));
        } else if (const auto* message = std::get_if<MessageEntry>(&entry)) {
            if (message->body_id == 0) return {};
            Result<std::optional<Bytes>> content = join(message->body_id, message->content_bytes);
            if (content.has_error()) return std::move(content).error();
            if (content->has_value()) joined[message->body_id] = std::move(**content);
            bodies_.erase(message->body_id);
        }
        return {};
    };
    LVT_TRY(for_each_entry(record, take));
    return joined;
}

Result<std::optional<Bytes>> PieceCollector::join(
    std::uint64_t body_id, std::uint64_t content_bytes) {
    Bytes content;
    Parts& parts = bodies_[body_id];
    for (std::uint32_t part = 0; part < pieces_of(content_bytes); ++part) {
        if (const auto at = parts.find(part); at != parts.end()) {
            content.append(at->second);
            continue;
        }
        Result<std::optional<Bytes>> retired = retired_(body_id, part);
        if (retired.has_error()) return retired;
        if (!retired->has_value()) return std::optional<Bytes>();
        content.append(**retired);
    }
    if (content.size() != content_bytes) {
        return Error{
            ErrorKind::corrupt,
            "the pieces of a message's content do not have its size: body " +
                std::to_string(body_id)};
    }
    return std::optional<Bytes>(std::move(content));
}

}  // namespace lvt::storage
