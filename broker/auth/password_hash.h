// Passwords at rest, in RabbitMQ's form: base64(salt + digest(salt + password)), the salt being 4 octets. The digest is SHA-256;
// hashes of SHA-512 and MD5, which RabbitMQ may have made, are known by their length.
#pragma once

#include "protocol/base/bytes.h"

namespace lvt::broker {

/// `salt`: 4 octets.
Bytes hash_password(ByteView password, ByteView salt);

/// Takes as long for every hash, be it right, wrong, malformed (false) or empty (false): give the empty one for a user who is not there.
bool verify_password(ByteView password, ByteView hash);

/// RabbitMQ's name of the algorithm: "rabbit_password_hashing_sha256", ..._sha512 or ..._md5.
ByteView hashing_algorithm(ByteView hash);
/// Is it a hash of that algorithm? An empty name stands for any of them.
bool is_password_hash(ByteView hash, ByteView algorithm);

}  // namespace lvt::broker
