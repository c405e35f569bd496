#include "broker/config/environment.h"

#include "broker/config/conf_file.h"
#include "broker/config/data_dir.h"
#include "broker/config/text_file.h"
#include "cluster/discovery/autocluster.h"
#include "cluster/discovery/registry.h"

#include <fmt/format.h>

#include <cctype>

namespace lvt::broker {
namespace {

class Reader {
public:
    Reader(const std::map<std::string, std::string>& environment, const std::string& host)
        : environment_(environment), host_(host) {}

    Result<EnvironmentSettings> read() {
        LVT_TRY(copy_or_file("RABBITMQ_DEFAULT_USER", "default_user"));
        LVT_TRY(copy_or_file("RABBITMQ_DEFAULT_PASS", "default_pass"));
        LVT_TRY(copy_or_file("RABBITMQ_DEFAULT_VHOST", "default_vhost"));
        // What RabbitMQ's nodes know each other by.
        LVT_TRY(copy_or_file("RABBITMQ_ERLANG_COOKIE", "cluster.secret"));
        node_name();
        listener();
        tls();
        data_dir();
        logs();
        memory();
        discovery();
        notes();
        return std::move(out_);
    }

private:
    const std::string* find(const std::string& name) const {
        const auto found = environment_.find(name);
        return found == environment_.end() || found->second.empty() ? nullptr : &found->second;
    }

    void assign(const std::string& variable, std::string key, std::string value) {
        out_.assignments.push_back(
            {std::move(key), std::move(value), "environment " + variable, Level::environment});
    }

    void copy(const std::string& variable, std::string key) {
        if (const std::string* value = find(variable)) assign(variable, std::move(key), *value);
    }

    Result<void> copy_or_file(const std::string& variable, std::string key) {
        const std::string* const path = find(variable + "_FILE");
        if (!path) {
            copy(variable, std::move(key));
            return {};
        }
        if (find(variable))
            return Error{
                ErrorKind::invalid,
                fmt::format(
                    "environment {0}_FILE: {1}: {0} is set too, only one of them may be",
                    variable,
                    key)};
        Result<std::string> text = read_text_file(*path, kConfBytesMax);
        if (text.has_error())
            return Error{
                ErrorKind::invalid,
                fmt::format("environment {}_FILE: {}: {}", variable, key, text.error().message)};
        std::string value = std::move(text).value();
        while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.pop_back();
        assign(variable + "_FILE", std::move(key), std::move(value));
        return {};
    }

    void node_name() {
        if (const std::string* name = find("RABBITMQ_NODENAME"))
            assign("RABBITMQ_NODENAME", "node_name", complete_node_name(*name, host_));
    }

    void listener() {
        const std::string* const port = find("RABBITMQ_NODE_PORT");
        const std::string* const address = find("RABBITMQ_NODE_IP_ADDRESS");
        if (!port && !address) return;
        std::string value = port ? *port : "5672";
        if (address && *address != "auto") value = *address + ":" + value;
        assign(
            port ? "RABBITMQ_NODE_PORT" : "RABBITMQ_NODE_IP_ADDRESS",
            "listeners.tcp.default",
            std::move(value));
    }

    /// As the image has it: with these a TLS listener is opened that wants certificates of its clients.
    void tls() {
        static constexpr std::pair<const char*, const char*> kKeys[] = {
            {"RABBITMQ_SSL_CACERTFILE", "ssl_options.cacertfile"},
            {"RABBITMQ_SSL_CERTFILE", "ssl_options.certfile"},
            {"RABBITMQ_SSL_KEYFILE", "ssl_options.keyfile"},
            {"RABBITMQ_SSL_DEPTH", "ssl_options.depth"},
            {"RABBITMQ_SSL_VERIFY", "ssl_options.verify"},
            {"RABBITMQ_SSL_FAIL_IF_NO_PEER_CERT", "ssl_options.fail_if_no_peer_cert"},
        };
        if (!find("RABBITMQ_SSL_CERTFILE")) return;
        assign("RABBITMQ_SSL_CERTFILE", "listeners.ssl.default", "5671");
        assign("RABBITMQ_SSL_CERTFILE", "ssl_options.verify", "verify_peer");
        assign("RABBITMQ_SSL_CERTFILE", "ssl_options.fail_if_no_peer_cert", "true");
        for (const auto& [variable, key] : kKeys) copy(variable, key);
    }

    void data_dir() {
        for (const char* variable : kDataDirVariables)
            if (find(variable)) return copy(variable, "data_dir");
    }

