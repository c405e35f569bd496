// GroupLog: the records of a group on disk, DIRECTORY/log. Each is u32 length, u32 crc32c, octets; big-endian. Appended and synced, read at the start.
#pragma once

#include "protocol/base/bytes.h"
#include "storage/fs.h"

#include <memory>
#include <vector>

namespace lvt::cluster {

class GroupLog {
public:
    /// Blocks, as all calls. Records in order; a torn tail is cut off: nothing was ever said that followed from it. `corrupt` where damage
    /// is not at the end, and where there is no file though it `belongs` to a node that is in a cluster and may have voted by it. Makes
    /// the file otherwise.
    [[nodiscard]] static Result<GroupLog> open(
        storage::Fs& fs, const storage::Path& directory, bool belongs, std::vector<Bytes>& records);

    /// Durable when it answers. After an error the node stops.
    [[nodiscard]] Result<void> append(ByteView record);
    /// A record that needs none before it (RaftGroup::checkpoint) takes the place of all. As append().
    [[nodiscard]] Result<void> replace(ByteView record);
    /// Octets on the disk.
    std::uint64_t size() const { return end_; }

private:
    GroupLog(
        storage::Fs& fs, storage::Path directory, std::unique_ptr<storage::File> file,
        std::uint64_t end)
        : fs_(&fs), directory_(std::move(directory)), file_(std::move(file)), end_(end) {}

    storage::Fs* fs_;
    storage::Path directory_;
    std::unique_ptr<storage::File> file_;
    std::uint64_t end_;
};

}  // namespace lvt::cluster
