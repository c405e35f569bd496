// ControlServer: the Unix socket DATA_DIR/leveret.sock through which `leveret ctl` asks a running broker.
//
// One request is one line of JSON, {"verb": "list_queues", "args": {...}}; its answer is one line, {"ok": VALUE} or
// {"error": TEXT, "code": EXIT_CODE}. A connection may send several requests, one after the other. Only the broker's own user and
// root are served. Who begins with a capital letter instead of a brace speaks HTTP (GET, PUT, ...), and is handed on.
#pragma once

#include "protocol/base/log_sink.h"
#include "protocol/base/owned_fd.h"
#include "protocol/base/result.h"

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace lvt::broker {

/// What a verb came to: a value, or a refusal with the exit code that the client shall have.
struct ControlAnswer {
    boost::json::value value;
    /// Empty: it went well.
    std::string error;
    int exit_code = 70;  // used with an error only
    /// Stands for `value` where it is not empty: long ones are written piece by piece.
    std::string serialized = {};

    static ControlAnswer refusal(std::string error, int exit_code) {
        return {nullptr, std::move(error), exit_code, {}};
    }
};

/// The broker behind the socket; broker/app implements it.
///
/// | verb | args | value |
/// |---|---|---|
/// | ping | | true |
/// | status | | {"node", "product", "version", "pid", "uptime_s", "data_dir", "listeners": [{"host", "port", "protocol"}], "alarms": [text],
/// |  | | "memory_bytes", "memory_limit_bytes", "disk_free_bytes", "disk_free_limit_bytes", "connections", "queues", "messages", ...} |
/// | await_startup | | true, once the broker accepts connections |
/// | list_queues, list_exchanges, list_bindings, list_consumers | {"vhost", "columns": [name]} | [{column: value}]; all columns unless named |
/// | list_connections, list_channels | {"columns"} | as above |
/// | | of queues {"local", "online", "offline"} too | those of this node, of nodes that run, of nodes that are down |
/// | list_users, list_vhosts | | [{...}] |
/// | purge_queue | {"vhost", "queue"} | messages that are gone |
/// | delete_queue | {"vhost", "queue", "if_empty", "if_unused"} | messages that were ready |
/// | close_connections | {"pids": [text], "reason"} | how many there were |
/// | trace_on, trace_off | {"vhost"} | true |
/// | set_vm_memory_high_watermark, set_disk_free_limit | {"bytes"} or {"fraction"} of all memory | true |
/// | stop_app, start_app | | true, when it is done |
/// | environment | | [{"key", "value", "source"}] |
/// | stop | | true; the broker stops after the answer |
class ControlHandler {
public:
    using Done = std::function<void(ControlAnswer)>;

    virtual ~ControlHandler() = default;
    /// On the server's io_context. `done` is called once, on any thread, soon or later.
    virtual void control(const std::string& verb, const boost::json::object& args, Done done) = 0;
};

class ControlServer {
public:
    /// Takes the connection of a client that speaks HTTP and may do everything; not a byte of it has been read.
    using SpeaksHttp = std::function<void(OwnedFd socket)>;

    /// Binds and listens; replaces a socket that a dead broker left behind. `handler` and `log` must outlive it. Accepts once `io` runs.
    /// `speaks_http` may be null: such clients are told that they make no sense.
    [[nodiscard]] static Result<std::unique_ptr<ControlServer>> listen(
        boost::asio::io_context& io, const std::filesystem::path& data_dir, ControlHandler& handler,
        LogSink& log, SpeaksHttp speaks_http = nullptr);

    /// Closes everything and removes the socket. On the io_context's thread, or when it does not run.
    ~ControlServer();

private:
    class State;
    explicit ControlServer(std::shared_ptr<State> state);

    std::shared_ptr<State> state_;
};

}  // namespace lvt::broker
