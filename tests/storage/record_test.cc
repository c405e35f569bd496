#include "storage/record.h"

#include <gtest/gtest.h>

namespace lvt::storage {
namespace {

constexpr QueueUid kQueue{7};

std::vector<RecordEntry> entries_of(ByteView payload) {
    std::vector<RecordEntry> entries;
    const auto keep = [&](const RecordEntry& entry) -> Result<void> {
        entries.push_back(entry);
        return {};
    };
    EXPECT_TRUE(for_each_entry(payload, keep).has_value());
    return entries;
}

Bytes payload_of_everything() {
    RecordWriter writer;
    const std::vector<Target> one{{kQueue, 1}};
    const std::vector<Target> two{{kQueue, 2}, {QueueUid{8}, 1}};
    const std::vector<SeqRun> runs{{1, 2}, {9, 1}};
    writer.message(one, {.published_at_ms = 5}, "head", "tail");
    writer.message(two, {11, 12, 3, 4, 9}, "", "both");
    writer.piece(one, 77, 0, "piece");
    writer.message_in_pieces(one, {.priority = 3}, 77, 5);
    writer.settled(kQueue, runs);
    writer.floor(kQueue, 20);
    writer.counts(kQueue, 3, 4, 5);
    writer.delivering(kQueue);
    writer.delivered_at_stop(kQueue, runs);
    writer.metadata(99, "command");
    writer.group(12, "group");
    return writer.take();
}

}  // namespace

TEST(Record, RoundTripsEveryEntry) {
    const Bytes payload = payload_of_everything();
    const std::vector<RecordEntry> entries = entries_of(payload);
    ASSERT_EQ(entries.size(), 11u);
    const auto& plain = std::get<MessageEntry>(entries[0]);
    EXPECT_EQ(plain.content, "headtail");
    EXPECT_EQ(plain.targets, (std::vector<Target>{{kQueue, 1}}));
    EXPECT_EQ(plain.header, (MessageHeader{.published_at_ms = 5}));
    EXPECT_EQ(plain.content_bytes, 8u);
    const auto& full = std::get<MessageEntry>(entries[1]);
    EXPECT_EQ(full.header, (MessageHeader{11, 12, 3, 4, 9}));
    EXPECT_EQ(full.targets.size(), 2u);
    const auto& piece = std::get<PieceEntry>(entries[2]);
    EXPECT_EQ(piece.body_id, 77u);
    EXPECT_EQ(piece.bytes, "piece");
    const auto& large = std::get<MessageEntry>(entries[3]);
    EXPECT_EQ(large.body_id, 77u);
    EXPECT_EQ(large.content_bytes, 5u);
    EXPECT_EQ(large.header.priority, 3);
    EXPECT_EQ(std::get<SettledEntry>(entries[4]).runs, (std::vector<SeqRun>{{1, 2}, {9, 1}}));
    EXPECT_EQ(std::get<FloorEntry>(entries[5]).floor, 20u);
    EXPECT_EQ(std::get<CountsEntry>(entries[6]).return_count, 5u);
    EXPECT_EQ(std::get<DeliveringEntry>(entries[7]).queue, kQueue);
    EXPECT_EQ(std::get<DeliveredAtStopEntry>(entries[8]).runs.size(), 2u);
    EXPECT_EQ(std::get<MetadataEntry>(entries[9]).command, "command");
    EXPECT_EQ(std::get<GroupEntry>(entries[10]).group, 12u);
    EXPECT_EQ(std::get<GroupEntry>(entries[10]).record, "group");
}

TEST(Record, KnowsMoreTargetsThanOneOctetCounts) {
    for (const std::size_t count : {0u, 254u, 255u, 256u, 70'000u}) {
        RecordWriter writer;
        std::vector<Target> targets;
        for (std::size_t i = 0; i < count; ++i) targets.push_back({QueueUid{i + 1}, i});
        writer.message(targets, {}, "x", "");
        const Bytes payload = writer.take();
        const std::vector<RecordEntry> entries = entries_of(payload);
        EXPECT_EQ(std::get<MessageEntry>(entries.at(0)).targets, targets);
    }
}

TEST(Record, TakeLeavesAFreshStart) {
    RecordWriter writer;
    EXPECT_TRUE(writer.empty());
    writer.delivering(kQueue);
    EXPECT_FALSE(writer.empty());
    EXPECT_EQ(entries_of(writer.take()).size(), 1u);
    EXPECT_TRUE(writer.empty());
    EXPECT_TRUE(entries_of(writer.take()).empty());
}

TEST(Record, EveryTruncationIsAnErrorOrFewerEntries) {
    const Bytes payload = payload_of_everything();
    for (std::size_t size = 0; size < payload.size(); ++size) {
        std::size_t seen = 0;
        const auto count = [&](const RecordEntry&) -> Result<void> {
            ++seen;
            return {};
        };
        const Result<void> read = for_each_entry(ByteView(payload).substr(0, size), count);
        EXPECT_LT(seen, 11u);
        if (read.has_error()) {
            EXPECT_EQ(read.error().kind, ErrorKind::corrupt);
        }
    }
}

TEST(Record, RefusesAnUnknownVersionAndAnUnknownEntry) {
    Bytes payload = payload_of_everything();
    payload[0] = 2;
    EXPECT_EQ(RecordReader(payload).next().error().kind, ErrorKind::unsupported);
    payload[0] = 1;
    payload[1] = 99;
    EXPECT_EQ(RecordReader(payload).next().error().kind, ErrorKind::corrupt);
}

TEST(Record, NoFlippedBitReadsBeyondTheEnd) {
    const Bytes good = payload_of_everything();
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        // A copy of exactly this size, so that the sanitizer sees a read beyond it.
        const std::unique_ptr<char[]> copy(new char[good.size()]);
        std::copy(good.begin(), good.end(), copy.get());
        copy[bit / 8] = static_cast<char>(copy[bit / 8] ^ (1 << bit % 8));
        (void)for_each_entry(
            {copy.get(), good.size()}, [](const RecordEntry&) -> Result<void> { return {}; });
    }
}

}  // namespace lvt::storage
