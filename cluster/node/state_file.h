// StateFile: a NodeState on disk, DIRECTORY/node. Replaced as a whole: after a crash it is the old or the new one.
#pragma once

#include "cluster/node/node_state.h"
#include "storage/fs.h"

namespace lvt::cluster {

class StateFile {
public:
    /// Blocks. `fs` outlives it.
    StateFile(storage::Fs& fs, storage::Path directory)
        : fs_(fs), directory_(std::move(directory)) {}

    /// Nothing where there is none yet. `corrupt` where it is damaged: the node may have voted, so it must not begin anew by itself.
    [[nodiscard]] Result<std::optional<NodeState>> load();
    /// Durable when it answers. After an error nobody knows which one is on the disk: the node stops.
    [[nodiscard]] Result<void> store(ByteView encoded);

private:
    storage::Fs& fs_;
    const storage::Path directory_;
};

}  // namespace lvt::cluster
