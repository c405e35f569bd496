#include "cluster/node/group_log.h"

#include "protocol/base/byte_reader.h"
#include "protocol/base/byte_writer.h"
#include "storage/crc32c.h"

namespace lvt::cluster {
namespace {

constexpr std::size_t kHeaderBytes = 8;
constexpr const char* kName = "log";
constexpr const char* kNextName = "log.next";

Bytes framed(ByteView record) {
    Bytes bytes;
    ByteWriter out(bytes);
    out.u32(static_cast<std::uint32_t>(record.size()));
    out.u32(storage::crc32c(0, record));
    out.raw(record);
    return bytes;
}

}  // namespace

Result<GroupLog> GroupLog::open(
    storage::Fs& fs, const storage::Path& directory, bool belongs, std::vector<Bytes>& records) {
    LVT_TRY(fs.make_directory(directory));
    const storage::Path path = directory / kName;
    const Result<bool> there = fs.exists(path);
    if (there.has_error()) return there.error();
    if (belongs && !*there)
        return Error{
            ErrorKind::corrupt,
            path.string() +
                " is gone, by which this node may have voted: without all of its data directory it "
                "joins as a new one"};
    auto file = fs.open(path, *there ? storage::OpenMode::existing : storage::OpenMode::create);
    if (file.has_error()) return file.error();
    LVT_TRY(fs.sync_directory(directory));
    const Result<std::uint64_t> size = (*file)->size();
    if (size.has_error()) return size.error();
    Bytes bytes(*size, '\0');
    const Result<std::size_t> read = (*file)->read(0, bytes.data(), bytes.size());
    if (read.has_error()) return read.error();
    bytes.resize(*read);
    std::uint64_t end = 0;
    for (ByteReader in(bytes); in.rest().size() >= kHeaderBytes;) {
        const std::size_t length = in.u32();
        const std::uint32_t sum = in.u32();
        const ByteView record = in.view(length);
        if (!in.ok() || storage::crc32c(0, record) != sum || record.empty()) {
            // Only the last record may be torn: those before it were synced.
            if (in.ok() && !in.done() && !record.empty())
                return Error{
                    ErrorKind::corrupt, path.string() + ": a record amid the log is damaged"};
            break;
        }
        records.emplace_back(record);
        end += kHeaderBytes + length;
    }
    if (end < bytes.size()) LVT_TRY((*file)->truncate(end));
    return GroupLog(fs, directory, std::move(*file), end);
}

Result<void> GroupLog::append(ByteView record) {
    const Bytes bytes = framed(record);
    LVT_TRY(file_->write(end_, bytes));
    end_ += bytes.size();
    return file_->sync_data();
}

Result<void> GroupLog::replace(ByteView record) {
    const Bytes bytes = framed(record);
    auto next = fs_->open(directory_ / kNextName, storage::OpenMode::create);
    if (next.has_error()) return next.error();
    LVT_TRY((*next)->truncate(0));
    LVT_TRY((*next)->write(0, bytes));
    LVT_TRY((*next)->sync());
    LVT_TRY(fs_->rename(directory_ / kNextName, directory_ / kName));
    LVT_TRY(fs_->sync_directory(directory_));
    file_ = std::move(*next);
    end_ = bytes.size();
    return {};
}

}  // namespace lvt::cluster
