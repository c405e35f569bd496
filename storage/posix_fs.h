// The machine's file system, by libc's open, pread, pwrite, fdatasync, fsync, rename and flock.
//
// Exactly these calls and no other way of writing (mmap, io_uring, pwritev): a test outside of the process interposes them.
#pragma once

#include "storage/fs.h"

namespace lvt::storage {

class PosixFs final : public Fs {
public:
    Result<std::unique_ptr<File>> open(const Path& path, OpenMode mode) override;
    Result<bool> exists(const Path& path) override;
    Result<void> rename(const Path& from, const Path& to) override;
    Result<void> remove(const Path& path) override;
    Result<std::vector<std::string>> list(const Path& directory) override;
    Result<void> make_directory(const Path& directory) override;
    Result<void> sync_directory(const Path& directory) override;
    Result<std::uint64_t> free_bytes(const Path& directory) override;
    Result<std::unique_ptr<FileLock>> lock(const Path& path) override;
};

}  // namespace lvt::storage
