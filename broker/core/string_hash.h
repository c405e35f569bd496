// StringHash: lets an unordered map of Bytes be searched by a view, without a copy.
#pragma once

#include "protocol/base/bytes.h"

#include <functional>

namespace lvt::broker {

struct StringHash {
    using is_transparent = void;
    std::size_t operator()(ByteView text) const { return std::hash<ByteView>{}(text); }
};

}  // namespace lvt::broker
