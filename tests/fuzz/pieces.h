// Cuts a fuzzer's input into the pieces of a stream, as reads from a socket would.
#pragma once

#include <algorithm>
#include <memory>

#include "protocol/base/bytes.h"

namespace lvt {

inline ByteView as_view(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// The first octet seeds the sizes, the rest is the stream; 0 leaves it whole.
struct PiecedInput {
    std::uint8_t cut = 0;
    ByteView stream;
};

inline PiecedInput pieced_input(ByteView input) {
    if (input.empty()) return {};
    return {static_cast<std::uint8_t>(input[0]), input.substr(1)};
}

/// Calls `visit(ByteView)` for each piece. Each lies in memory of its own that is gone after the call, so that a
/// sanitizer sees whoever looks behind its end or keeps it.
template <class Visit>
void for_each_piece(ByteView stream, std::uint8_t cut, Visit&& visit) {
    std::uint32_t state = cut;
    while (!stream.empty()) {
        state = state * 1103515245 + 12345;
        const std::size_t wanted = cut == 0 ? stream.size() : 1 + state / 65536 % cut;
        const std::size_t size = std::min(stream.size(), wanted);
        const auto piece = std::make_unique<char[]>(size);
        stream.copy(piece.get(), size);
        visit(ByteView(piece.get(), size));
        stream.remove_prefix(size);
    }
}

}  // namespace lvt
