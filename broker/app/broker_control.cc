#include "broker/app/broker_control.h"

#include "broker/app/admin_control.h"
#include "broker/ctl/control_server.h"
#include "broker/net/event_loop.h"

#include <boost/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace lvt::broker {

namespace json = boost::json;

namespace {

/// Exit codes of rabbitmqctl.
constexpr int kUsage = 64;
constexpr int kFailed = 65;

json::string text(ByteView bytes) { return json::string(bytes.data(), bytes.size()); }

/// As rabbitmqctl shows a table: [["x-max-length","signedint",10], ...].
json::array show(const amqp::Table& table) {
    json::array all;
    for (const auto& [name, value] : table.view()) {
        json::value shown;
        if (const auto integer = value.integer())
            shown = *integer;
        else if (const auto string = value.string())
            shown = text(*string);
        else if (const auto boolean = value.boolean())
            shown = *boolean;
        all.push_back(json::array{text(name), value.type_name(), std::move(shown)});
    }
    return all;
}

json::object show(const QueueListing& queue) {
    return {
        {"name", text(queue.name)},
        {"vhost", text(queue.vhost)},
        {"durable", queue.durable},
        {"auto_delete", queue.auto_delete},
        {"exclusive", queue.exclusive},
        {"messages", queue.messages_ready + queue.messages_unacknowledged},
        {"messages_ready", queue.messages_ready},
        {"messages_unacknowledged", queue.messages_unacknowledged},
        {"message_bytes_ready", queue.message_bytes_ready},
        {"messages_paged_out", queue.messages_paged_out},
        {"consumers", queue.consumers},
        {"memory", queue.message_bytes_resident},
        {"arguments", show(queue.arguments)},
        {"type", "classic"},
        {"state", "running"},
    };
}

json::object show(const ConnectionListing& connection) {
    const std::size_t colon = connection.peer.rfind(':');
    const ByteView peer = connection.peer;
    return {
        {"user", text(connection.user)},
        {"vhost", text(connection.vhost)},
        {"name", text(connection.peer)},
        {"peer_host", text(peer.substr(0, colon))},
        {"peer_port", text(colon == ByteView::npos ? ByteView() : peer.substr(colon + 1))},
        {"channels", connection.channels},
        {"channel_max", connection.channel_max},
        {"frame_max", connection.frame_max},
        {"timeout", connection.heartbeat_s},
        {"state", connection.blocked ? "blocked" : "running"},
        {"protocol", "{0,9,1}"},
        {"client_properties", show(connection.client_properties)},
    };
}

template <class Listing>
json::array show_all(const std::vector<Listing>& listings) {
    json::array all;
    for (const Listing& one : listings) all.push_back(show(one));
    return all;
}

}  // namespace

class BrokerControl::Handler final : public ControlHandler {
public:
    Handler(
        const Config& config, const Core& core, CoreThread& thread, const Clock& clock,
        const ResourceWatch& watch, const std::vector<std::shared_ptr<Listener>>& listeners,
        LogSink& log, std::function<void()> on_stop_requested)
        : config_(config),
          core_(core),
          clock_(clock),
          watch_(watch),
          listeners_(listeners),
          on_stop_requested_(std::move(on_stop_requested)),
          admin_(core, thread, log, config.server.version) {}

    void control(const std::string& verb, const json::object& args, Done done) override {
        if (admin_.administer(verb, args, done)) return;
        done(answer(verb, args));
        if (verb == "stop" && on_stop_requested_) on_stop_requested_();
    }

    std::unique_ptr<ControlServer> server;

private:
    ControlAnswer answer(const std::string& verb, const json::object& args) const {
        if (verb == "ping" || verb == "await_startup" || verb == "stop") return {true, {}, 0};
        if (verb == "status") return {status(), {}, 0};
        if (verb == "list_queues") return list_queues(args);
        if (verb == "list_connections") return {show_all(core_.list_connections()), {}, 0};
        if (verb == "environment") return {environment(), {}, 0};
        return ControlAnswer::refusal(fmt::format("unknown verb '{}'", verb), kUsage);
    }

