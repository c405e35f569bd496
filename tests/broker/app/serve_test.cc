// The executable as people and tools meet it: its lines, its exit codes, its signals.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include "tests/broker/net/client_socket.h"

extern char** environ;

namespace lvt::broker {
namespace {

/// `leveret` with these arguments; killed at the end if it still runs.
class Process {
public:
    explicit Process(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), LEVERET_BINARY);
        std::vector<char*> argv;
        for (std::string& one : arguments) argv.push_back(one.data());
        argv.push_back(nullptr);
        int out[2];
        int error[2];
        if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(error, O_CLOEXEC) != 0)
            throw std::runtime_error("no pipe");
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
        ::posix_spawn_file_actions_adddup2(&actions, error[1], 2);
        if (::posix_spawn(&pid_, LEVERET_BINARY, &actions, nullptr, argv.data(), environ) != 0)
            throw std::runtime_error("cannot spawn");
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(out[1]);
        ::close(error[1]);
        out_ = out[0];
        error_ = error[0];
    }
    ~Process() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
        ::close(out_);
        ::close(error_);
    }

    /// The next line of standard output, without its end; empty at the end of the stream.
    std::string line() { return line_of(out_); }
    std::string error_line() { return line_of(error_); }

    /// The real port, once it is up; all lines up to then are kept in `lines`.
    std::uint16_t wait_until_up() {
        std::uint16_t port = 0;
        for (std::string one = line(); !one.empty(); one = line()) {
            lines.push_back(one);
            std::smatch match;
            if (std::regex_search(one, match, std::regex("^listening amqp://.*:([0-9]+)$")))
                port = static_cast<std::uint16_t>(std::stoi(match[1]));
            if (one.starts_with("Server startup complete")) break;
        }
        return port;
    }
    std::vector<std::string> lines;

    void signal(int number) { ::kill(pid_, number); }
    /// Its exit code; 128 + N where signal N ended it.
    int wait() {
        int status = 0;
        ::waitpid(std::exchange(pid_, -1), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

private:
    static std::string line_of(int fd) {
        std::string line;
        char c = 0;
        while (::read(fd, &c, 1) == 1 && c != '\n') line += c;
        return line;
    }

    pid_t pid_ = -1;
    int out_ = -1;
    int error_ = -1;
};

class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string name = std::filesystem::temp_directory_path() / "leveret-test-XXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    std::string path() const { return path_; }

private:
    std::filesystem::path path_;
};

TEST(Serve, EphemeralSaysWhereItListensAndNothingElse) {
    Process process({"serve", "--ephemeral"});
    const std::uint16_t port = process.wait_until_up();
    ASSERT_EQ(process.lines.size(), 2u);
    EXPECT_EQ(process.lines[0], "listening amqp://127.0.0.1:" + std::to_string(port));
    EXPECT_EQ(process.lines[1], "Server startup complete; 0 plugins started.");
    EXPECT_NO_THROW(ClientSocket{port});
    process.signal(SIGTERM);
    EXPECT_EQ(process.line(), "");
    EXPECT_EQ(process.wait(), 0);
}

TEST(Serve, OneLineForEachListener) {
    Process process({"serve", "--ephemeral", "--set", "listeners.tcp.1=127.0.0.1:0", "--set",
                     "listeners.tcp.2=127.0.0.1:0"});
    process.wait_until_up();
    EXPECT_EQ(process.lines.size(), 3u);
}

TEST(Serve, DataDirectoryComesAndGoesCleanly) {
    const TemporaryDirectory directory;
    for (int round = 0; round < 2; ++round) {
        Process process({"serve", "--data-dir", directory.path(), "--set",
                         "listeners.tcp.default=127.0.0.1:0"});
        EXPECT_NE(process.wait_until_up(), 0);
        process.signal(SIGINT);
        EXPECT_EQ(process.wait(), 0);
    }
}

TEST(Serve, TakenPortNamesItsKeyAndExits78) {
    Process first({"serve", "--ephemeral"});
    const std::string port = std::to_string(first.wait_until_up());
    Process second({"serve", "--ephemeral", "--set", "listeners.tcp.1=127.0.0.1:" + port});
    EXPECT_EQ(
        second.error_line(),
        "leveret: listeners.tcp.1: cannot listen on 127.0.0.1:" + port +
            ": Address already in use");
    EXPECT_EQ(second.line(), "");
    EXPECT_EQ(second.wait(), 78);
}

TEST(Serve, WrongConfigurationNamesItsKeyAndExits78) {
    Process process({"serve", "--ephemeral", "--set", "channel_max=many"});
    EXPECT_NE(process.error_line().find("channel_max"), std::string::npos);
    EXPECT_EQ(process.wait(), 78);
}

TEST(Serve, WrongCommandLineExits64) {
    Process process({"serve", "--no-such-option"});
    EXPECT_EQ(process.wait(), 64);
}

TEST(Serve, VersionIsPrinted) {
    Process process({"--version"});
    EXPECT_TRUE(process.line().starts_with("leveret "));
    EXPECT_EQ(process.wait(), 0);
}

TEST(Serve, TellsTheServiceManager) {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/notify";
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    Process process({"serve", "--ephemeral"});
    ::unsetenv("NOTIFY_SOCKET");
    char told[64] = {};
    ASSERT_GT(::recv(fd, told, sizeof told - 1, 0), 0);
    EXPECT_STREQ(told, "READY=1");
    process.wait_until_up();
    process.signal(SIGTERM);
    char stopping[64] = {};
    ASSERT_GT(::recv(fd, stopping, sizeof stopping - 1, 0), 0);
    EXPECT_STREQ(stopping, "STOPPING=1");
    EXPECT_EQ(process.wait(), 0);
    ::close(fd);
}

}  // namespace
}  // namespace lvt::broker
