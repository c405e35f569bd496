#include "broker/session/session_options.h"

namespace lvt::broker {

amqp::Table server_properties(const SessionOptions& options) {
    amqp::Table capabilities;
    for (const ByteView name :
         {"publisher_confirms",
          "exchange_exchange_bindings",
          "basic.nack",
          "consumer_cancel_notify",
          "connection.blocked",
          "consumer_priorities",
          "authentication_failure_close",
          "per_consumer_qos",
          "direct_reply_to"}) {
        capabilities.add_bool(name, true);
    }
    amqp::Table table;
    table.add_table("capabilities", capabilities)
        .add_string("cluster_name", options.cluster_name)
        .add_string("copyright", options.copyright)
        .add_string("information", options.information)
        .add_string("platform", options.platform)
        .add_string("product", options.product)
        .add_string("version", options.version);
    return table;
}

}  // namespace lvt::broker
