#include "storage/journal.h"

#include "protocol/base/assert.h"

#include <exception>

namespace lvt::storage {
namespace {

/// One sync covers at most this much, so that a commit's latency stays bounded while much is written (design 4).
constexpr std::size_t kCommitBytesMax = 1024 * 1024;

}  // namespace

Journal::Journal(Fs& fs, SegmentLogOptions options) : log_(fs, std::move(options)) {
    ASSERT(::sem_init(&bell_, 0, 0) == 0);
}

Journal::~Journal() {
    (void)close();
    ::sem_destroy(&bell_);
}

Result<Lsn> Journal::open(Lsn applied, const SegmentLog::Visit& visit) {
    Result<Lsn> last = log_.open(applied, visit);
    if (last.has_error()) return last;
    last_ = *last;
    durable_ = last->value();
    return last;
}

void Journal::start(Events events) {
    events_ = std::move(events);
    thread_ = std::thread([this] { run(); });
}

void Journal::append(Lsn lsn, Bytes record) {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        ASSERT(lsn.value() == last_.value() + 1);
        last_ = lsn;
        // After a failure nothing is written, and nothing must pile up.
        if (failed_) return;
        pending_.push_back({lsn, std::move(record)});
        wake = std::exchange(waiting_, false);
    }
    if (wake) ::sem_post(&bell_);
}

void Journal::run() {
    Result<void> result;
    try {
        result = commit_all();
    } catch (const std::exception& exception) {
        result = Error{ErrorKind::io, std::string("the journal stops: ") + exception.what()};
    }
    if (result.has_value()) return;
    {
        const std::lock_guard lock(mutex_);
        failed_ = result.error();
        pending_.clear();
    }
    events_.on_fatal(std::move(result).error());
}

Result<void> Journal::commit_all() {
    std::vector<SegmentLog::Commit> taken;
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            taken.swap(pending_);
            if (taken.empty() && stopping_) break;
            waiting_ = taken.empty();
        }
        if (taken.empty()) {
            ::sem_wait(&bell_);  // an interrupted wait is a look in vain
            continue;
        }
        std::span<const SegmentLog::Commit> rest = taken;
        while (!rest.empty()) {
            std::size_t count = 0;
            std::size_t bytes = 0;
            while (count < rest.size() && bytes < kCommitBytesMax)
                bytes += rest[count++].record.size();
            LVT_TRY(commit(rest.first(count)));
            rest = rest.subspan(count);
        }
        taken.clear();
    }
    return durable() == Lsn{} ? Result<void>() : log_.write_mark(durable());
}

Result<void> Journal::commit(std::span<const SegmentLog::Commit> commits) {
    LVT_TRY(log_.write(commits, durable()));
    LVT_TRY(log_.sync());
    const Lsn last = commits.back().lsn;
    durable_.store(last.value(), std::memory_order_release);
    events_.on_durable(last);
    return {};
}

Result<void> Journal::close() {
    if (thread_.joinable()) {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        ::sem_post(&bell_);
        thread_.join();
    }
    if (failed_) return *failed_;
    return {};
}

}  // namespace lvt::storage
