// SliceQueue: the HTTP API's work for the core's thread, one piece between two turns, however many ask at the same time.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <utility>

namespace lvt::broker {

/// Any thread.
class SliceQueue {
public:
    using Slice = std::function<void()>;

    /// `post` runs what it is given on the core's thread, behind what waits there already.
    explicit SliceQueue(std::function<void(Slice)> post) : post_(std::move(post)) {}

    /// Runs `slice` on the core's thread, behind those that were added before.
    void add(Slice slice) {
        bool first = false;
        {
            const std::lock_guard lock(mutex_);
            first = slices_.empty();
            slices_.push_back(std::move(slice));
        }
        if (first) post_([this] { run(); });
    }

private:
    void run() {
        Slice slice;
        {
            const std::lock_guard lock(mutex_);
            slice = std::move(slices_.front());
        }
        slice();
        bool more = false;
        {
            const std::lock_guard lock(mutex_);
            slices_.pop_front();
            more = !slices_.empty();
        }
        if (more) post_([this] { run(); });
    }

    std::function<void(Slice)> post_;
    std::mutex mutex_;
    std::deque<Slice> slices_;  // guarded by mutex_; the first one runs or is about to
};

}  // namespace lvt::broker
