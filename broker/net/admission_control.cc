#include "broker/net/admission_control.h"

#include "broker/config/network.h"

#include <utility>

namespace lvt::broker {

namespace {

constexpr std::size_t kMappedOctets = 12;
constexpr std::size_t kSourceOctetsV6 = 8;

std::string source_of(const std::string& address) {
    const std::optional<AddressOctets> octets = address_octets(address);
    if (!octets) return address;
    const Network mapped{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 8 * kMappedOctets};
    const std::size_t size = mapped.contains(*octets) ? octets->size() : kSourceOctetsV6;
    return {octets->begin(), octets->begin() + static_cast<std::ptrdiff_t>(size)};
}

}  // namespace

AdmissionControl::AdmissionControl(std::uint32_t per_source_max, const Clock& clock, LogSink& log)
    : per_source_max_(per_source_max), clock_(clock), log_(log) {}

std::optional<AdmissionControl::Ticket> AdmissionControl::admit(const std::string& address) {
    if (per_source_max_ == 0) return Ticket{};
    std::string name = source_of(address);
    const std::lock_guard lock(sources_->mutex);
    Source& source = sources_->by_name[name];
    if (source.count >= per_source_max_) {
        if (!std::exchange(source.told, true)) {
            log_.write(
                LogLevel::warning,
                fmt::format(
                    "{} has {} connections that have not logged in; more are closed at once "
                    "(pre_login.connections_per_source_max)",
                    address,
                    source.count),
                clock_.now().monotonic);
        }
        return std::nullopt;
    }
    ++source.count;
    return Ticket(nullptr, [sources = sources_, name = std::move(name)](void*) {
        const std::lock_guard lock(sources->mutex);
        const auto found = sources->by_name.find(name);
        if (--found->second.count == 0) sources->by_name.erase(found);
    });
}

}  // namespace lvt::broker
