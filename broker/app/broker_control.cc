#include "broker/app/broker_control.h"

#include "broker/app/admin_control.h"
#include "broker/app/cluster_control.h"
#include "broker/app/cluster_listing.h"
#include "broker/app/list_control.h"
#include "broker/app/node_reset.h"
#include "broker/app/operate_control.h"
#include "broker/ctl/control_server.h"
#include "broker/management/global_parameters.h"
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
constexpr int kData = 65;

/// What members do for each other, each with what is on it alone.
constexpr std::string_view kForMembers[] = {
    "ping",
    "list_queues",
    "list_connections",
    "list_channels",
    "list_consumers",
    "purge_queue",
    "delete_queue",
    "close_connections"};

}  // namespace

class BrokerControl::Handler final : public ControlHandler {
public:
    Handler(
        const Config& config, const Core& core, CoreThread& thread, const Clock& clock,
        ResourceWatch& watch, const std::vector<std::shared_ptr<Listener>>& listeners, LogSink& log,
        ControlHooks hooks)
        : config_(config),
          core_(core),
          thread_(thread),
          clock_(clock),
          watch_(watch),
          listeners_(listeners),
          on_stop_requested_(std::move(hooks.on_stop_requested)),
          certificates_(std::move(hooks.certificates)),
          cluster_status_(std::move(hooks.cluster_status)),
          node_facts_(std::move(hooks.node_facts)),
          pids_(PidNames::of_process(config.node_name, clock.now().wall)),
          lists_(core, thread.loop(), pids_, hooks.members),
          operate_(
              core, thread, watch, pids_, hooks.members, config.memory_total_bytes,
              hooks.app_stopped, {std::move(hooks.stop_app), std::move(hooks.start_app)}),
          changes_(
              thread, config.node_name,
              {std::move(hooks.cluster),
               [this] { return operate_.app_running(); },
               [this] { return mark_reset(config_.data_dir); },
               std::move(hooks.restart)}),
          admin_(core, thread, log, config.server.version) {}

    void control(const std::string& verb, const json::object& args, Done done) override {
        if (lists_.list(verb, args, done) || operate_.operate(verb, args, done) ||
            admin_.administer(verb, args, done) || changes_.operate(verb, args, done))
            return;
        done(answer(verb));
        if (verb == "stop" && on_stop_requested_) on_stop_requested_();
    }

    void answer_member(
        const std::string& question, const std::function<void(unsigned, std::string)>& tell) {
        boost::system::error_code error;
        json::value asked = json::parse(question, error);
        json::object* const request = error ? nullptr : asked.if_object();
        const json::value* const verb = request ? request->if_contains("verb") : nullptr;
        if (!verb || !verb->is_string()) return tell(kData, "the request makes no sense");
        const std::string name(verb->get_string());
        if (std::ranges::find(kForMembers, name) == std::end(kForMembers))
            return tell(kUsage, fmt::format("'{}' is not for members", name));
        const json::value* const given = request->if_contains("args");
        json::object args = given && given->is_object() ? given->get_object() : json::object{};
        args["local"] = true;
        control(name, args, [tell](const ControlAnswer& answer) {
            if (!answer.error.empty())
                return tell(static_cast<unsigned>(answer.exit_code), answer.error);
            tell(0, answer.serialized.empty() ? json::serialize(answer.value) : answer.serialized);
        });
    }

    const PidNames& pids() const { return pids_; }
    void stop_app() {
        operate_.stop_app([](const ControlAnswer&) {});
    }
    void on_serving() { operate_.on_serving(); }

    std::unique_ptr<ControlServer> server;

private:
    ControlAnswer answer(const std::string& verb) const {
        if (verb == "ping" || verb == "stop") return {true, {}, 0};
        if (verb == "status") return {status(), {}, 0};
        if (verb == "cluster_status") return {cluster_status(), {}, 0};
        if (verb == "environment") return {environment(), {}, 0};
        return ControlAnswer::refusal(fmt::format("unknown verb '{}'", verb), kUsage);
    }

