// A disk in memory that fails as a test tells it to.
//
// It knows for every page of every file what is synced and what only the page cache has, and for every name what a sync of its
// directory has made durable. A crash takes back what is not: wholly, or a seeded choice of pages.
#pragma once

#include "storage/fs.h"

#include <map>
#include <mutex>
#include <optional>
#include <set>

namespace lvt::storage {

class FaultyFs final : public Fs {
public:
    enum class Survival {
        everything,  // the process was killed: the page cache is intact
        synced,      // power failed, nothing unsynced reached the disk
        torn,        // power failed, a seeded choice of unsynced pages and names reached the disk
    };

    /// The n-th change from now on (1 = the next write, sync, allocation or change of a name) and all behind it fail, as if the
    /// process had died there. 0 = never.
    void crash_at(std::uint64_t change);
    /// The next sync of a file below `directory` fails with an I/O error, and what it should have written is lost although a later
    /// sync succeeds.
    void fail_next_sync(Path directory);
    void fail_next_write(Path directory);
    /// Files can have this much in all.
    void set_capacity(std::uint64_t bytes);

    /// The machine starts again: applies what survives, forgets all faults and locks. Files opened before answer errors.
    void restart(Survival survival, std::uint64_t seed = 0);

    bool crashed() const;
    /// Changes so far, of all kinds.
    std::uint64_t changes() const;
    std::uint64_t syncs() const;

    // Damage, behind the broker's back.

    void flip(const Path& path, std::uint64_t offset, char mask = 1);
    Bytes content(const Path& path) const;

    Result<std::unique_ptr<File>> open(const Path& path, OpenMode mode) override;
    Result<bool> exists(const Path& path) override;
    Result<void> rename(const Path& from, const Path& to) override;
    Result<void> remove(const Path& path) override;
    Result<std::vector<std::string>> list(const Path& directory) override;
    Result<void> make_directory(const Path& directory) override;
    Result<void> sync_directory(const Path& directory) override;
    Result<std::uint64_t> free_bytes(const Path& directory) override;
    Result<std::unique_ptr<FileLock>> lock(const Path& path) override;

private:
    friend class FaultyFile;
    friend class FaultyLock;
    static constexpr std::size_t kPageBytes = 4096;

    struct Node {
        Bytes cached;
        Bytes synced;
        std::set<std::uint64_t> dirty_pages;
        bool size_dirty = false;
    };
    using NodePtr = std::shared_ptr<Node>;
    using Names = std::map<Path, NodePtr>;

    Result<void> change(const char* verb, const Path& path);
    Result<void> sync_node(Node& node, const Path& path);
    Result<void> grow(Node& node, std::uint64_t size, const Path& path);
    static void mark(Node& node, std::uint64_t offset, std::uint64_t size);
    static void settle(Node& node, Survival survival, std::uint64_t& random);
    std::uint64_t used() const;
    bool is_directory(const Path& path) const;

    mutable std::mutex mutex_;
    Names names_;
    Names durable_names_;
    std::set<Path> directories_;
    std::set<Path> locks_;
    std::uint64_t epoch_ = 0;
    std::uint64_t changes_ = 0;
    std::uint64_t syncs_ = 0;
    std::uint64_t crash_at_ = 0;
    /// The directory below which the next one fails.
    std::optional<Path> failing_sync_;
    std::optional<Path> failing_write_;
    std::optional<std::uint64_t> capacity_;
    bool crashed_ = false;
};

}  // namespace lvt::storage
