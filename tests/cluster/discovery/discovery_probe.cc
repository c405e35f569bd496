// discovery_probe: one mechanism, driven from outside. The Python cases beside it talk to it.
//
//   discovery_probe --id ID --name rabbit@h --host h --port N [--long-names] KEY=VALUE...
//
// Commands come by standard input, one a line: list, register, unregister, maintain, lock, unlock, create_mark ID, read_mark, about, cancel, quit.
// Each but cancel is answered by one line of JSON: {"ok":...}, or {"failure":"transient|permanent|cancelled","message":...}. The log goes to
// standard error. A wrong setting is one line there, and exit code 78.
#include "cluster/discovery/registry.h"
#include "protocol/base/clock.h"

#include <boost/json.hpp>

#include <condition_variable>
#include <cstdio>
#include <deque>
#include <iostream>
#include <mutex>
#include <thread>

extern "C" char** environ;

namespace lvt::discovery {
namespace {

namespace json = boost::json;

class StderrLog final : public LogSink {
public:
    void write(LogLevel level, std::string_view line) override {
        static constexpr const char* kNames[] = {"debug", "info", "warning", "error", "critical"};
        std::fprintf(
            stderr,
            "%s: %.*s\n",
            kNames[static_cast<int>(level)],
            static_cast<int>(line.size()),
            line.data());
    }
    bool enabled(LogLevel) const override { return true; }
};

json::object to_json(const DiscoveryError& error) {
    static constexpr const char* kNames[] = {"transient", "permanent", "cancelled"};
    return {{"failure", kNames[static_cast<int>(error.failure)]}, {"message", error.message}};
}

json::object to_json(const PeerList& list) {
    json::array candidates;
    for (const Candidate& one : list.candidates)
        candidates.push_back(json::object{
            {"id", one.id}, {"name", one.name}, {"host", one.host}, {"port", one.port}});
    json::object out{{"candidates", candidates}};
    if (list.expected_size) out["expected_size"] = *list.expected_size;
    if (list.seed) out["seed"] = *list.seed;
    return out;
}

json::object answer(const DiscoveryResult<void>& result) {
    if (result.has_error()) return to_json(result.error());
    return {{"ok", true}};
}

json::object run(PeerDiscovery& discovery, const std::string& line) {
    const std::string command = line.substr(0, line.find(' '));
    if (command == "register") return answer(discovery.register_node());
    if (command == "unregister") return answer(discovery.unregister_node());
    if (command == "maintain") return answer(discovery.maintain());
    if (command == "lock") return answer(discovery.lock());
    if (command == "unlock") return answer(discovery.unlock());
    if (command == "about") {
        json::object out{
            {"name", discovery.name()},
            {"reports_all_nodes", discovery.reports_all_nodes()},
            {"supports_registration", discovery.supports_registration()},
            {"supports_lock", discovery.supports_lock()},
            {"supports_mark", discovery.supports_mark()}};
        if (discovery.maintenance_interval())
            out["maintenance_interval_ms"] = discovery.maintenance_interval()->count();
        return {{"ok", out}};
    }
    if (command == "list") {
        const DiscoveryResult<PeerList> list = discovery.list();
        if (list.has_error()) return to_json(list.error());
        return {{"ok", to_json(*list)}};
    }
    if (command == "create_mark") {
        const auto mark = discovery.create_mark(line.substr(command.size() + 1));
        if (mark.has_error()) return to_json(mark.error());
        return {{"ok", *mark}};
    }
    if (command == "read_mark") {
        const auto mark = discovery.read_mark();
        if (mark.has_error()) return to_json(mark.error());
        return {{"ok", *mark ? json::value(**mark) : json::value(nullptr)}};
    }
    return {{"failure", "unknown"}, {"message", line}};
}

/// Commands on their way from the reading thread to the one that runs them.
class Commands {
public:
    void add(std::string line) {
        const std::lock_guard lock{mutex_};
        lines_.push_back(std::move(line));
        changed_.notify_one();
    }
    std::string take() {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [&] { return !lines_.empty(); });
        std::string line = std::move(lines_.front());
        lines_.pop_front();
        return line;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::string> lines_;
};

struct Arguments {
    Self self{"id-1", "rabbit@localhost", "localhost", 25672, false};
    StringMap settings;
    StringMap environment;
};

Arguments arguments(int argc, char** argv) {
    Arguments out;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const std::size_t equals = word.find('=');
        if (word == "--long-names") {
            out.self.long_names = true;
        } else if (word.starts_with("--") && i + 1 < argc) {
            const std::string value = argv[++i];
            if (word == "--id") out.self.id = value;
            if (word == "--name") out.self.name = value;
            if (word == "--host") out.self.host = value;
            if (word == "--port") out.self.port = static_cast<std::uint16_t>(std::stoi(value));
        } else if (equals != std::string::npos) {
            out.settings[word.substr(0, equals)] = word.substr(equals + 1);
        }
    }
    for (char** entry = environ; entry && *entry; ++entry) {
        const std::string text = *entry;
        const std::size_t equals = text.find('=');
        if (equals != std::string::npos)
            out.environment[text.substr(0, equals)] = text.substr(equals + 1);
    }
    return out;
}

int main_of(int argc, char** argv) {
    const Arguments given = arguments(argc, argv);
    StderrLog log;
    const SystemClock clock;
    SystemRandom random;
    Result<std::unique_ptr<PeerDiscovery>> made =
        make_discovery(given.settings, {given.self, given.environment, log, clock, random});
    if (made.has_error()) {
        std::cerr << "discovery_probe: " << made.error().message << "\n";
        return 78;
    }
    PeerDiscovery& discovery = **made;
    Commands commands;
    std::thread reader{[&] {
        std::string line;
        while (std::getline(std::cin, line) && line != "quit") {
            if (line == "cancel")
                discovery.cancel();
            else
                commands.add(line);
        }
        commands.add("quit");
    }};
    for (std::string line = commands.take(); line != "quit"; line = commands.take())
        std::cout << json::serialize(run(discovery, line)) << std::endl;
    reader.join();
    return 0;
}

}  // namespace
}  // namespace lvt::discovery

int main(int argc, char** argv) { return lvt::discovery::main_of(argc, argv); }