    ControlAnswer list_queues(const json::object& args) const {
        const json::value* const vhost = args.if_contains("vhost");
        const Bytes name = vhost && vhost->is_string() ? Bytes(vhost->get_string()) : Bytes("/");
        const std::vector<Bytes> known = core_.list_vhosts();
        if (std::find(known.begin(), known.end(), name) == known.end())
            return ControlAnswer::refusal(
                fmt::format("Virtual host '{}' does not exist", name), kFailed);
        return {show_all(core_.list_queues(name)), {}, 0};
    }

    json::array environment() const {
        json::array all;
        for (const Setting& setting : config_.settings)
            all.push_back(json::object{
                {"key", setting.key}, {"value", setting.value}, {"source", setting.source}});
        return all;
    }

    json::object status() const {
        const CoreStatus core = core_.status();
        json::array listeners;
        for (const auto& listener : listeners_) {
            const std::string host = listener->name().substr(0, listener->name().rfind(':'));
            listeners.push_back(
                json::object{{"host", host}, {"port", listener->port()}, {"protocol", "amqp"}});
        }
        json::array alarms;
        if (core.memory_alarm) alarms.push_back("memory resource limit alarm");
        if (core.disk_alarm) alarms.push_back("free disk space alarm");
        const Result<Volume> volume = volume_of(config_.data_dir);
        const Milliseconds uptime = clock_.now().monotonic - started_;
        return {
            {"node", config_.node_name},
            {"product", config_.server.product},
            {"version", config_.server.version},
            {"pid", ::getpid()},
            {"uptime_s", std::chrono::duration_cast<std::chrono::seconds>(uptime).count()},
            {"data_dir", config_.data_dir.string()},
            {"listeners", std::move(listeners)},
            {"alarms", std::move(alarms)},
            {"memory_bytes", anonymous_memory_bytes()},
            {"memory_limit_bytes", watch_.memory_limit_bytes()},
            {"disk_free_bytes", volume.has_value() ? volume->free_bytes : 0},
            {"disk_free_limit_bytes", config_.disk_free_limit_bytes},
            {"connections", core.connections},
            {"channels", core.channels},
            {"consumers", core.consumers},
            {"queues", core.queues},
            {"exchanges", core.exchanges},
            {"messages", core.messages_ready + core.messages_unacknowledged},
            {"messages_ready", core.messages_ready},
            {"messages_unacknowledged", core.messages_unacknowledged},
            {"messages_published", core.messages_published},
            {"messages_delivered", core.messages_delivered},
            {"resident_bytes", core.resident_bytes},
        };
    }

    const Config& config_;
    const Core& core_;
    const Clock& clock_;
    const ResourceWatch& watch_;
    const std::vector<std::shared_ptr<Listener>>& listeners_;
    std::function<void()> on_stop_requested_;
    AdminControl admin_;
    Milliseconds started_ = clock_.now().monotonic;
};

BrokerControl::BrokerControl() = default;
BrokerControl::~BrokerControl() = default;

Result<std::unique_ptr<BrokerControl>> BrokerControl::open(
    const Config& config, const Core& core, CoreThread& thread, const Clock& clock,
    const ResourceWatch& watch, const std::vector<std::shared_ptr<Listener>>& listeners,
    LogSink& log, std::function<void()> on_stop_requested) {
    std::unique_ptr<BrokerControl> control(new BrokerControl);
    control->handler_ = std::make_unique<Handler>(
        config, core, thread, clock, watch, listeners, log, std::move(on_stop_requested));
    Result<std::unique_ptr<ControlServer>> server =
        ControlServer::listen(thread.loop().context(), config.data_dir, *control->handler_, log);
    if (server.has_error()) return server.error();
    control->handler_->server = std::move(*server);
    return control;
}

}  // namespace lvt::broker
