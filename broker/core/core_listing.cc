// What the core shows of itself.
#include "broker/core/core_state.h"

namespace lvt::broker {

CoreStatus CoreState::status() const {
    CoreStatus status;
    for (const auto& lane : sessions_) {
        for (const auto& session : lane) {
            if (!session) continue;
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
    status.messages_published = published_;
    status.messages_delivered = delivered_;
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
        listing.messages_paged_out = queue->machine.cold().count;
        listing.consumers = queue->machine.consumers().size();
        out.push_back(std::move(listing));
    }
    return out;
}

std::vector<ConnectionListing> CoreState::list_connections() const {
    std::vector<ConnectionListing> out;
    for (const auto& lane : sessions_) {
        for (const auto& session : lane) {
            if (!session || !session->vhost) continue;
            ConnectionListing listing;
            listing.user = session->user;
            listing.vhost = session->vhost->name();
            listing.peer = session->peer;
            listing.channels = session->channels.size();
            listing.channel_max = session->channel_max;
            listing.frame_max = session->frame_max;
            listing.heartbeat_s = session->heartbeat_s;
            listing.blocked = session->blocked;
            listing.client_properties = session->client_properties;
            out.push_back(std::move(listing));
        }
    }
    return out;
}

}  // namespace lvt::broker
