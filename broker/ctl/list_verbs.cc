// Verbs that list what the broker has.
#include "broker/ctl/ctl_output.h"
#include "broker/ctl/verb.h"

#include <boost/json/array.hpp>
#include <fmt/format.h>

namespace lvt::broker {
namespace {

namespace json = boost::json;

constexpr std::size_t kAnyNumber = 1000;
constexpr Milliseconds kDefaultTimeout{60'000};

// The columns that are shown unless others are asked for come first.

constexpr std::string_view kQueueColumns[] = {
    "name",
    "messages",
    "durable",
    "auto_delete",
    "arguments",
    "policy",
    "operator_policy",
    "effective_policy_definition",
    "pid",
    "owner_pid",
    "exclusive",
    "exclusive_consumer_pid",
    "exclusive_consumer_tag",
    "messages_ready",
    "messages_unacknowledged",
    "messages_ready_ram",
    "messages_unacknowledged_ram",
    "messages_ram",
    "messages_persistent",
    "message_bytes",
    "message_bytes_ready",
    "message_bytes_unacknowledged",
    "message_bytes_ram",
    "message_bytes_persistent",
    "messages_paged_out",
    "head_message_timestamp",
    "disk_reads",
    "disk_writes",
    "consumers",
    "consumer_utilisation",
    "consumer_capacity",
    "memory",
    "slave_pids",
    "synchronised_slave_pids",
    "mirror_pids",
    "synchronised_mirror_pids",
    "state",
    "type",
    "leader",
    "members",
    "online",
    "vhost"};
constexpr std::string_view kExchangeColumns[] = {
    "name", "type", "durable", "auto_delete", "internal", "arguments", "policy"};
constexpr std::string_view kBindingColumns[] = {
    "source_name",
    "source_kind",
    "destination_name",
    "destination_kind",
    "routing_key",
    "arguments"};
constexpr std::string_view kConnectionColumns[] = {
    "user",
    "peer_host",
    "peer_port",
    "state",
    "pid",
    "name",
    "port",
    "host",
    "ssl",
    "ssl_protocol",
    "ssl_key_exchange",
    "ssl_cipher",
    "ssl_hash",
    "peer_cert_subject",
    "peer_cert_issuer",
    "peer_cert_validity",
    "channels",
    "protocol",
    "auth_mechanism",
    "vhost",
    "timeout",
    "frame_max",
    "channel_max",
    "client_properties",
    "recv_oct",
    "recv_cnt",
    "send_oct",
    "send_cnt",
    "send_pend",
    "connected_at"};
constexpr std::string_view kChannelColumns[] = {
    "pid",
    "user",
    "consumer_count",
    "messages_unacknowledged",
    "connection",
    "name",
    "number",
    "vhost",
    "transactional",
    "confirm",
    "messages_uncommitted",
    "acks_uncommitted",
    "messages_unconfirmed",
    "prefetch_count",
    "global_prefetch_count"};
constexpr std::string_view kConsumerColumns[] = {
    "queue_name",
    "channel_pid",
    "consumer_tag",
    "ack_required",
    "prefetch_count",
    "active",
    "arguments",
    "activity_status"};

constexpr std::string_view kQueueOptions[] = {"online", "offline", "local"};

std::string banner_of(std::string_view verb, const std::string& vhost) {
    if (verb == "list_queues") return fmt::format("Listing queues for vhost {} ...", vhost);
    if (verb == "list_unresponsive_queues")
        return fmt::format("Listing unresponsive queues for vhost {} ...", vhost);
    if (verb == "list_exchanges") return fmt::format("Listing exchanges for vhost {} ...", vhost);
    if (verb == "list_bindings") return fmt::format("Listing bindings for vhost {}...", vhost);
    if (verb == "list_consumers") return fmt::format("Listing consumers in vhost {} ...", vhost);
    return fmt::format("Listing {} ...", verb.substr(std::string_view{"list_"}.size()));
}

constexpr Verb kListVerbs[] = {
    {.name = "list_queues",
     .usage =
         "[--vhost <vhost>] [--online] [--offline] [--local] [--no-table-headers] [<column>, ...]",
     .help = "Lists queues and their properties",
     .args_max = kAnyNumber,
     .run = run_listing,
     .columns = kQueueColumns,
     .columns_shown = 2,
     .options = kQueueOptions},
    {.name = "list_unresponsive_queues",
     .usage = "[--local] [--queue-timeout <queue-timeout>] [<column> ...]",
     .help = "Tests queues to respond within timeout. Lists those which did not respond",
     .args_max = kAnyNumber,
     .run = run_listing,
     .columns = kQueueColumns,
     .columns_shown = 1,
     .options = kQueueOptions},
    {.name = "list_exchanges",
     .usage = "[--vhost <vhost>] [--no-table-headers] [<column> ...]",
     .help = "Lists exchanges",
     .args_max = kAnyNumber,
     .run = run_listing,
     .columns = kExchangeColumns,
     .columns_shown = 2},
    {.name = "list_bindings",
     .usage = "[--vhost <vhost>] [--no-table-headers] [<column> ...]",
     .help = "Lists all bindings on a vhost",
     .args_max = kAnyNumber,
     .run = run_listing,
     .columns = kBindingColumns,
     .columns_shown = 6},
    {.name = "list_connections",
     .usage = "[--no-table-headers] [<column> ...]",
     .help = "Lists AMQP 0.9.1 connections for the node",
     .args_max = kAnyNumber,
     .run = run_listing,
     .columns = kConnectionColumns,
     .columns_shown = 4},
    {.name = "list_channels",
     .usage = "[--no-table-headers] [<column> ...]",
     .help = "Lists all channels in the node",
     .args_max = kAnyNumber,
     .run = run_listing,
     .columns = kChannelColumns,
     .columns_shown = 4},
    {.name = "list_consumers",
     .usage = "[--vhost <vhost>] [--no-table-headers] [<column> ...]",
     .help = "Lists all consumers for a vhost",
     .args_max = kAnyNumber,
     .run = run_listing,
     .columns = kConsumerColumns,
     .columns_shown = 7},
};

}  // namespace

std::span<const Verb> list_verbs() { return kListVerbs; }

int run_listing(VerbContext& context) {
    const CtlOptions& options = context.options;
    const Verb& verb = *find_verb(options.verb);
    const auto timeout = context.timeout(kDefaultTimeout);
    if (verb.name == "list_queues")
        context.banner(
            timeout
                ? fmt::format(
                      "Timeout: {:.1f} seconds ...", static_cast<double>(timeout->count()) / 1000)
                : "Timeout: infinity ...");
    context.banner(banner_of(verb.name, options.vhost));
    const std::vector<std::string> columns = columns_of(verb, options);
    json::array rows;
    // A queue of a broker that answers does so too.
    if (verb.name != "list_unresponsive_queues") {
        json::array asked;
        for (const std::string& column : columns) asked.push_back(json::value(column));
        json::object args{{"vhost", options.vhost}, {"columns", std::move(asked)}};
        for (const std::string_view option : verb.options)
            if (options.has(std::string(option))) args[option] = true;
        auto answer = context.client.ask(std::string{verb.name}, args, timeout);
        if (answer.has_error()) return complain(context, answer.error());
        if (!answer->is_array())
            return complain(context, {"the broker's answer is not understood", kExitSoftware});
        rows = std::move(answer->get_array());
    }
    print_rows(context.out, rows, columns, options);
    return 0;
}

}  // namespace lvt::broker
