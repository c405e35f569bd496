#include "tests/storage/faulty_fs.h"

#include <algorithm>
#include <cstring>

namespace lvt::storage {
namespace {

Error failed(ErrorKind kind, const char* verb, const Path& path, const char* words) {
    return Error{kind, std::string("cannot ") + verb + " " + path.string() + ": " + words};
}

/// splitmix64: the seed decides which pages survive.
std::uint64_t draw(std::uint64_t& state) {
    std::uint64_t value = state += 0x9e3779b97f4a7c15ull;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
    return value ^ (value >> 31);
}

/// A fault that waits for a file below its directory happens once.
bool take_fault(std::optional<Path>& directory, const Path& file) {
    if (!directory) return false;
    const auto [end, rest] =
        std::mismatch(directory->begin(), directory->end(), file.begin(), file.end());
    if (end != directory->end()) return false;
    directory.reset();
    return true;
}

}  // namespace

class FaultyFile final : public File {
public:
    FaultyFile(FaultyFs& fs, FaultyFs::NodePtr node, Path path, std::uint64_t epoch)
        : fs_(fs), node_(std::move(node)), path_(std::move(path)), epoch_(epoch) {}

    Result<std::size_t> read(std::uint64_t offset, char* to, std::size_t size) override {
        const std::lock_guard lock(fs_.mutex_);
        LVT_TRY(check("read"));
        if (offset >= node_->cached.size()) return std::size_t{0};
        size = std::min<std::size_t>(size, node_->cached.size() - offset);
        std::memcpy(to, node_->cached.data() + offset, size);
        return size;
    }

    Result<void> write(std::uint64_t offset, ByteView bytes) override {
        const std::lock_guard lock(fs_.mutex_);
        LVT_TRY(check("write"));
        Result<void> changed = fs_.change("write", path_);
        // A write in which the machine dies may still have reached the page cache.
        if (changed.has_error() && offset + bytes.size() > node_->cached.size()) return changed;
        if (take_fault(fs_.failing_write_, path_))
            return failed(ErrorKind::io, "write", path_, "Input/output error");
        if (offset + bytes.size() > node_->cached.size())
            LVT_TRY(fs_.grow(*node_, offset + bytes.size(), path_));
        node_->cached.replace(offset, bytes.size(), bytes);
        FaultyFs::mark(*node_, offset, bytes.size());
        return changed;
    }

    Result<void> sync_data() override { return sync(); }

    Result<void> sync() override {
        const std::lock_guard lock(fs_.mutex_);
        LVT_TRY(check("sync"));
        return fs_.sync_node(*node_, path_);
    }

    Result<void> allocate(std::uint64_t size) override {
        const std::lock_guard lock(fs_.mutex_);
        LVT_TRY(check("allocate"));
        LVT_TRY(fs_.change("allocate", path_));
        return size <= node_->cached.size() ? Result<void>() : fs_.grow(*node_, size, path_);
    }

    Result<void> release(std::uint64_t offset, std::uint64_t size) override {
        const std::lock_guard lock(fs_.mutex_);
        LVT_TRY(check("release"));
        const std::uint64_t end = std::min<std::uint64_t>(offset + size, node_->cached.size());
        for (std::uint64_t at = offset; at < end; ++at) node_->cached[at] = '\0';
        return {};
    }

    Result<void> truncate(std::uint64_t size) override {
        const std::lock_guard lock(fs_.mutex_);
        LVT_TRY(check("truncate"));
        LVT_TRY(fs_.change("truncate", path_));
        if (size > node_->cached.size()) return fs_.grow(*node_, size, path_);
        node_->cached.resize(size);
        node_->size_dirty = true;
        return {};
    }

    Result<std::uint64_t> size() override {
        const std::lock_guard lock(fs_.mutex_);
        LVT_TRY(check("stat"));
        return static_cast<std::uint64_t>(node_->cached.size());
    }

private:
    Result<void> check(const char* verb) const {
        if (epoch_ == fs_.epoch_ && !fs_.crashed_) return {};
        return failed(ErrorKind::io, verb, path_, "the machine is down");
    }

