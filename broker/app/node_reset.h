// A node's data is given up in two steps: a mark that is durable before anybody is told, and the removal at the next start, before anything is opened.
#pragma once

#include "protocol/base/log_sink.h"
#include "protocol/base/result.h"

#include <filesystem>

namespace lvt::broker {

/// From now on the data is as good as gone. Durable when it answers.
[[nodiscard]] Result<void> mark_reset(const std::filesystem::path& data_dir);
/// Where the mark is: removes everything in the directory, the mark last.
[[nodiscard]] Result<void> finish_reset(const std::filesystem::path& data_dir, LogSink& log);

}  // namespace lvt::broker
