// CRC-32C (Castagnoli), the check sum of everything this folder writes itself.
#pragma once

#include "protocol/base/bytes.h"

#include <cstdint>

namespace lvt::storage {

/// Continues `crc` (0 to begin with) over `bytes`. By the processor's instruction where it has one. Any thread.
std::uint32_t crc32c(std::uint32_t crc, ByteView bytes);

/// The same by tables, for processors without the instruction; public so that a test can compare.
std::uint32_t crc32c_by_tables(std::uint32_t crc, ByteView bytes);

}  // namespace lvt::storage
