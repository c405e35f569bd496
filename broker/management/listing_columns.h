// The columns of rabbitmqctl's list_... verbs, read from the core's state. The core's thread only.
#pragma once

#include "broker/core/exchange.h"
#include "broker/core/queue.h"
#include "broker/core/session_state.h"
#include "broker/management/api_stats.h"
#include "broker/management/pid_names.h"

#include <boost/json/value.hpp>

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>

namespace lvt::broker {

/// What columns are made with.
struct ColumnContext {
    const PidNames& pids;
    StatsView stats = {};
    /// By ChannelState::incarnation; filled where it is asked for.
    std::unordered_map<std::uint64_t, std::uint64_t> unconfirmed = {};
    /// Publishers are held back.
    bool alarm = false;
};

template <class Row>
struct Column {
    std::string_view name;
    boost::json::value (*value)(const Row& row, const ColumnContext& context);
};

/// One binding; `key` null stands for the default exchange's binding of `queue`.
struct BindingRow {
    const Exchange* source = nullptr;
    const BindingKey* key = nullptr;
    const Queue* queue = nullptr;
    const VirtualHost* vhost = nullptr;
};

struct ConsumerRow {
    const Queue& queue;
    const Consumer& consumer;
};

/// A null exchange stands for the default one.
struct ExchangeRow {
    const Exchange* exchange = nullptr;
    const VirtualHost* vhost = nullptr;

    explicit operator bool() const { return exchange != nullptr; }
    const Exchange* operator->() const { return exchange; }
};

/// "[::1]:5672" -> "::1", 5672.
struct HostAndPort {
    explicit HostAndPort(ByteView text);

    ByteView host;
    unsigned port = 0;
};

/// "127.0.0.1:53211 -> 127.0.0.1:5672".
std::string connection_name(const SessionState& session);
/// The same and " (1)".
std::string channel_name(const ChannelState& channel);

// All that there are, by Row.
template <class Row>
std::span<const Column<Row>> columns();
template <>
std::span<const Column<Queue>> columns();
template <>
std::span<const Column<ExchangeRow>> columns();
template <>
std::span<const Column<BindingRow>> columns();
template <>
std::span<const Column<SessionState>> columns();
template <>
std::span<const Column<ChannelState>> columns();
template <>
std::span<const Column<ConsumerRow>> columns();

}  // namespace lvt::broker
