// RocksDB's view of LiveIndex: drops dead chunks and bodies while tables are written. Sees RocksDB's headers.
#pragma once

#include "storage/live_index.h"

#include <rocksdb/compaction_filter.h>

#include <mutex>

namespace lvt::storage {

/// Holds the index that filters made from now on use.
class LiveFilterFactory final : public rocksdb::CompactionFilterFactory {
public:
    enum class Of { messages, bodies };

    explicit LiveFilterFactory(Of of) : of_(of) {}

    void set_live(std::shared_ptr<const LiveIndex> live);

    const char* Name() const override { return "leveret.live"; }
    bool ShouldFilterTableFileCreation(rocksdb::TableFileCreationReason) const override {
        return true;
    }
    std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
        const rocksdb::CompactionFilter::Context&) override;

private:
    Of of_;
    std::mutex mutex_;
    std::shared_ptr<const LiveIndex> live_;
};

}  // namespace lvt::storage
