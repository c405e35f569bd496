// DnsResolver: questions to DNS servers, through c-ares; not to /etc/hosts. One thread; cancel() from any.
//
// Truncated answers are asked for again over TCP.
#pragma once

#include "cluster/discovery/discovery_error.h"
#include "protocol/base/clock.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lvt::discovery {

struct DnsOptions {
    /// "127.0.0.1:5353", "[::1]:53", "10.0.0.2"; empty: those of /etc/resolv.conf.
    std::vector<std::string> servers;
    /// Of one try with one server.
    Milliseconds timeout{2000};
    int tries = 2;
};

struct DnsService {
    std::uint16_t priority = 0;
    std::uint16_t weight = 0;
    std::uint16_t port = 0;
    std::string target;

    bool operator==(const DnsService&) const = default;
};

/// A name that does not exist, and one without records of the kind, are empty answers; a server that fails, refuses or is silent is transient; a name that
/// is none is permanent.
class DnsResolver {
public:
    /// Permanent: `servers` holds something else.
    [[nodiscard]] static DiscoveryResult<std::unique_ptr<DnsResolver>> make(DnsOptions options);
    ~DnsResolver();
    DnsResolver(const DnsResolver&) = delete;
    DnsResolver& operator=(const DnsResolver&) = delete;

    /// Numeric addresses of A or AAAA records, in the order of the answer.
    [[nodiscard]] DiscoveryResult<std::vector<std::string>> addresses(
        std::string_view name, bool v6);
    /// The names that a numeric address has by its PTR records.
    [[nodiscard]] DiscoveryResult<std::vector<std::string>> names(std::string_view address);
    /// By priority, then by target and port, so that all see the same order.
    [[nodiscard]] DiscoveryResult<std::vector<DnsService>> services(std::string_view name);

    /// Any thread. Everything from now on ends with Failure::cancelled.
    void cancel();

private:
    struct State;
    explicit DnsResolver(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace lvt::discovery
