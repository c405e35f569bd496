// Passwords at rest, in RabbitMQ's form: base64(salt + sha256(salt + password)), the salt being 4 octets.
#pragma once

#include "protocol/base/bytes.h"

namespace lvt::broker {

/// `salt`: 4 octets.
Bytes hash_password(ByteView password, ByteView salt);

/// In constant time. False where the hash is malformed; an empty hash refuses every password.
bool verify_password(ByteView password, ByteView hash);

}  // namespace lvt::broker
