// Arrival: a client's connection on its way from its listener to a lane.
#pragma once

#include "broker/core/tls_peer.h"
#include "broker/net/socket_address.h"
#include "broker/net/tls_stream.h"
#include "protocol/base/owned_fd.h"

#include <memory>

namespace lvt::broker {

struct Arrival {
    /// Connected, non-blocking.
    OwnedFd socket;
    /// Who the client is and where it came to.
    SocketEnd remote;
    SocketEnd local;
    /// Its place among the connections of its source that have not logged in (AdmissionControl); given back with it.
    std::shared_ptr<void> admission;
    /// Null where nothing is encrypted; else its handshake is done when a lane sees it.
    std::unique_ptr<TlsStream> tls;
    std::shared_ptr<const TlsPeer> tls_peer;
};

}  // namespace lvt::broker
