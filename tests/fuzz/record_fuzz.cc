// A commit's payload from arbitrary bytes: walked to its end without a read beyond it; what is read is within the payload.
#include "protocol/base/assert.h"
#include "storage/chunk.h"
#include "storage/record.h"
#include "storage/state_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    using namespace lvt::storage;
    const lvt::ByteView bytes(reinterpret_cast<const char*>(data), size);
    const auto within = [&](lvt::ByteView view) {
        ASSERT(
            view.empty() ||
            (view.data() >= bytes.data() && view.data() + view.size() <= bytes.data() + size));
    };
    (void)for_each_entry(bytes, [&](const RecordEntry& entry) -> lvt::Result<void> {
        if (const auto* message = std::get_if<MessageEntry>(&entry)) within(message->content);
        if (const auto* piece = std::get_if<PieceEntry>(&entry)) within(piece->bytes);
        if (const auto* metadata = std::get_if<MetadataEntry>(&entry)) within(metadata->command);
        return {};
    });
    // The same bytes as what RocksDB might hold.
    lvt::Result<ChunkReader> chunk = ChunkReader::open(bytes, 0);
    while (chunk.has_value()) {
        const auto message = chunk->next();
        if (message.has_error() || !message->has_value()) break;
        within((*message)->content);
    }
    if (const auto part = decode_body_part(bytes); part.has_value()) within(part->bytes);
    const auto queue = decode_stored_queue(QueueUid{1}, bytes);
    if (queue.has_value())
        ASSERT(decode_stored_queue(QueueUid{1}, encode_stored_queue(*queue)).has_value());
    return 0;
}