    json::object cluster_status() const {
        const std::optional<ClusterStatus> cluster = cluster_status_();
        const std::string& named = config_.server.cluster_name;
        return cluster_listing(
            lvt::broker::cluster_name(core_.topology(), named.empty() ? config_.node_name : named),
            cluster_members(cluster, config_.node_name, node_facts_()),
            cluster);
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
            listeners.push_back(json::object{
                {"host", host},
                {"port", listener->port()},
                {"protocol", listener->tls() ? "amqp/ssl" : "amqp"}});
        }
        json::array certificates;
        for (const TlsCertificate& one : certificates_())
            certificates.push_back(json::object{
                {"file", one.file.string()},
                {"subject", one.subject},
                {"not_after_s", one.not_after.count() / 1000},
                {"now_s", clock_.now().wall.count() / 1000}});
        json::array alarms;
        if (core.memory_alarm) alarms.push_back("memory resource limit alarm");
        if (core.disk_alarm) alarms.push_back("free disk space alarm");
        const Result<Volume> volume = volume_of(config_.data_dir);
        const Milliseconds uptime = clock_.now().monotonic - started_;
        return {
            {"node", config_.node_name},
            {"cluster_name", config_.server.cluster_name},
            {"product", config_.server.product},
            {"version", config_.server.version},
            {"pid", ::getpid()},
            {"uptime_s", std::chrono::duration_cast<std::chrono::seconds>(uptime).count()},
            {"data_dir", config_.data_dir.string()},
            {"listeners", std::move(listeners)},
            {"certificates", std::move(certificates)},
            {"alarms", std::move(alarms)},
            {"memory_bytes", anonymous_memory_bytes()},
            {"memory_limit_bytes", watch_.memory_limit_bytes()},
            {"disk_free_bytes", volume.has_value() ? volume->free_bytes : 0},
            {"disk_free_limit_bytes", watch_.disk_free_limit_bytes()},
            {"app_running", operate_.app_running()},
            {"instance", instance_},
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
    CoreThread& thread_;  // what changes something goes through CoreThread::administer
    const Clock& clock_;
    const ResourceWatch& watch_;
    const std::vector<std::shared_ptr<Listener>>& listeners_;
    std::function<void()> on_stop_requested_;
    std::function<std::vector<TlsCertificate>()> certificates_;
    std::function<std::optional<ClusterStatus>()> cluster_status_;
    std::function<ToldFacts()> node_facts_;
    const PidNames pids_;
    ListControl lists_;
    OperateControl operate_;
    ClusterControl changes_;
    AdminControl admin_;
    Milliseconds started_ = clock_.now().monotonic;
    /// Another one after every start, also within a process.
    const std::int64_t instance_ = clock_.now().wall.count();
};

BrokerControl::BrokerControl() = default;
BrokerControl::~BrokerControl() = default;

const PidNames& BrokerControl::pids() const { return handler_->pids(); }
void BrokerControl::stop_app() { handler_->stop_app(); }
void BrokerControl::on_serving() { handler_->on_serving(); }
void BrokerControl::answer_member(
    const std::string& question, std::function<void(unsigned code, std::string text)> done) {
    handler_->answer_member(question, done);
}

Result<std::unique_ptr<BrokerControl>> BrokerControl::open(
    const Config& config, const Core& core, CoreThread& thread, const Clock& clock,
    ResourceWatch& watch, const std::vector<std::shared_ptr<Listener>>& listeners, LogSink& log,
    ControlHooks hooks) {
    std::unique_ptr<BrokerControl> control(new BrokerControl);
    auto speaks_http = std::move(hooks.speaks_http);
    control->handler_ = std::make_unique<Handler>(
        config, core, thread, clock, watch, listeners, log, std::move(hooks));
    Result<std::unique_ptr<ControlServer>> server = ControlServer::listen(
        thread.loop().context(), config.data_dir, *control->handler_, log, std::move(speaks_http));
    if (server.has_error()) return server.error();
    control->handler_->server = std::move(*server);
    return control;
}

}  // namespace lvt::broker
