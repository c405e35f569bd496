// Listings of what the core holds, made in slices between the core's turns, so that nobody waits for a long one. The core's thread only.
//
// A source walks over rows of one kind and goes on behind the last one, whatever has changed since; a sink takes them until it is full for
// this time. `Sink` has: bool full() const; void add(const Row&).
#pragma once

#include "broker/core/core.h"
#include "broker/core/guest.h"
#include "broker/core/object_walk.h"
#include "broker/core/topology.h"
#include "broker/management/listing_columns.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace lvt::broker {

/// Values between two looks at what else there is to do: less than a millisecond.
inline constexpr std::size_t kSliceValues = 2000;

// Sources. resume() is true where there is more.

/// Calls add(queue) for those of the virtual host behind `last`.
template <class Sink, class Add>
bool resume_queues(
    const Core& core, const Bytes& vhost, std::optional<Bytes>& last, const Sink& rows, Add&& add) {
    const VirtualHost* const host = core.topology().find_vhost(vhost);
    return host && resume_map(
                       host->queues(),
                       last,
                       [&] { return rows.full(); },
                       [&](const auto& entry) { add(*entry.second); });
}

struct QueueSource {
    using Row = Queue;
    const Core& core;
    Bytes vhost;
    std::optional<Bytes> last = {};

    template <class Sink>
    bool resume(Sink& rows) {
        return resume_queues(core, vhost, last, rows, [&](const Queue& queue) { rows.add(queue); });
    }
};

struct ExchangeSource {
    using Row = ExchangeRow;
    const Core& core;
    Bytes vhost;
    std::optional<Bytes> last = {};

    template <class Sink>
    bool resume(Sink& rows) {
        const VirtualHost* const host = core.topology().find_vhost(vhost);
        if (!host) return false;
        if (!last) rows.add(Row{nullptr, host});
        return resume_map(
            host->exchanges(),
            last,
            [&] { return rows.full(); },
            [&](const auto& entry) {
                rows.add(Row{entry.second.get(), host});
            });
    }
};

/// The default exchange's come first.
struct BindingSource {
    using Row = BindingRow;
    const Core& core;
    Bytes vhost;
    std::optional<Bytes> last_queue = {};
    bool queues_done = false;
    std::optional<Bytes> last_exchange = {};
    std::optional<BindingKey> last_key = {};  // of the exchange behind last_exchange

    template <class Sink>
    bool resume(Sink& rows) {
        const VirtualHost* const host = core.topology().find_vhost(vhost);
        if (!host) return false;
        if (!queues_done && resume_queues(*host, rows)) return true;
        queues_done = true;
        const auto& exchanges = host->exchanges();
        for (auto at = last_exchange ? exchanges.upper_bound(*last_exchange) : exchanges.begin();
             at != exchanges.end();
             ++at) {
            if (resume_exchange(*host, *at->second, rows)) return true;
            last_exchange = at->first;
            last_key.reset();
        }
        return false;
    }

private:
    template <class Sink>
    bool resume_queues(const VirtualHost& host, Sink& rows) {
        return resume_map(
            host.queues(),
            last_queue,
            [&] { return rows.full(); },
            [&](const auto& entry) {
                rows.add(Row{nullptr, nullptr, entry.second.get(), &host});
            });
    }
    template <class Sink>
    bool resume_exchange(const VirtualHost& host, const Exchange& exchange, Sink& rows) {
        return resume_map(
            exchange.bindings(),
            last_key,
            [&] { return rows.full(); },
            [&](const auto& entry) {
                rows.add(Row{&exchange, &entry.first, nullptr, &host});
            });
    }
};

/// It stands for a client of another node.
inline bool is_guest(const SessionState& session) {
    return session.internal && session.client_properties.find(kGuestNode);
}

/// Calls visit(session) for those that are open, from (lane, slot) on, until `rows` are full.
template <class Sink, class Visit>
bool resume_sessions(
    const Core& core, std::size_t& lane, std::size_t& slot, bool with_guests, const Sink& rows,
    Visit&& visit) {
    const auto& sessions = core.sessions();
    for (; lane < sessions.size(); ++lane, slot = 0) {
        for (; slot < sessions[lane].size(); ++slot) {
            if (rows.full()) return true;
            const SessionState* const session = sessions[lane][slot].get();
            if (!session || !session->vhost) continue;
            if (!session->internal || (with_guests && is_guest(*session))) visit(*session);
        }
    }
    return false;
}

struct ConnectionSource {
    using Row = SessionState;
    const Core& core;
    std::size_t lane = 0;
    std::size_t slot = 0;

    template <class Sink>
    bool resume(Sink& rows) {
        return resume_sessions(
            core, lane, slot, false, rows, [&](const SessionState& session) { rows.add(session); });
    }
};

struct ChannelSource {
    using Row = ChannelState;
    const Core& core;
    /// Those of guests too: what a channel has at other nodes than its client's.
    bool with_guests = false;
    std::size_t lane = 0;
    std::size_t slot = 0;

    template <class Sink>
    bool resume(Sink& rows) {
        return resume_sessions(core, lane, slot, with_guests, rows, [&](const auto& session) {
            for (const auto& [id, channel] : session.channels) rows.add(*channel);
        });
    }
};

struct ConsumerSource {
    using Row = ConsumerRow;
    const Core& core;
    Bytes vhost;
    std::optional<Bytes> last = {};

    template <class Sink>
    bool resume(Sink& rows) {
        return resume_queues(core, vhost, last, rows, [&](const Queue& queue) {
            for (const Consumer* const consumer : queue.machine.consumers())
                rows.add(Row{queue, *consumer});
        });
    }
};

/// What else there is to do comes first, then the call.
using PostSlice = std::function<void(std::function<void()>)>;

/// Feeds `sink` from `source` and hands it to `done` when there is no more. The sink's next_slice() is called between slices.
template <class Source, class Sink, class Done>
void run_listing(PostSlice post, Source source, Sink sink, Done done) {
    struct State {
        PostSlice post;
        Source source;
        Sink sink;
        Done done;

        static void go_on(const std::shared_ptr<State>& self) {
            if (self->source.resume(self->sink)) {
                self->sink.next_slice();
                self->post([self] { go_on(self); });
                return;
            }
            self->done(std::move(self->sink));
        }
    };
    State::go_on(std::make_shared<State>(
        State{std::move(post), std::move(source), std::move(sink), std::move(done)}));
}

template <class Row>
bool wants(const std::vector<const Column<Row>*>& columns, std::string_view name) {
    return std::any_of(columns.begin(), columns.end(), [&](const Column<Row>* column) {
        return column->name == name;
    });
}

}  // namespace lvt::broker
