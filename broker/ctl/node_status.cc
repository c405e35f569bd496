#include "broker/ctl/node_status.h"

#include "broker/ctl/ctl_output.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

namespace lvt::broker {
namespace {

namespace json = boost::json;

json::value get(const json::object& object, std::string_view key) {
    const json::value* const found = object.if_contains(key);
    return found ? *found : json::value(nullptr);
}

std::string text(const json::object& object, std::string_view key) {
    return cell_text(get(object, key));
}

std::string gigabytes(const json::object& object, std::string_view key) {
    const json::value value = get(object, key);
    boost::system::error_code error;
    const double octets = value.to_number<double>(error);
    return fmt::format("{:.4f} gb", error ? 0.0 : octets / 1e9);
}

json::array rows(const json::object& object, std::string_view key) {
    const json::value value = get(object, key);
    return value.is_array() ? value.get_array() : json::array{};
}

}  // namespace

const char* listener_purpose(std::string_view protocol) {
    return protocol.ends_with("/ssl") ? "AMQP 0-9-1 over TLS" : "AMQP 0-9-1";
}

json::object rabbitmq_status(const json::object& status) {
    json::array listeners;
    for (const json::value& row : rows(status, "listeners")) {
        if (!row.is_object()) continue;
        listeners.push_back(
            {{"interface", get(row.get_object(), "host")},
             {"node", get(status, "node")},
             {"port", get(row.get_object(), "port")},
             {"protocol", get(row.get_object(), "protocol")},
             {"purpose", listener_purpose(text(row.get_object(), "protocol"))}});
    }
    json::object out{
        {"pid", get(status, "pid")},
        {"os", "Linux"},
        {"uptime", get(status, "uptime_s")},
        {"is_under_maintenance", false},
        {"rabbitmq_version", get(status, "version")},
        {"product_name", get(status, "product")},
        {"product_version", get(status, "version")},
        {"node_name", get(status, "node")},
        {"data_directory", get(status, "data_dir")},
        {"active_plugins", json::array{}},
        {"alarms", rows(status, "alarms")},
        {"memory", {{"strategy", "anonymous"}, {"total", {{"rss", get(status, "memory_bytes")}}}}},
        {"vm_memory_high_watermark_limit", get(status, "memory_limit_bytes")},
        {"disk_free", get(status, "disk_free_bytes")},
        {"disk_free_limit", get(status, "disk_free_limit_bytes")},
        {"totals",
         {{"connection_count", get(status, "connections")},
          {"queue_count", get(status, "queues")},
          {"message_count", get(status, "messages")}}},
        {"listeners", std::move(listeners)},
    };
    json::object own;
    for (const auto& entry : status)
        if (!out.contains(entry.key())) own.emplace(entry.key(), entry.value());
    out["leveret"] = std::move(own);
    return out;
}

void print_status(std::ostream& out, const json::object& status) {
    out << "Runtime\n\n"
        << "OS PID: " << text(status, "pid") << "\nOS: Linux\n"
        << "Uptime (seconds): " << text(status, "uptime_s") << '\n'
        << "Is under maintenance?: false\n"
        << "RabbitMQ version: " << text(status, "version") << '\n'
        << "Node name: " << text(status, "node") << '\n'
        << "\nData directory\n\n"
        << "Node data directory: " << text(status, "data_dir") << '\n'
        << "\nAlarms\n\n";
    const json::array alarms = rows(status, "alarms");
    if (alarms.empty()) out << "(none)\n";
    for (const json::value& alarm : alarms) out << cell_text(alarm) << '\n';
    out << "\nMemory\n\n"
        << "Total memory used: " << gigabytes(status, "memory_bytes") << '\n'
        << "Calculation strategy: anonymous\n"
        << "Memory high watermark, computed to: " << gigabytes(status, "memory_limit_bytes")
        << "\n\nFree Disk Space\n\n"
        << "Low free disk space watermark: " << gigabytes(status, "disk_free_limit_bytes") << '\n'
        << "Free disk space: " << gigabytes(status, "disk_free_bytes") << "\n\nTotals\n\n"
        << "Connection count: " << text(status, "connections") << '\n'
        << "Queue count: " << text(status, "queues") << '\n'
        << "Message count: " << text(status, "messages") << "\n\nListeners\n\n";
    for (const json::value& row : rows(status, "listeners"))
        if (row.is_object())
            out << fmt::format(
                "Interface: {}, port: {}, protocol: {}, purpose: {}\n",
                text(row.get_object(), "host"),
                text(row.get_object(), "port"),
                text(row.get_object(), "protocol"),
                listener_purpose(text(row.get_object(), "protocol")));
}

}  // namespace lvt::broker
