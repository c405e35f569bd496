// `leveret ctl`: the client of the control socket. Speaks like rabbitmqctl and rabbitmq-diagnostics.
#pragma once

#include <ostream>

namespace lvt::broker {

/// True where argv[0] is named rabbitmqctl, rabbitmq-diagnostics, rabbitmq-plugins or rabbitmq-queues: the binary then
/// acts as `leveret ctl`.
[[nodiscard]] bool acts_as_ctl(const char* argv0);

/// Runs one verb and returns the process's exit code (0, 64 usage, 69 no node, 70 failed, ...). `argv[0]` is the
/// program's name or "ctl"; the verb and its options follow. Writes to stdout and stderr.
[[nodiscard]] int run_ctl(int argc, const char* const* argv);

/// The same, to these streams.
[[nodiscard]] int run_ctl(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace lvt::broker
