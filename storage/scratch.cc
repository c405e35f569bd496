#include "storage/scratch.h"

#include <algorithm>
#include <chrono>

namespace lvt::storage {

namespace {

constexpr std::chrono::milliseconds kFullDiskInterval{1000};

}  // namespace

void Scratch::start(Events events) {
    events_ = std::move(events);
    thread_ = std::thread([this] { run(); });
}

void Scratch::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        wake_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
    // With much in it the removal takes seconds: the next start's.
    if (std::exchange(file_, nullptr) && places_.empty()) (void)fs_.remove(path_);
    places_.clear();
    writes_.clear();
    takes_.clear();
}

void Scratch::write(PageId id, Bytes bytes) {
    const std::lock_guard lock(mutex_);
    writes_.emplace_back(id, std::move(bytes));
    wake_.notify_one();
}

void Scratch::take(PageId id) {
    const std::lock_guard lock(mutex_);
    takes_.emplace_back(id, false);
    wake_.notify_one();
}

void Scratch::drop(PageId id) {
    const std::lock_guard lock(mutex_);
    takes_.emplace_back(id, true);
    wake_.notify_one();
}

void Scratch::run() {
    if (const Result<bool> left = fs_.exists(path_); left.has_value() && *left)
        (void)fs_.remove(path_);
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (!takes_.empty() || (!writes_.empty() && !full_)) {
            serve_one(lock);
        } else if (full_) {
            wake_.wait_for(lock, kFullDiskInterval);
            full_ = false;
        } else {
            wake_.wait(lock);
        }
    }
}

/// What somebody waits for comes first.
void Scratch::serve_one(std::unique_lock<std::mutex>& lock) {
    if (takes_.empty()) return serve_write(lock);
    const auto [id, only_dropped] = takes_.front();
    takes_.pop_front();
    if (only_dropped)
        serve_drop(id, lock);
    else
        serve_take(id, lock);
}

std::optional<Bytes> Scratch::take_unwritten(PageId id) {
    const auto at = std::find_if(
        writes_.begin(), writes_.end(), [&](const auto& write) { return write.first == id; });
    if (at == writes_.end()) return std::nullopt;
    Bytes bytes = std::move(at->second);
    writes_.erase(at);
    return bytes;
}

void Scratch::serve_take(PageId id, std::unique_lock<std::mutex>& lock) {
    std::optional<Bytes> bytes = take_unwritten(id);
    lock.unlock();
    if (bytes) {
        events_.on_pages_settled(bytes->size());
        events_.on_page({id, std::move(*bytes)});
    } else if (const auto found = places_.extract(id)) {
        const Place place = found.mapped();
        bytes.emplace(place.size, '\0');
        const Result<std::size_t> got = file_->read(place.offset, bytes->data(), place.size);
        if (got.has_error())
            fail(got.error());
        else if (*got < place.size)
            fail({ErrorKind::corrupt, path_.string() + ": a page is cut off"});
        else
            events_.on_page({id, std::move(*bytes)});
        give_space_back(place);
    }
    lock.lock();
}

void Scratch::serve_drop(PageId id, std::unique_lock<std::mutex>& lock) {
    const std::optional<Bytes> bytes = take_unwritten(id);
    lock.unlock();
    if (bytes)
        events_.on_pages_settled(bytes->size());
    else if (const auto found = places_.extract(id))
        give_space_back(found.mapped());
    lock.lock();
}

void Scratch::serve_write(std::unique_lock<std::mutex>& lock) {
    auto [id, bytes] = std::move(writes_.front());
    writes_.pop_front();
    lock.unlock();
    const Result<void> written = write_at_end(bytes);
    if (written.has_value()) {
        places_[id] = {end_, bytes.size()};
        end_ += bytes.size();
        events_.on_pages_settled(bytes.size());
    } else if (written.error().kind != ErrorKind::no_space) {
        fail(written.error());
    } else {
        log_.log(LogLevel::error, "{}", written.error().message);
    }
    lock.lock();
    if (written.has_value()) return;
    full_ = true;
    writes_.emplace_front(id, std::move(bytes));
}

Result<void> Scratch::write_at_end(ByteView bytes) {
    if (!file_) {
        Result<std::unique_ptr<File>> file = fs_.open(path_, OpenMode::create);
        if (file.has_error()) return std::move(file).error();
        file_ = std::move(*file);
    }
    return file_->write(end_, bytes);
}

/// An empty file begins anew, which gives space back also where a file system knows no holes.
void Scratch::give_space_back(const Place& place) {
    if (!places_.empty()) {
        (void)file_->release(place.offset, place.size);
        return;
    }
    end_ = 0;
    if (const Result<void> cut = file_->truncate(0); cut.has_error()) fail(cut.error());
}

void Scratch::fail(Error error) {
    if (std::exchange(failed_, true)) return;
    if (events_.on_fatal) events_.on_fatal(std::move(error));
}

}  // namespace lvt::storage
