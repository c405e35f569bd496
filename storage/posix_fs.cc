#include "storage/posix_fs.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

namespace lvt::storage {
namespace {

Error failed(const char* verb, const Path& path, int error) {
    ErrorKind kind = ErrorKind::io;
    if (error == ENOSPC || error == EDQUOT) kind = ErrorKind::no_space;
    if (error == ENOENT) kind = ErrorKind::not_found;
    return Error{
        kind,
        std::string("cannot ") + verb + " " + path.string() + ": " +
            std::generic_category().message(error)};
}

/// Calls again what a signal interrupted.
template <class Call>
auto uninterrupted(Call call) {
    auto answer = call();
    while (answer < 0 && errno == EINTR) answer = call();
    return answer;
}

class PosixFile final : public File {
public:
    PosixFile(int descriptor, Path path) : descriptor_(descriptor), path_(std::move(path)) {}
    ~PosixFile() override { ::close(descriptor_); }
    PosixFile(const PosixFile&) = delete;
    PosixFile& operator=(const PosixFile&) = delete;

    Result<std::size_t> read(std::uint64_t offset, char* to, std::size_t size) override {
        std::size_t done = 0;
        while (done < size) {
            const ssize_t got = uninterrupted([&] {
                return ::pread(
                    descriptor_, to + done, size - done, static_cast<off_t>(offset + done));
            });
            if (got < 0) return failed("read", path_, errno);
            if (got == 0) break;
            done += static_cast<std::size_t>(got);
        }
        return done;
    }

    Result<void> write(std::uint64_t offset, ByteView bytes) override {
        while (!bytes.empty()) {
            const ssize_t put = uninterrupted([&] {
                return ::pwrite(
                    descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
            });
            if (put < 0) return failed("write", path_, errno);
            bytes.remove_prefix(static_cast<std::size_t>(put));
            offset += static_cast<std::uint64_t>(put);
        }
        return {};
    }

    // A sync that was interrupted by a signal is not tried again either: what it did before is unknown.
    Result<void> sync_data() override {
        if (::fdatasync(descriptor_) != 0) return failed("sync", path_, errno);
        return {};
    }

    Result<void> sync() override {
        if (::fsync(descriptor_) != 0) return failed("sync", path_, errno);
        return {};
    }

    Result<void> allocate(std::uint64_t size) override {
        const auto length = static_cast<off_t>(size);
        if (uninterrupted([&] { return ::fallocate(descriptor_, 0, 0, length); }) == 0) return {};
        // Not posix_fallocate: where the file system cannot do it, that one writes to every block.
        if (errno != EOPNOTSUPP && errno != ENOSYS) return failed("allocate", path_, errno);
        const Result<std::uint64_t> now = this->size();
        if (now.has_error()) return now.error();
        return *now < size ? truncate(size) : Result<void>();
    }

    Result<void> truncate(std::uint64_t size) override {
        if (uninterrupted([&] { return ::ftruncate(descriptor_, static_cast<off_t>(size)); }) != 0)
            return failed("truncate", path_, errno);
        return {};
    }

    Result<void> release(std::uint64_t offset, std::uint64_t size) override {
        const auto punch = [&] {
            return ::fallocate(
                descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                static_cast<off_t>(offset), static_cast<off_t>(size));
        };
        if (uninterrupted(punch) == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return {};
        return failed("release", path_, errno);
    }

    Result<std::uint64_t> size() override {
        struct stat status {};
        if (::fstat(descriptor_, &status) != 0) return failed("stat", path_, errno);
        return static_cast<std::uint64_t>(status.st_size);
    }

private:
    int descriptor_;
    Path path_;
};

class PosixLock final : public FileLock {
public:
    explicit PosixLock(int descriptor) : descriptor_(descriptor) {}
    ~PosixLock() override { ::close(descriptor_); }
    PosixLock(const PosixLock&) = delete;
    PosixLock& operator=(const PosixLock&) = delete;

private:
    int descriptor_;
};

}  // namespace

Result<std::unique_ptr<File>> PosixFs::open(const Path& path, OpenMode mode) {
    int flags = O_CLOEXEC;
    flags |= mode == OpenMode::read ? O_RDONLY : O_RDWR;
    if (mode == OpenMode::create) flags |= O_CREAT | O_TRUNC;
    const int descriptor = uninterrupted([&] { return ::open(path.c_str(), flags, 0640); });
    if (descriptor < 0) return failed("open", path, errno);
    return std::unique_ptr<File>(new PosixFile(descriptor, path));
}

Result<bool> PosixFs::exists(const Path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return failed("stat", path, errno);
}

Result<void> PosixFs::rename(const Path& from, const Path& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename", from, errno);
    return {};
}

Result<void> PosixFs::remove(const Path& path) {
    if (::unlink(path.c_str()) != 0) return failed("remove", path, errno);
    return {};
}

Result<std::vector<std::string>> PosixFs::list(const Path& directory) {
    std::error_code error;
    std::vector<std::string> names;
    std::filesystem::directory_iterator at(directory, error);
    for (; !error && at != std::filesystem::directory_iterator(); at.increment(error))
        names.push_back(at->path().filename().string());
    if (error) return failed("list", directory, error.value());
    std::sort(names.begin(), names.end());
    return names;
}

Result<void> PosixFs::make_directory(const Path& directory) {
    const Path parent = directory.parent_path();
    if (::mkdir(directory.c_str(), 0750) == 0) return sync_directory(parent.empty() ? "." : parent);
    if (errno == ENOENT && !parent.empty() && parent != directory) {
        LVT_TRY(make_directory(parent));
        if (::mkdir(directory.c_str(), 0750) == 0) return sync_directory(parent);
    }
    std::error_code error;
    if (errno == EEXIST && std::filesystem::is_directory(directory, error)) return {};
    return failed("make the directory", directory, errno);
}

Result<void> PosixFs::sync_directory(const Path& directory) {
    const int descriptor = uninterrupted(
        [&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (descriptor < 0) return failed("open", directory, errno);
    const int error = ::fsync(descriptor) == 0 ? 0 : errno;
    ::close(descriptor);
    // Some network file systems cannot sync a directory; there its changes are synchronous.
    if (error != 0 && error != EINVAL) return failed("sync", directory, error);
    return {};
}

Result<std::uint64_t> PosixFs::free_bytes(const Path& directory) {
    struct statvfs status {};
    if (::statvfs(directory.c_str(), &status) != 0)
        return failed("ask for the free space of", directory, errno);
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

Result<std::unique_ptr<FileLock>> PosixFs::lock(const Path& path) {
    const int descriptor =
        uninterrupted([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640); });
    if (descriptor < 0) return failed("open", path, errno);
    auto held = std::make_unique<PosixLock>(descriptor);
    if (uninterrupted([&] { return ::flock(descriptor, LOCK_EX | LOCK_NB); }) == 0)
        return std::unique_ptr<FileLock>(std::move(held));
    if (errno == EWOULDBLOCK) {
        return Error{
            ErrorKind::invalid,
            "the data directory " + path.parent_path().string() + " is in use by another broker (" +
                path.string() + " is locked)"};
    }
    return failed("lock", path, errno);
}

}  // namespace lvt::storage
