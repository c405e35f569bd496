// ListControl: the list_... verbs of queues, exchanges, bindings, connections, channels and consumers. A long listing is made in slices
// between the core's turns, so that nobody waits for it. The core's thread only.
#pragma once

#include "broker/management/pid_names.h"
#include "broker/core/core.h"
#include "broker/ctl/control_server.h"
#include "broker/net/event_loop.h"

#include <string>

namespace lvt::broker {

class ListControl {
public:
    /// Core and loop must outlive it and what it has begun.
    ListControl(const Core& core, EventLoop& loop, PidNames pids);

    /// `args`: "vhost" ("/" unless given; one that is not there has nothing), "columns" (all unless given). `done` is called once.
    /// False, and nothing is called: no such verb.
    bool list(const std::string& verb, const boost::json::object& args, ControlHandler::Done& done);

private:
    template <class Source>
    void begin(Source source, const boost::json::object& args, ControlHandler::Done& done);

    const Core& core_;
    EventLoop& loop_;
    PidNames pids_;
};

}  // namespace lvt::broker
