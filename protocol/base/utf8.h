// UTF-8 as RabbitMQ understands it.
#pragma once

#include "protocol/base/bytes.h"

namespace lvt {

/// Sequences of one to six octets, as the first definition of UTF-8 had them: surrogates and code points above 10FFFF are good,
/// forms that are longer than needed are not.
bool is_utf8(ByteView text);

/// The octets of the UTF-8 sequence for a Unicode character that `bytes`, which are not empty, begin with; 0 where there is none.
std::size_t unicode_sequence_size(ByteView bytes);

}  // namespace lvt
