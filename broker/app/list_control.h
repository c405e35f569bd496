// ListControl: the list_... verbs of queues, exchanges, bindings, connections, channels and consumers. A long listing is made in slices
// between the core's turns, so that nobody waits for it. In a cluster each node lists what is on it. The core's thread only.
#pragma once

#include "broker/core/core.h"
#include "broker/ctl/control_server.h"
#include "broker/management/members.h"
#include "broker/management/pid_names.h"
#include "broker/net/event_loop.h"

#include <string>

namespace lvt::broker {

class ListControl {
public:
    /// Core and loop must outlive it and what it has begun.
    ListControl(const Core& core, EventLoop& loop, PidNames pids, Members members);

    /// `args`: "vhost" ("/" unless given; one that is not there has nothing), "columns" (all unless given), "local": what is on this node
    /// alone. Of queues "online": those of nodes that run, "offline": those of nodes that are down; both unless one is given. `done` is
    /// called once.
    /// False, and nothing is called: no such verb.
    bool list(const std::string& verb, const boost::json::object& args, ControlHandler::Done& done);

private:
    struct Wanted;
    template <class Source>
    void begin(Source source, const boost::json::object& args, const ControlHandler::Done& done);
    template <class Source>
    void begin_for_all(
        const std::string& verb, Source source, const boost::json::object& args,
        const ControlHandler::Done& done);
    void list_channels(const boost::json::object& args, const ControlHandler::Done& done);
    template <class Source>
    void run(Source source, Wanted wanted, const ControlHandler::Done& done);

    const Core& core_;
    EventLoop& loop_;
    PidNames pids_;
    Members members_;
};

}  // namespace lvt::broker
