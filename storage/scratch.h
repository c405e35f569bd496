// Scratch: pages of messages that the core has put out of memory. They end with the process: one file, written from its end on; what is
// taken back or dropped is a hole in it. No page is ever synced. What a process leaves of the file the next one removes, in the background.
//
// A page stays in memory until it is written; on a full disk it stays there and is tried again.
#pragma once

#include "protocol/base/log_sink.h"
#include "storage/fs.h"
#include "storage/types.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

namespace lvt::storage {

class Scratch {
public:
    /// Called on its thread.
    struct Events {
        std::function<void(Page)> on_page;
        /// So many octets of pages have left memory, whichever way.
        std::function<void(std::uint64_t bytes)> on_pages_settled;
        std::function<void(Error)> on_fatal;
    };

    /// `path` is the file, made at the first page. `fs` and `log` must outlive it.
    Scratch(Fs& fs, Path path, LogSink& log) : fs_(fs), path_(std::move(path)), log_(log) {}
    ~Scratch() { stop(); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    void start(Events events);
    /// What is in it is gone.
    void stop();

    // Any thread. None of them waits for a disk.

    void write(PageId id, Bytes bytes);
    /// on_page brings it, and it is forgotten here.
    void take(PageId id);
    void drop(PageId id);

private:
    struct Place {
        std::uint64_t offset = 0;
        std::uint64_t size = 0;
    };

    void run();
    void serve_one(std::unique_lock<std::mutex>& lock);
    void serve_take(PageId id, std::unique_lock<std::mutex>& lock);
    void serve_drop(PageId id, std::unique_lock<std::mutex>& lock);
    void serve_write(std::unique_lock<std::mutex>& lock);
    /// Nothing where it is not among the pages that wait to be written.
    std::optional<Bytes> take_unwritten(PageId id);
    Result<void> write_at_end(ByteView bytes);
    void give_space_back(const Place& place);
    void fail(Error error);

    Fs& fs_;
    const Path path_;
    LogSink& log_;
    Events events_;

    // Its thread's.
    std::unique_ptr<File> file_;
    std::unordered_map<PageId, Place> places_;
    std::uint64_t end_ = 0;
    bool full_ = false;
    bool failed_ = false;

    std::mutex mutex_;
    // Guarded by mutex_.
    std::condition_variable wake_;
    std::deque<std::pair<PageId, Bytes>> writes_;
    std::deque<std::pair<PageId, bool>> takes_;  // true: only dropped
    bool stopping_ = false;

    std::thread thread_;
};

}  // namespace lvt::storage
