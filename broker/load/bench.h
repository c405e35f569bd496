// `leveret bench`: a load tool for any AMQP 0-9-1 broker.
#pragma once

namespace lvt::broker {

/// argv[0] is the verb, the options follow. Prints its report to standard output and answers the process's
/// exit code: 0 all well, 1 something was lost, reordered or duplicated, 2 the run failed. Starts a thread for each connection
/// and ends them; SIGPIPE is not raised.
int run_bench(int argc, const char* const* argv);

}  // namespace lvt::broker
