#include "tests/storage/rocks_files.h"

#include <rocksdb/file_system.h>

namespace lvt::storage {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

Path clean(const std::string& name) {
    Path path = Path(name).lexically_normal();
    return path.has_filename() ? path : path.parent_path();
}

template <class T>
IOStatus status_of(const Result<T>& result) {
    if (result.has_value()) return IOStatus::OK();
    const Error& error = result.error();
    if (error.kind == ErrorKind::no_space) return IOStatus::NoSpace(error.message);
    if (error.kind == ErrorKind::not_found) return IOStatus::PathNotFound(error.message);
    return IOStatus::IOError(error.message);
}

class SequentialFile final : public rocksdb::FSSequentialFile {
public:
    explicit SequentialFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
    IOStatus Read(
        size_t size, const IOOptions&, Slice* result, char* to, IODebugContext*) override {
        const Result<std::size_t> got = file_->read(offset_, to, size);
        if (got.has_value()) {
            *result = Slice(to, *got);
            offset_ += *got;
        }
        return status_of(got);
    }
    IOStatus Skip(uint64_t size) override {
        offset_ += size;
        return IOStatus::OK();
    }

private:
    std::unique_ptr<File> file_;
    std::uint64_t offset_ = 0;
};

class RandomAccessFile final : public rocksdb::FSRandomAccessFile {
public:
    explicit RandomAccessFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
    IOStatus Read(
        uint64_t offset, size_t size, const IOOptions&, Slice* result, char* to,
        IODebugContext*) const override {
        const Result<std::size_t> got = file_->read(offset, to, size);
        if (got.has_value()) *result = Slice(to, *got);
        return status_of(got);
    }

private:
    std::unique_ptr<File> file_;
};

class WritableFile final : public rocksdb::FSWritableFile {
public:
    WritableFile(std::unique_ptr<File> file, std::uint64_t size)
        : file_(std::move(file)), size_(size) {}
    using rocksdb::FSWritableFile::Append;
    IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
        const Result<void> written = file_->write(size_, {data.data(), data.size()});
        if (written.has_value()) size_ += data.size();
        return status_of(written);
    }
    IOStatus Truncate(uint64_t size, const IOOptions&, IODebugContext*) override {
        size_ = size;
        return status_of(file_->truncate(size));
    }
    IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
    IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
    IOStatus Sync(const IOOptions&, IODebugContext*) override {
        return status_of(file_->sync_data());
    }
    IOStatus Fsync(const IOOptions&, IODebugContext*) override { return status_of(file_->sync()); }
    uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return size_; }

private:
    std::unique_ptr<File> file_;
    std::uint64_t size_;
};

class Directory final : public rocksdb::FSDirectory {
public:
    Directory(Fs& fs, Path path) : fs_(fs), path_(std::move(path)) {}
    IOStatus Fsync(const IOOptions&, IODebugContext*) override {
        return status_of(fs_.sync_directory(path_));
    }

private:
    Fs& fs_;
    Path path_;
};

class Lock final : public rocksdb::FileLock {
public:
    explicit Lock(std::unique_ptr<lvt::storage::FileLock> held) : held_(std::move(held)) {}

private:
    std::unique_ptr<lvt::storage::FileLock> held_;
};

class Files final : public rocksdb::FileSystemWrapper {
public:
    explicit Files(Fs& fs) : FileSystemWrapper(rocksdb::FileSystem::Default()), fs_(fs) {}
    const char* Name() const override { return "leveret.test"; }

