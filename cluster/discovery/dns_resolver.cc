#include "cluster/discovery/dns_resolver.h"

#include "protocol/base/assert.h"
#include "protocol/base/owned_fd.h"

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <tuple>

namespace lvt::discovery {
namespace {

constexpr int kRecordsMax = 1000;

struct Answer {
    bool done = false;
    int status = ARES_SUCCESS;
    std::string octets;
};

void take_answer(void* to, int status, int, unsigned char* octets, int size) {
    Answer& answer = *static_cast<Answer*>(to);
    answer.done = true;
    answer.status = status;
    if (octets && size > 0)
        answer.octets.assign(reinterpret_cast<const char*>(octets), static_cast<std::size_t>(size));
}

bool is_empty_answer(int status) { return status == ARES_ENOTFOUND || status == ARES_ENODATA; }

/// "4.3.2.1.in-addr.arpa" for 1.2.3.4, nibbles below ip6.arpa for IPv6; empty: it is no address.
std::string reverse_name(std::string_view address) {
    const std::string text{address};
    std::array<unsigned char, 16> octets{};
    std::string out;
    if (::inet_pton(AF_INET, text.c_str(), octets.data()) == 1) {
        for (int i = 3; i >= 0; --i) out += fmt::format("{}.", octets[static_cast<unsigned>(i)]);
        return out + "in-addr.arpa";
    }
    if (::inet_pton(AF_INET6, text.c_str(), octets.data()) != 1) return {};
    for (auto octet = octets.rbegin(); octet != octets.rend(); ++octet)
        out += fmt::format("{:x}.{:x}.", *octet & 15, *octet >> 4);
    return out + "ip6.arpa";
}

}  // namespace

struct DnsResolver::State {
    ares_channel channel = nullptr;
    OwnedFd wake;
    std::atomic<bool> cancelled = false;

    ~State() {
        if (channel) ares_destroy(channel);
    }

    DiscoveryResult<Answer> ask(const std::string& name, int type, std::string_view kind) {
        static const DiscoveryError kCancelled{Failure::cancelled, "cancelled"};
        Answer answer;
        ares_query(channel, name.c_str(), ns_c_in, type, take_answer, &answer);
        while (!answer.done && !cancelled) turn();
        if (!answer.done) {
            ares_cancel(channel);
            return kCancelled;
        }
        if (answer.status == ARES_SUCCESS || is_empty_answer(answer.status)) return answer;
        std::string message =
            fmt::format("dns: {} records of {}: {}", kind, name, ares_strerror(answer.status));
        if (answer.status == ARES_EBADNAME || answer.status == ARES_EBADSTR)
            return permanent(std::move(message));
        return transient(std::move(message));
    }

    /// Waits for what comes first: an answer, a time of c-ares' own, cancel().
    void turn() {
        std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
        std::array<pollfd, ARES_GETSOCK_MAXNUM + 1> polled{};
        const int wanted = ares_getsock(channel, sockets.data(), ARES_GETSOCK_MAXNUM);
        std::size_t count = 0;
        polled[count++] = {wake.get(), POLLIN, 0};
        for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
            short events = 0;
            if (ARES_GETSOCK_READABLE(wanted, i)) events |= POLLIN;
            if (ARES_GETSOCK_WRITABLE(wanted, i)) events |= POLLOUT;
            if (events != 0) polled[count++] = {sockets[static_cast<unsigned>(i)], events, 0};
        }
        timeval longest{1, 0};
        timeval next{};
        const timeval* const left = ares_timeout(channel, &longest, &next);
        ::poll(
            polled.data(), count, static_cast<int>(left->tv_sec * 1000 + left->tv_usec / 1000 + 1));
        if (count == 1) return ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        for (std::size_t i = 1; i < count; ++i) {
            const short came = polled[i].revents;
            const bool in = (came & (POLLIN | POLLERR | POLLHUP)) != 0;
            const bool out = (came & (POLLOUT | POLLERR | POLLHUP)) != 0;
            // Also without an event: times are kept there.
            ares_process_fd(
                channel, in ? polled[i].fd : ARES_SOCKET_BAD, out ? polled[i].fd : ARES_SOCKET_BAD);
        }
    }
};

DnsResolver::DnsResolver(std::unique_ptr<State> state) : state_(std::move(state)) {}
DnsResolver::~DnsResolver() = default;

