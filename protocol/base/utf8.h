// UTF-8 as RabbitMQ understands it.
#pragma once

#include "protocol/base/bytes.h"

namespace lvt {

/// Sequences of one to six octets, as the first definition of UTF-8 had them: surrogates and code points above 10FFFF are good,
/// forms that are longer than needed are not.
bool is_utf8(ByteView text);

}  // namespace lvt
