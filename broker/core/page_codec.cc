#include "broker/core/page_codec.h"

#include "broker/core/message_codec.h"
#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"

namespace lvt::broker {

namespace {

constexpr std::size_t kEntryBytes = 8 + 8 + 4 + 2 + 1 + 4;

}  // namespace

Bytes encode_page(const std::vector<QueuedMessage>& entries) {
    Bytes page;
    std::size_t size = 0;
    for (const QueuedMessage& entry : entries)
        size += kEntryBytes + kMessagePrefixBytes + entry.message->head_and_body().size();
    page.reserve(size);
    ByteWriter out(page);
    for (const QueuedMessage& entry : entries) {
        const Message& message = *entry.message;
        char prefix[kMessagePrefixBytes];
        encode_message_prefix(message, prefix);
        const ByteView content = message.head_and_body();
        out.u64(entry.seq);
        out.u64(message.published_at_ms());
        out.u32(entry.delivery_count);
        out.u16(entry.return_count);
        out.u8(entry.delivered ? 1 : 0);
        out.u32(static_cast<std::uint32_t>(sizeof prefix + content.size()));
        out.raw(ByteView(prefix, sizeof prefix));
        out.raw(content);
    }
    return page;
}

Result<std::vector<QueuedMessage>> decode_page(MessagePool& pool, ByteView page) {
    std::vector<QueuedMessage> entries;
    ByteReader in(page);
    while (!in.done()) {
        QueuedMessage entry;
        entry.seq = in.u64();
        const std::uint64_t published_at_ms = in.u64();
        entry.delivery_count = in.u32();
        entry.return_count = in.u16();
        entry.delivered = in.u8() != 0;
        const ByteView stored = in.view(in.u32());
        if (!in.ok()) return Error{ErrorKind::corrupt, "page cut off"};
        auto message = decode_message(pool, stored);
        if (message.has_error()) return std::move(message).error();
        entry.message = std::move(*message);
        entry.message.mutable_get()->set_published_at_ms(published_at_ms);
        entries.push_back(std::move(entry));
    }
    return entries;
}

}  // namespace lvt::broker
