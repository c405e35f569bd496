#include "cluster/node/state_file.h"

#include <fmt/format.h>

namespace lvt::cluster {
namespace {

constexpr std::uint64_t kBytesMax = 1u << 20;
constexpr const char* kName = "node";
constexpr const char* kNextName = "node.next";

}  // namespace

Result<std::optional<NodeState>> StateFile::load() {
    const storage::Path path = directory_ / kName;
    const Result<bool> there = fs_.exists(path);
    if (there.has_error()) return there.error();
    if (!*there) return std::optional<NodeState>{};
    auto file = fs_.open(path, storage::OpenMode::read);
    if (file.has_error()) return file.error();
    const Result<std::uint64_t> size = (*file)->size();
    if (size.has_error()) return size.error();
    Bytes bytes(std::min(*size, kBytesMax), '\0');
    const Result<std::size_t> read = (*file)->read(0, bytes.data(), bytes.size());
    if (read.has_error()) return read.error();
    bytes.resize(*read);
    Result<NodeState> state = NodeState::decode(bytes);
    if (state.has_error())
        return Error{
            state.error().kind, fmt::format("{}: {}", path.string(), state.error().message)};
    return std::optional<NodeState>{std::move(*state)};
}

Result<void> StateFile::store(ByteView encoded) {
    LVT_TRY(fs_.make_directory(directory_));
    const storage::Path next = directory_ / kNextName;
    {
        auto file = fs_.open(next, storage::OpenMode::create);
        if (file.has_error()) return file.error();
        LVT_TRY((*file)->write(0, encoded));
        LVT_TRY((*file)->sync());
    }
    LVT_TRY(fs_.rename(next, directory_ / kName));
    LVT_TRY(fs_.sync_directory(directory_));
    // The directory itself may be new.
    return fs_.sync_directory(directory_.parent_path());
}

}  // namespace lvt::cluster