    IOStatus NewSequentialFile(
        const std::string& name, const FileOptions&,
        std::unique_ptr<rocksdb::FSSequentialFile>* out, IODebugContext*) override {
        auto file = fs_.open(clean(name), OpenMode::read);
        if (file.has_value()) out->reset(new SequentialFile(std::move(*file)));
        return status_of(file);
    }
    IOStatus NewRandomAccessFile(
        const std::string& name, const FileOptions&,
        std::unique_ptr<rocksdb::FSRandomAccessFile>* out, IODebugContext*) override {
        auto file = fs_.open(clean(name), OpenMode::read);
        if (file.has_value()) out->reset(new RandomAccessFile(std::move(*file)));
        return status_of(file);
    }
    IOStatus NewWritableFile(
        const std::string& name, const FileOptions&, std::unique_ptr<rocksdb::FSWritableFile>* out,
        IODebugContext*) override {
        auto file = fs_.open(clean(name), OpenMode::create);
        if (file.has_value()) out->reset(new WritableFile(std::move(*file), 0));
        return status_of(file);
    }
    IOStatus ReopenWritableFile(
        const std::string& name, const FileOptions& options,
        std::unique_ptr<rocksdb::FSWritableFile>* out, IODebugContext* context) override {
        auto file = fs_.open(clean(name), OpenMode::existing);
        if (file.has_error()) return NewWritableFile(name, options, out, context);
        const auto size = (*file)->size();
        if (size.has_value()) out->reset(new WritableFile(std::move(*file), *size));
        return status_of(size);
    }
    IOStatus NewDirectory(
        const std::string& name, const IOOptions&, std::unique_ptr<rocksdb::FSDirectory>* out,
        IODebugContext*) override {
        out->reset(new Directory(fs_, clean(name)));
        return IOStatus::OK();
    }
    IOStatus FileExists(const std::string& name, const IOOptions&, IODebugContext*) override {
        const auto exists = fs_.exists(clean(name));
        if (exists.has_value() && !*exists) return IOStatus::NotFound();
        return status_of(exists);
    }
    IOStatus GetChildren(
        const std::string& name, const IOOptions&, std::vector<std::string>* out,
        IODebugContext*) override {
        auto names = fs_.list(clean(name));
        if (names.has_value()) *out = std::move(*names);
        return status_of(names);
    }
    IOStatus DeleteFile(const std::string& name, const IOOptions&, IODebugContext*) override {
        return status_of(fs_.remove(clean(name)));
    }
    IOStatus CreateDir(const std::string& name, const IOOptions&, IODebugContext*) override {
        return status_of(fs_.make_directory(clean(name)));
    }
    IOStatus CreateDirIfMissing(
        const std::string& name, const IOOptions&, IODebugContext*) override {
        return status_of(fs_.make_directory(clean(name)));
    }
    IOStatus GetFileSize(
        const std::string& name, const IOOptions&, uint64_t* out, IODebugContext*) override {
        auto file = fs_.open(clean(name), OpenMode::read);
        if (file.has_error()) return status_of(file);
        const auto size = (*file)->size();
        if (size.has_value()) *out = *size;
        return status_of(size);
    }
    IOStatus GetFileModificationTime(
        const std::string&, const IOOptions&, uint64_t* out, IODebugContext*) override {
        *out = 0;
        return IOStatus::OK();
    }
    IOStatus RenameFile(
        const std::string& from, const std::string& to, const IOOptions&,
        IODebugContext*) override {
        // RocksDB counts on a file system that keeps the order of names within a directory, as every journaling one does:
        // CURRENT never reaches the disk without the manifest it names.
        const Path target = clean(to);
        const Result<void> ordered = fs_.sync_directory(target.parent_path());
        return status_of(ordered.has_error() ? ordered : fs_.rename(clean(from), target));
    }
    IOStatus LockFile(
        const std::string& name, const IOOptions&, rocksdb::FileLock** out,
        IODebugContext*) override {
        auto lock = fs_.lock(clean(name));
        if (lock.has_value()) *out = new Lock(std::move(*lock));
        return status_of(lock);
    }
    IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
        delete lock;
        return IOStatus::OK();
    }
    IOStatus GetAbsolutePath(
        const std::string& name, const IOOptions&, std::string* out, IODebugContext*) override {
        *out = name;
        return IOStatus::OK();
    }
    IOStatus IsDirectory(
        const std::string&, const IOOptions&, bool* out, IODebugContext*) override {
        *out = false;
        return IOStatus::OK();
    }
    IOStatus GetFreeSpace(
        const std::string& name, const IOOptions&, uint64_t* out, IODebugContext*) override {
        const auto bytes = fs_.free_bytes(clean(name));
        if (bytes.has_value()) *out = *bytes;
        return status_of(bytes);
    }

private:
    Fs& fs_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> rocks_files_on(Fs& fs) { return std::make_shared<Files>(fs); }

}  // namespace lvt::storage
