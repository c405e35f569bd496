#include "broker/ctl/control_client.h"

#include "protocol/base/assert.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lvt::broker {
namespace {

namespace json = boost::json;

constexpr int kUnavailable = 69;
constexpr int kSoftware = 70;
constexpr int kTimedOut = 75;
constexpr std::size_t kAnswerBytesMax = std::size_t{256} << 20;

/// Counts down over several waits.
class Deadline {
public:
    explicit Deadline(std::optional<Milliseconds> timeout) {
        if (timeout) end_ = SystemClock{}.now().monotonic + *timeout;
    }
    /// For poll(): -1 = no end.
    int left_ms() const {
        if (!end_) return -1;
        const Milliseconds left = *end_ - SystemClock{}.now().monotonic;
        return static_cast<int>(std::max<std::int64_t>(0, left.count()));
    }

private:
    std::optional<Milliseconds> end_;
};

/// False when the deadline has passed.
bool readable(int fd, const Deadline& deadline) {
    for (;;) {
        pollfd wait{fd, POLLIN, 0};
        const int ready = ::poll(&wait, 1, deadline.left_ms());
        if (ready > 0) return true;
        if (ready == 0) return false;
        if (errno != EINTR) return true;
    }
}

bool send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

boost::system::result<json::value, ControlFailure> value_of(std::string_view line) {
    boost::system::error_code error;
    json::value answer = json::parse(line, error);
    json::object* const object = error ? nullptr : answer.if_object();
    if (!object) return ControlFailure{"the broker's answer is not understood", kSoftware};
    if (const json::value* text = object->if_contains("error")) {
        const json::value* const code = object->if_contains("code");
        return ControlFailure{
            text->is_string() ? std::string{text->get_string()} : json::serialize(*text),
            code && code->is_int64() ? static_cast<int>(code->get_int64()) : kSoftware};
    }
    return json::value((*object)["ok"]);  // braces would make it an array
}

ControlFailure timed_out(const std::string& verb, Milliseconds timeout) {
    return {
        fmt::format("operation {} timed out. Timeout value used: {}", verb, timeout.count()),
        kTimedOut};
}

}  // namespace

ControlClient::ControlClient(OwnedFd socket, OwnedFd process)
    : socket_(std::move(socket)), process_(std::move(process)) {}

Result<ControlClient> ControlClient::connect(const std::filesystem::path& data_dir) {
    Result<OwnedFd> socket = connect_control_socket(data_dir);
    if (socket.has_error()) return std::move(socket).error();
    OwnedFd process;
    const Result<Peer> peer = peer_of(socket->get());
    if (peer.has_value() && peer->pid > 0)
        process = OwnedFd{static_cast<int>(::syscall(SYS_pidfd_open, peer->pid, 0))};
    return ControlClient{std::move(*socket), std::move(process)};
}

boost::system::result<json::value, ControlFailure> ControlClient::ask(
    const std::string& verb, const json::object& args, std::optional<Milliseconds> timeout) {
    // No time at all: an answer that is there in the same moment does not count either.
    if (timeout && timeout->count() <= 0) return timed_out(verb, *timeout);
    const Deadline deadline{timeout};
    const json::object request{{"verb", verb}, {"args", args}};
    if (!send_all(socket_.get(), json::serialize(request) + "\n"))
        return ControlFailure{"the broker has closed the connection", kUnavailable};
    for (std::size_t searched = 0;;) {
        const std::size_t end = input_.find('\n', searched);
        if (end != std::string::npos) {
            const std::string line = input_.substr(0, end);
            input_.erase(0, end + 1);
            return value_of(line);
        }
        searched = input_.size();
        if (!readable(socket_.get(), deadline)) return timed_out(verb, *timeout);
        char buffer[65536];
        const ssize_t size = ::recv(socket_.get(), buffer, sizeof buffer, 0);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0 || input_.size() > kAnswerBytesMax)
            return ControlFailure{"the broker has closed the connection", kUnavailable};
        input_.append(buffer, static_cast<std::size_t>(size));
    }
}

bool ControlClient::wait_until_gone(std::optional<Milliseconds> timeout) {
    const Deadline deadline{timeout};
    char buffer[4096];
    for (;;) {
        if (!readable(socket_.get(), deadline)) return false;
        const ssize_t size = ::recv(socket_.get(), buffer, sizeof buffer, 0);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) break;
    }
    // A pidfd becomes readable when its process has ended.
    return process_.get() < 0 || readable(process_.get(), deadline);
}

void throw_exception_from_error(
    const ControlFailure& failure, const boost::source_location& location) {
    fail_assertion(
        failure.message.c_str(), location.file_name(), static_cast<int>(location.line()));
}

}  // namespace lvt::broker
