// Counts and their rates, as the HTTP API shows them. The core's thread only.
#pragma once

#include "broker/management/call.h"

#include <boost/json/object.hpp>

namespace lvt::broker {

/// {"rate": 0.0}, for what has no history.
boost::json::object no_rate();

/// message_stats, lengths and octets of a virtual host.
void put_vhost_stats(boost::json::object& out, const Call& call, const VirtualHost& host);
/// message_stats, queue_totals, object_totals and churn_rates of all.
void put_broker_stats(boost::json::object& out, const Call& call);

}  // namespace lvt::broker
