// TlsPeer: how a connection is encrypted and who its client says to be by certificate, in RabbitMQ's words.
#pragma once

#include "protocol/base/bytes.h"

namespace lvt::broker {

struct TlsPeer {
    Bytes protocol;      // "tlsv1.3"
    Bytes key_exchange;  // "ecdhe_rsa"; "any" with TLS 1.3
    Bytes cipher;        // "aes_256_gcm"
    Bytes hash;          // "aead"
    // Of the client's certificate; empty where it showed none.
    Bytes subject;   // "CN=client,O=example"
    Bytes issuer;
    Bytes validity;  // "2026-11-21T10:00:00Z - 2027-11-21T10:00:00Z"
    /// The user that a verified certificate stands for (EXTERNAL); empty: none, because of `login_fault`.
    Bytes login;
    Bytes login_fault;
};

}  // namespace lvt::broker
