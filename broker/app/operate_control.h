// OperateControl: verbs that act on queues, connections and the broker's limits, and stop_app and start_app. The core's thread only.
#pragma once

#include "broker/app/resource_watch.h"
#include "broker/ctl/control_server.h"
#include "broker/management/members.h"
#include "broker/management/pid_names.h"
#include "broker/net/core_thread.h"

#include <functional>
#include <string>
#include <vector>

namespace lvt::broker {

class OperateControl {
public:
    struct Hooks {
        std::function<void(std::function<void()> done)> stop_app;
        std::function<Result<void>()> start_app;
    };

    /// All must outlive it and what it has begun.
    OperateControl(
        const Core& core, CoreThread& thread, ResourceWatch& watch, const PidNames& pids,
        Members members, std::uint64_t memory_total_bytes, bool app_stopped, Hooks hooks);

    /// `done` is called once. False, and nothing is called: no such verb.
    bool operate(
        const std::string& verb, const boost::json::object& args, ControlHandler::Done& done);
    bool app_running() const { return app_ == App::running; }
    void stop_app(ControlHandler::Done done);
    /// Clients are let in.
    void on_serving();

private:
    enum class App { running, stopping, stopped };

    /// Has the home of the queue do it, where that is another node; false where it is this one. `otherwise` is done where the home is
    /// down; null: that is refused.
    bool do_at_home(
        const std::string& verb, const boost::json::object& args, const ControlHandler::Done& done,
        std::function<void()> otherwise);
    void purge_queue(const boost::json::object& args, ControlHandler::Done done);
    void delete_queue(const boost::json::object& args, ControlHandler::Done done);
    void close_connections(const boost::json::object& args, ControlHandler::Done done);
    void set_tracing(bool on, const boost::json::object& args, ControlHandler::Done done);
    std::uint64_t limit_of(const boost::json::object& args) const;
    void start_app(ControlHandler::Done done);
    void await_startup(ControlHandler::Done done);
    void tell_waiting();

    const Core& core_;
    CoreThread& thread_;
    ResourceWatch& watch_;
    const PidNames& pids_;
    const Members members_;
    const std::uint64_t memory_total_bytes_;
    Hooks hooks_;
    App app_;
    /// Clients are let in; a node of a cluster has become a member first.
    bool serving_ = false;
    /// await_startup, while it does not run, or nobody is let in.
    std::vector<ControlHandler::Done> awaiting_;
};

}  // namespace lvt::broker