    void logs() {
        if (const std::string* logs = find("RABBITMQ_LOGS")) {
            assign("RABBITMQ_LOGS", "log.console", *logs == "-" ? "true" : "false");
            assign("RABBITMQ_LOGS", "log.file", *logs == "-" ? "false" : *logs);
        }
        copy("RABBITMQ_LOG_BASE", "log.dir");
        const std::string* const levels = find("RABBITMQ_LOG");
        if (!levels) return;
        // "debug", "connection=warning,info", "+color": categories but connection have no level here.
        std::string_view rest = *levels;
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find(','), rest.size());
            const std::string_view item = rest.substr(0, end);
            rest.remove_prefix(std::min(end + 1, rest.size()));
            if (item.starts_with("connection="))
                assign("RABBITMQ_LOG", "log.connection.level", std::string{item.substr(11)});
            else if (!item.empty() && item.find_first_of("=+-") == std::string_view::npos)
                assign("RABBITMQ_LOG", "log.default.level", std::string{item});
        }
    }

    /// "40%", "0.4" or an absolute size, as the image's entry point took it.
    void memory() {
        const char* const variable = "RABBITMQ_VM_MEMORY_HIGH_WATERMARK";
        const std::string* const text = find(variable);
        if (!text) return;
        std::int64_t percent = 0;
        if (text->back() == '%' &&
            parse_integer(text->substr(0, text->size() - 1), 0, 100'000, percent).empty())
            assign(
                variable,
                "vm_memory_high_watermark.relative",
                fmt::format("{}.{:02}", percent / 100, percent % 100));
        else if (text->find('.') != std::string::npos)
            assign(variable, "vm_memory_high_watermark.relative", *text);
        else
            assign(variable, "vm_memory_high_watermark.absolute", *text);
    }

    /// The mechanisms' own variables are read by themselves.
    void discovery() {
        copy("RABBITMQ_NODE_TYPE", "cluster_formation.node_type");
        copy("CLEANUP_INTERVAL", "cluster_formation.node_cleanup.interval");
        copy("CLEANUP_ONLY_LOG_WARNING", "cluster_formation.node_cleanup.only_log_warning");
        for (discovery::OldVariable& one : discovery::autocluster_variables(environment_)) {
            if (!one.key.empty()) assign(one.name, std::move(one.key), std::move(one.value));
            out_.warnings.push_back(std::move(one.advice));
        }
    }

    void notes() {
        static constexpr std::pair<const char*, const char*> kNotes[] = {
            {"RABBITMQ_ADVANCED_CONFIG_FILE", "Erlang terms are not read"},
            {"RABBITMQ_ENABLED_PLUGINS_FILE", "there are no plugins"},
            {"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "there is no Erlang runtime here"},
            {"RABBITMQ_SERVER_ERL_ARGS", "there is no Erlang runtime here"},
        };
        for (const auto& [variable, because] : kNotes)
            if (find(variable))
                out_.warnings.push_back(
                    fmt::format("environment {} has no effect: {}", variable, because));
    }

    const std::map<std::string, std::string>& environment_;
    const std::string& host_;
    EnvironmentSettings out_;
};

}  // namespace

Result<EnvironmentSettings> read_environment(
    const std::map<std::string, std::string>& environment, const std::string& host) {
    return Reader{environment, host}.read();
}

std::optional<std::string> marathon_address(
    const std::map<std::string, std::string>& environment,
    const std::map<std::string, std::string>& formation) {
    const auto text_of = [](const std::map<std::string, std::string>& map, std::string name) {
        const auto found = map.find(name);
        return found == map.end() ? std::string{} : found->second;
    };
    const auto setting = [&](const char* name) {
        return text_of(formation, fmt::format("cluster_formation.{}", name));
    };
    const discovery::Mechanism* const mechanism =
        discovery::find_mechanism(setting("peer_discovery_backend"));
    const std::string source = setting("marathon.address_source");
    if (!mechanism || mechanism->name != "marathon" || (!source.empty() && source != "host"))
        return {};
    std::string port = setting("marathon.static_port");
    std::string name = setting("marathon.port_name");
    if (port.empty() && !name.empty()) {
        for (char& octet : name)
            octet = std::isalnum(static_cast<unsigned char>(octet))
                        ? static_cast<char>(std::toupper(static_cast<unsigned char>(octet)))
                        : '_';
        port = text_of(environment, "PORT_" + name);
    } else if (port.empty()) {
        const std::string index = setting("marathon.port_index");
        port = text_of(environment, "PORT" + (index.empty() ? "0" : index));
    }
    const std::string host = text_of(environment, "HOST");
    if (host.empty() || port.empty() || text_of(environment, "MESOS_TASK_ID").empty()) return {};
    return host + ":" + port;
}

std::string complete_node_name(const std::string& name, const std::string& host) {
    return name.find('@') == std::string::npos ? name + "@" + host : name;
}

}  // namespace lvt::broker
