#include "broker/app/node_reset.h"

#include "storage/posix_fs.h"

namespace lvt::broker {
namespace {

constexpr const char* kMark = "reset";

Error fault(const std::filesystem::path& path, const std::error_code& error) {
    return Error{ErrorKind::io, fmt::format("reset: {}: {}", path.string(), error.message())};
}

}  // namespace

Result<void> mark_reset(const std::filesystem::path& data_dir) {
    storage::PosixFs fs;
    auto file = fs.open(data_dir / kMark, storage::OpenMode::create);
    if (file.has_error()) return file.error();
    LVT_TRY((*file)->sync());
    return fs.sync_directory(data_dir);
}

Result<void> finish_reset(const std::filesystem::path& data_dir, LogSink& log) {
    std::error_code error;
    if (data_dir.empty() || !std::filesystem::exists(data_dir / kMark, error)) return {};
    log.log(LogLevel::warning, "reset: all data in {} is removed", data_dir.string());
    for (const auto& entry : std::filesystem::directory_iterator(data_dir, error)) {
        if (entry.path().filename() == kMark) continue;
        std::filesystem::remove_all(entry.path(), error);
        if (error) return fault(entry.path(), error);
    }
    if (error) return fault(data_dir, error);
    storage::PosixFs fs;
    LVT_TRY(fs.sync_directory(data_dir));
    LVT_TRY(fs.remove(data_dir / kMark));
    return fs.sync_directory(data_dir);
}

}  // namespace lvt::broker
