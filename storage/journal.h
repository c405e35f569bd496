// The journal: commits become durable in order, as many at once as have gathered while the disk was busy.
#pragma once

#include "storage/segment_log.h"

#include <semaphore.h>

#include <atomic>
#include <mutex>
#include <thread>

namespace lvt::storage {

/// append -> one thread -> write, one fdatasync -> on_durable. No timer: what arrives while a sync runs is the next commit.
class Journal {
public:
    struct Events {
        /// All up to this one survive a crash. Ascending. On the journal's thread.
        std::function<void(Lsn)> on_durable;
        /// Once: nothing will be durable any more. On the journal's thread.
        std::function<void(Error)> on_fatal;
    };

    Journal(Fs& fs, SegmentLogOptions options);
    ~Journal();
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    /// See SegmentLog::open. Before start().
    Result<Lsn> open(Lsn applied, const SegmentLog::Visit& visit);
    void start(Events events);

    /// `lsn` is the last one plus one. Any one thread; never waits for the disk.
    void append(Lsn lsn, Bytes record);
    /// Any thread.
    Lsn durable() const { return Lsn{durable_.load(std::memory_order_acquire)}; }
    /// Its read, recycle and any-thread parts.
    SegmentLog& log() { return log_; }
    const SegmentLog& log() const { return log_; }

    /// Waits until everything appended is durable and ends the thread. The error that went to on_fatal, if one did.
    Result<void> close();

private:
    void run();
    Result<void> commit_all();
    Result<void> commit(std::span<const SegmentLog::Commit> commits);

    SegmentLog log_;
    Events events_;
    std::thread thread_;
    std::atomic<std::uint64_t> durable_{0};
    Lsn last_;

    /// Rung where the thread waits. Not a condition variable: a lonely commit would pay one more system call for its mutex.
    sem_t bell_;
    std::mutex mutex_;
    /// Guarded by mutex_, as is what follows.
    std::vector<SegmentLog::Commit> pending_;
    bool waiting_ = false;
    bool stopping_ = false;
    std::optional<Error> failed_;
};

}  // namespace lvt::storage