DiscoveryResult<std::unique_ptr<DnsResolver>> DnsResolver::make(DnsOptions options) {
    static const int kLoaded = ares_library_init(ARES_LIB_INIT_ALL);
    if (kLoaded != ARES_SUCCESS) return permanent("dns: c-ares cannot be initialised");
    auto state = std::make_unique<State>();
    state->wake = OwnedFd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    ASSERT(state->wake.get() >= 0);
    ares_options wanted{};
    wanted.timeout = static_cast<int>(options.timeout.count());
    wanted.tries = options.tries;
    char lookups[] = "b";  // servers alone, not /etc/hosts
    wanted.lookups = lookups;
    const int made = ares_init_options(
        &state->channel, &wanted, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS);
    if (made != ARES_SUCCESS) return permanent(fmt::format("dns: c-ares: {}", ares_strerror(made)));
    const std::string servers = fmt::format("{}", fmt::join(options.servers, ","));
    if (!servers.empty() &&
        ares_set_servers_ports_csv(state->channel, servers.c_str()) != ARES_SUCCESS)
        return permanent(fmt::format("dns: '{}' is no list of servers", servers));
    return std::unique_ptr<DnsResolver>{new DnsResolver{std::move(state)}};
}

DiscoveryResult<std::vector<std::string>> DnsResolver::addresses(std::string_view name, bool v6) {
    DiscoveryResult<Answer> answer =
        state_->ask(std::string{name}, v6 ? ns_t_aaaa : ns_t_a, v6 ? "AAAA" : "A");
    if (answer.has_error()) return std::move(answer).error();
    std::vector<std::string> out;
    if (is_empty_answer(answer->status)) return out;
    hostent* host = nullptr;
    const auto* const octets = reinterpret_cast<const unsigned char*>(answer->octets.data());
    const int size = static_cast<int>(answer->octets.size());
    const int parsed = v6 ? ares_parse_aaaa_reply(octets, size, &host, nullptr, nullptr)
                          : ares_parse_a_reply(octets, size, &host, nullptr, nullptr);
    if (is_empty_answer(parsed)) return out;
    if (parsed != ARES_SUCCESS)
        return transient(fmt::format("dns: {}: {}", name, ares_strerror(parsed)));
    for (int i = 0; host->h_addr_list[i] && i < kRecordsMax; ++i) {
        std::array<char, INET6_ADDRSTRLEN> text{};
        ::inet_ntop(v6 ? AF_INET6 : AF_INET, host->h_addr_list[i], text.data(), text.size());
        out.emplace_back(text.data());
    }
    ares_free_hostent(host);
    return out;
}

DiscoveryResult<std::vector<std::string>> DnsResolver::names(std::string_view address) {
    const std::string reverse = reverse_name(address);
    if (reverse.empty()) return permanent(fmt::format("dns: {} is no address", address));
    DiscoveryResult<Answer> answer = state_->ask(reverse, ns_t_ptr, "PTR");
    if (answer.has_error()) return std::move(answer).error();
    std::vector<std::string> out;
    if (is_empty_answer(answer->status)) return out;
    hostent* host = nullptr;
    const int parsed = ares_parse_ptr_reply(
        reinterpret_cast<const unsigned char*>(answer->octets.data()),
        static_cast<int>(answer->octets.size()),
        nullptr,
        0,
        AF_INET,
        &host);
    if (is_empty_answer(parsed)) return out;
    if (parsed != ARES_SUCCESS)
        return transient(fmt::format("dns: {}: {}", reverse, ares_strerror(parsed)));
    for (int i = 0; host->h_aliases[i] && i < kRecordsMax; ++i)
        out.emplace_back(host->h_aliases[i]);
    if (out.empty() && host->h_name) out.emplace_back(host->h_name);
    ares_free_hostent(host);
    return out;
}

DiscoveryResult<std::vector<DnsService>> DnsResolver::services(std::string_view name) {
    DiscoveryResult<Answer> answer = state_->ask(std::string{name}, ns_t_srv, "SRV");
    if (answer.has_error()) return std::move(answer).error();
    std::vector<DnsService> out;
    if (is_empty_answer(answer->status)) return out;
    ares_srv_reply* first = nullptr;
    const int parsed = ares_parse_srv_reply(
        reinterpret_cast<const unsigned char*>(answer->octets.data()),
        static_cast<int>(answer->octets.size()),
        &first);
    if (is_empty_answer(parsed)) return out;
    if (parsed != ARES_SUCCESS)
        return transient(fmt::format("dns: {}: {}", name, ares_strerror(parsed)));
    for (const ares_srv_reply* one = first; one; one = one->next)
        out.push_back({one->priority, one->weight, one->port, one->host});
    ares_free_data(first);
    std::ranges::sort(out, {}, [](const DnsService& one) {
        return std::tie(one.priority, one.target, one.port);
    });
    return out;
}

void DnsResolver::cancel() {
    state_->cancelled = true;
    const std::uint64_t one = 1;
    // A full counter wakes as well.
    static_cast<void>(::write(state_->wake.get(), &one, sizeof one) == sizeof one);
}

}  // namespace lvt::discovery
