// Reads small files whole.
#pragma once

#include "protocol/base/result.h"

#include <filesystem>
#include <string>

namespace lvt::broker {

/// ErrorKind::io or not_found with the path and the system's words; ErrorKind::invalid above `size_max` octets.
[[nodiscard]] Result<std::string> read_text_file(
    const std::filesystem::path& path, std::size_t size_max);

}  // namespace lvt::broker
