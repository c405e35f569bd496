// What the core shows of itself.
#include "broker/core/core_state.h"

namespace lvt::broker {

CoreStatus CoreState::status() const {
    CoreStatus status;
    for (const auto& lane : sessions_) {
        for (const auto& session : lane) {
            if (!session || session->internal) continue;
            ++status.connections;
            status.channels += session->channels.size();
        }
    }
    for (const auto& [vhost_name, vhost] : topology_.vhosts()) {
        status.queues += vhost->queues().size();
        status.exchanges += vhost->exchanges().size() + 1;  // and the default one
        for (const auto& [name, queue] : vhost->queues()) {
            status.consumers += queue->machine.consumers().size();
            status.messages_ready += queue->machine.ready();
            status.messages_unacknowledged += queue->unacked;
        }
    }
    const StatsReading messages = stats().messages;
    status.messages_published = messages.value("publish");
    status.messages_delivered = messages.value("deliver_get");
    status.resident_bytes = topology_.resident_bytes();
    status.durable_lsn = commits_.durable_lsn().value();
    status.memory_alarm = alarm_.memory;
    status.disk_alarm = alarm_.disk;
    return status;
}

std::vector<QueueListing> CoreState::list_queues(ByteView vhost_name) const {
    std::vector<QueueListing> out;
    const VirtualHost* const vhost = topology_.find_vhost(vhost_name);
    if (!vhost) return out;
    for (const auto& [name, queue] : vhost->queues()) {
        QueueListing listing;
        listing.name = name;
        listing.vhost = vhost->name();
        listing.durable = queue->durable;
        listing.auto_delete = queue->auto_delete;
        listing.exclusive = queue->exclusive;
        listing.arguments = queue->arguments;
        listing.messages_ready = queue->machine.ready();
        listing.messages_unacknowledged = queue->unacked;
        listing.message_bytes_ready = queue->machine.ready_bytes();
        listing.message_bytes_resident = queue->machine.resident_bytes();
        listing.messages_paged_out = queue->machine.absent_count();
        listing.consumers = queue->machine.consumers().size();
        out.push_back(std::move(listing));
    }
    return out;
}

std::unordered_map<std::uint64_t, std::uint64_t> CoreState::unconfirmed() const {
    std::unordered_map<std::uint64_t, std::uint64_t> out;
    for (std::size_t i = 0; i < waiters_.size(); ++i) {
        if (const auto* const run = std::get_if<Waiter::ConfirmRun>(&waiters_[i].action))
            out[waiters_[i].channel.incarnation] += run->last - run->first + 1;
    }
    return out;
}

}  // namespace lvt::broker
