// The file-system seam: everything that storage does with files, so that a test can put a faulty disk below it.
//
// PosixFs (storage/posix_fs.h) is the real one. Errors carry the path and the operating system's words. All calls may block.
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

#include <filesystem>
#include <memory>
#include <vector>

namespace lvt::storage {

using Path = std::filesystem::path;

/// An open file. Reads and writes at different places may run on different threads at once.
class File {
public:
    virtual ~File() = default;

    /// Octets [offset, offset + size) into `to`; fewer only at the end of the file. Answers how many.
    virtual Result<std::size_t> read(std::uint64_t offset, char* to, std::size_t size) = 0;
    /// All of `bytes` or an error; after an error any part may have been written.
    virtual Result<void> write(std::uint64_t offset, ByteView bytes) = 0;
    /// Content and size are on the disk when it answers. After an error nobody knows: never try again.
    virtual Result<void> sync_data() = 0;
    /// The same with all attributes of the file.
    virtual Result<void> sync() = 0;
    /// Makes the file at least `size` octets long, zeros where nothing was written, and reserves the space where the file
    /// system can.
    virtual Result<void> allocate(std::uint64_t size) = 0;
    virtual Result<void> truncate(std::uint64_t size) = 0;
    /// Octets [offset, offset + size) are not needed any more and read as zeros; gives the space of whole blocks back where the file
    /// system can.
    virtual Result<void> release(std::uint64_t offset, std::uint64_t size) = 0;
    virtual Result<std::uint64_t> size() = 0;
};

/// Held as long as it lives.
class FileLock {
public:
    virtual ~FileLock() = default;
};

enum class OpenMode {
    read,      // must exist
    existing,  // must exist, read and write
    create,    // made, or emptied where it exists; read and write
};

class Fs {
public:
    virtual ~Fs() = default;

    virtual Result<std::unique_ptr<File>> open(const Path& path, OpenMode mode) = 0;
    virtual Result<bool> exists(const Path& path) = 0;
    /// Durable after sync_directory of the parent, as all changes of names. Replaces `to`.
    virtual Result<void> rename(const Path& from, const Path& to) = 0;
    virtual Result<void> remove(const Path& path) = 0;
    /// Names, sorted, without "." and "..".
    virtual Result<std::vector<std::string>> list(const Path& directory) = 0;
    /// Also its parents; fine where it exists.
    virtual Result<void> make_directory(const Path& directory) = 0;
    virtual Result<void> sync_directory(const Path& directory) = 0;
    /// What an unprivileged process may still write.
    virtual Result<std::uint64_t> free_bytes(const Path& directory) = 0;
    /// An exclusive lock that ends with the process; `invalid` where another one holds it.
    virtual Result<std::unique_ptr<FileLock>> lock(const Path& path) = 0;
};

}  // namespace lvt::storage