    FaultyFs& fs_;
    FaultyFs::NodePtr node_;
    Path path_;
    std::uint64_t epoch_;
};

class FaultyLock final : public FileLock {
public:
    FaultyLock(FaultyFs& fs, Path path, std::uint64_t epoch)
        : fs_(fs), path_(std::move(path)), epoch_(epoch) {}
    ~FaultyLock() override {
        const std::lock_guard lock(fs_.mutex_);
        if (epoch_ == fs_.epoch_) fs_.locks_.erase(path_);
    }

private:
    FaultyFs& fs_;
    Path path_;
    std::uint64_t epoch_;
};

void FaultyFs::crash_at(std::uint64_t change) {
    const std::lock_guard lock(mutex_);
    crash_at_ = change == 0 ? 0 : changes_ + change;
}

void FaultyFs::fail_next_sync(Path directory) {
    const std::lock_guard lock(mutex_);
    failing_sync_ = std::move(directory);
}

void FaultyFs::fail_next_write(Path directory) {
    const std::lock_guard lock(mutex_);
    failing_write_ = std::move(directory);
}

void FaultyFs::set_capacity(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    capacity_ = bytes;
}

bool FaultyFs::crashed() const {
    const std::lock_guard lock(mutex_);
    return crashed_;
}

std::uint64_t FaultyFs::changes() const {
    const std::lock_guard lock(mutex_);
    return changes_;
}

std::uint64_t FaultyFs::syncs() const {
    const std::lock_guard lock(mutex_);
    return syncs_;
}

void FaultyFs::restart(Survival survival, std::uint64_t seed) {
    const std::lock_guard lock(mutex_);
    std::uint64_t random = seed;
    if (survival == Survival::synced) names_ = durable_names_;
    if (survival == Survival::torn) {
        Names all = names_;
        all.insert(durable_names_.begin(), durable_names_.end());
        for (const auto& [path, unused] : all) {
            const auto durable = durable_names_.find(path);
            const auto now = names_.find(path);
            const bool same = durable != durable_names_.end() && now != names_.end() &&
                              durable->second == now->second;
            if (same || draw(random) % 2 == 0) continue;
            if (durable == durable_names_.end()) {
                names_.erase(path);
            } else {
                names_[path] = durable->second;
            }
        }
    }
    std::set<Node*> settled;
    for (auto& [path, node] : names_) {
        if (settled.insert(node.get()).second) settle(*node, survival, random);
    }
    if (survival != Survival::everything) durable_names_ = names_;
    locks_.clear();
    ++epoch_;
    crash_at_ = 0;
    failing_sync_.reset();
    failing_write_.reset();
    capacity_.reset();
    crashed_ = false;
}

void FaultyFs::settle(Node& node, Survival survival, std::uint64_t& random) {
    if (survival == Survival::everything) {
        // Still only in the page cache: a power failure later may take it.
        return;
    }
    Bytes disk = node.synced;
    if (survival == Survival::torn) {
        if (node.size_dirty && draw(random) % 2 == 0) disk.resize(node.cached.size());
        for (const std::uint64_t page : node.dirty_pages) {
            const std::uint64_t offset = page * kPageBytes;
            if (draw(random) % 2 == 0 || offset >= node.cached.size()) continue;
            const std::uint64_t end = std::min(offset + kPageBytes, node.cached.size());
            if (disk.size() < end) disk.resize(end);
            disk.replace(offset, end - offset, node.cached, offset, end - offset);
        }
    }
    node.cached = node.synced = std::move(disk);
    node.dirty_pages.clear();
    node.size_dirty = false;
}

void FaultyFs::flip(const Path& path, std::uint64_t offset, char mask) {
    const std::lock_guard lock(mutex_);
    Node& node = *names_.at(path);
    node.cached.at(offset) = static_cast<char>(node.cached.at(offset) ^ mask);
    if (offset < node.synced.size()) node.synced[offset] = node.cached[offset];
}

Bytes FaultyFs::content(const Path& path) const {
    const std::lock_guard lock(mutex_);
    return names_.at(path)->cached;
}

Result<void> FaultyFs::change(const char* verb, const Path& path) {
    if (crashed_ || (crash_at_ != 0 && changes_ + 1 >= crash_at_)) {
        crashed_ = true;
        return failed(ErrorKind::io, verb, path, "the machine is down");
    }
    ++changes_;
    return {};
}

Result<void> FaultyFs::sync_node(Node& node, const Path& path) {
    LVT_TRY(change("sync", path));
    ++syncs_;
    const bool fails = take_fault(failing_sync_, path);
    if (!fails) {
        node.synced.resize(node.cached.size());
        for (const std::uint64_t page : node.dirty_pages) {
            const std::uint64_t offset = page * kPageBytes;
            if (offset >= node.cached.size()) continue;
            const std::uint64_t size = std::min(kPageBytes, node.cached.size() - offset);
            node.synced.replace(offset, size, node.cached, offset, size);
        }
    }
    // As the kernel does: what could not be written counts as clean from now on.
    node.dirty_pages.clear();
    node.size_dirty = false;
    if (fails) return failed(ErrorKind::io, "sync", path, "Input/output error");
    return {};
}

Result<void> FaultyFs::grow(Node& node, std::uint64_t size, const Path& path) {
    if (capacity_ && used() + (size - node.cached.size()) > *capacity_)
        return failed(ErrorKind::no_space, "write", path, "No space left on device");
    node.cached.resize(size);
    node.size_dirty = true;
    return {};
}

void FaultyFs::mark(Node& node, std::uint64_t offset, std::uint64_t size) {
    if (size == 0) return;
    for (std::uint64_t page = offset / kPageBytes; page <= (offset + size - 1) / kPageBytes; ++page)
        node.dirty_pages.insert(page);
}

std::uint64_t FaultyFs::used() const {
    std::uint64_t bytes = 0;
    for (const auto& [path, node] : names_) bytes += node->cached.size();
    return bytes;
}

bool FaultyFs::is_directory(const Path& path) const { return directories_.contains(path); }

Result<std::unique_ptr<File>> FaultyFs::open(const Path& path, OpenMode mode) {
    const std::lock_guard lock(mutex_);
    const auto at = names_.find(path);
    NodePtr node;
    if (mode == OpenMode::create) {
        LVT_TRY(change("open", path));
        if (at == names_.end()) {
            node = names_[path] = std::make_shared<Node>();
        } else {
            node = at->second;
            node->cached.clear();
            node->size_dirty = true;
        }
    } else {
        if (crashed_) return failed(ErrorKind::io, "open", path, "the machine is down");
        if (at == names_.end())
            return failed(ErrorKind::not_found, "open", path, "No such file or directory");
        node = at->second;
    }
    return std::unique_ptr<File>(new FaultyFile(*this, std::move(node), path, epoch_));
}

Result<bool> FaultyFs::exists(const Path& path) {
    const std::lock_guard lock(mutex_);
    return names_.contains(path) || is_directory(path);
}

Result<void> FaultyFs::rename(const Path& from, const Path& to) {
    const std::lock_guard lock(mutex_);
    LVT_TRY(change("rename", from));
    const auto at = names_.find(from);
    if (at == names_.end())
        return failed(ErrorKind::not_found, "rename", from, "No such file or directory");
    NodePtr node = at->second;
    names_.erase(at);
    names_[to] = std::move(node);
    return {};
}

Result<void> FaultyFs::remove(const Path& path) {
    const std::lock_guard lock(mutex_);
    LVT_TRY(change("remove", path));
    if (names_.erase(path) == 0)
        return failed(ErrorKind::not_found, "remove", path, "No such file or directory");
    return {};
}

Result<std::vector<std::string>> FaultyFs::list(const Path& directory) {
    const std::lock_guard lock(mutex_);
    if (crashed_) return failed(ErrorKind::io, "list", directory, "the machine is down");
    if (!is_directory(directory))
        return failed(ErrorKind::not_found, "list", directory, "No such file or directory");
    std::vector<std::string> found;
    for (const auto& [path, node] : names_) {
        if (path.parent_path() == directory) found.push_back(path.filename().string());
    }
    for (const Path& path : directories_) {
        if (path.parent_path() == directory) found.push_back(path.filename().string());
    }
    std::sort(found.begin(), found.end());
    return found;
}

Result<void> FaultyFs::make_directory(const Path& directory) {
    const std::lock_guard lock(mutex_);
    if (is_directory(directory)) return {};
    LVT_TRY(change("make the directory", directory));
    for (Path at = directory; !at.empty() && at != at.root_path(); at = at.parent_path())
        directories_.insert(at);
    return {};
}

Result<void> FaultyFs::sync_directory(const Path& directory) {
    const std::lock_guard lock(mutex_);
    LVT_TRY(change("sync", directory));
    std::erase_if(
        durable_names_, [&](const auto& name) { return name.first.parent_path() == directory; });
    for (const auto& [path, node] : names_) {
        if (path.parent_path() == directory) durable_names_[path] = node;
    }
    return {};
}

Result<std::uint64_t> FaultyFs::free_bytes(const Path&) {
    const std::lock_guard lock(mutex_);
    constexpr std::uint64_t kPlenty = 1ull << 40;
    if (!capacity_) return kPlenty;
    return *capacity_ - std::min(*capacity_, used());
}

Result<std::unique_ptr<FileLock>> FaultyFs::lock(const Path& path) {
    const std::lock_guard lock(mutex_);
    if (!locks_.insert(path).second)
        return failed(ErrorKind::invalid, "lock", path, "another broker has it");
    return std::unique_ptr<FileLock>(new FaultyLock(*this, path, epoch_));
}

}  // namespace lvt::storage
