#include "broker/load/bench.h"

#include "broker/load/load_run.h"

#include <csignal>
#include <cstdio>

namespace lvt::broker {

int run_bench(int argc, const char* const* argv) {
    const std::variant<load::LoadOptions, int> parsed = load::parse_load_options(argc, argv);
    if (const int* code = std::get_if<int>(&parsed)) return *code;
    const auto& options = std::get<load::LoadOptions>(parsed);
    // A broker that closes a TLS connection is an error of that connection.
    std::signal(SIGPIPE, SIG_IGN);
    const load::RunReport report = load::LoadRun(options).run();
    const Bytes text = options.json ? to_json(report, options) : to_text(report, options);
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    return report.exit_code();
}

}  // namespace lvt::broker
