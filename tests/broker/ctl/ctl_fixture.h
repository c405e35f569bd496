// `leveret ctl` in a test: a real control socket, answers without a broker behind it.
#pragma once

#include "broker/ctl/control_client.h"
#include "broker/ctl/control_server.h"
#include "broker/ctl/run_ctl.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/json.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <sstream>
#include <thread>
#include <vector>

namespace lvt::broker {
namespace json = boost::json;

/// A broker's answers without a broker.
class Answers final : public ControlHandler {
public:
    void control(const std::string& verb, const json::object& args, Done done) override {
        if (verb != "status") requests.emplace_back(verb, args);
        if (const auto given = answers.find(verb); given != answers.end())
            return done(given->second);
        if (verb == "status") return done({status, "", 0});
        if (verb == "list_queues" && args.at("vhost") != "/")
            return done(ControlAnswer::refusal("Virtual host 'nope' does not exist", 65));
        if (verb == "list_queues") return done({queues, "", 0});
        if (verb == "list_connections")
            return done(
                {json::array{
                     {{"user", "guest"},
                      {"peer_host", "127.0.0.1"},
                      {"peer_port", 4711},
                      {"state", "running"}}},
                 "",
                 0});
        if (verb == "list_users")
            return done(
                {json::array{{{"user", "guest"}, {"tags", json::array{"administrator"}}}}, "", 0});
        if (verb == "list_vhosts") return done({json::array{{{"name", "/"}}}, "", 0});
        if (verb == "ping" || verb == "await_startup") return done({true, "", 0});
        done(ControlAnswer::refusal("unknown verb", 64));
    }

    /// What was asked but for `status`. The client's thread reads it when it has its answer.
    std::vector<std::pair<std::string, json::object>> requests;
    /// Come before what is written here.
    std::map<std::string, ControlAnswer> answers;
    json::object status{
        {"node", "rabbit@h"},
        {"version", "3.13.7"},
        {"pid", 1},
        {"alarms", json::array{}},
        {"memory_bytes", 126900000},
        {"connections", 2},
        {"listeners", json::array{{{"host", "[::]"}, {"port", 5672}, {"protocol", "amqp"}}}}};
    json::array queues{
        {{"name", "qa"},
         {"messages", 3},
         {"consumers", 1},
         {"durable", true},
         {"arguments",
          json::array{
              json::array{"x-max-length", "signedint", 10},
              json::array{"x-queue-mode", "longstr", "lazy"}}}},
        {{"name", "qb"},
         {"messages", 0},
         {"consumers", 0},
         {"durable", false},
         {"arguments", json::array{}}}};
};

class RunCtl : public testing::Test {
protected:
    RunCtl() {
        std::string name = (std::filesystem::temp_directory_path() / "leveret-ctl-XXXXXX");
        directory_ = ::mkdtemp(name.data());
    }
    ~RunCtl() override {
        stop();
        std::filesystem::remove_all(directory_);
    }

    void start() {
        auto server = ControlServer::listen(io_, directory_, answers_, log_);
        ASSERT_TRUE(server.has_value()) << server.error().message;
        server_ = std::move(*server);
        thread_ = std::thread([this] { io_.run(); });
    }
    void stop() {
        io_.stop();
        if (thread_.joinable()) thread_.join();
        server_.reset();
    }

    /// Runs `words` as the program's command line; answers the exit code.
    int run(std::vector<std::string> words, const char* program = "rabbitmqctl") {
        std::vector<std::string> all{program, "--data-dir", directory_.string()};
        all.insert(all.end(), words.begin(), words.end());
        std::vector<const char*> argv;
        for (const std::string& word : all) argv.push_back(word.c_str());
        out_.str("");
        err_.str("");
        return run_ctl(static_cast<int>(argv.size()), argv.data(), out_, err_);
    }
    std::string out() const { return out_.str(); }
    std::string err() const { return err_.str(); }

    std::filesystem::path directory_;
    NullLogSink log_;
    Answers answers_;
    boost::asio::io_context io_;
    std::unique_ptr<ControlServer> server_;
    std::thread thread_;
    std::ostringstream out_;
    std::ostringstream err_;
};

}  // namespace lvt::broker
