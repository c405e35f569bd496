// LoadRun: connects, declares, lets producers and consumers run, watches them, and sums up.
#pragma once

#include "broker/load/consumer.h"
#include "broker/load/load_plan.h"
#include "broker/load/producer.h"
#include "broker/load/run_report.h"

#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace lvt::broker::load {

/// Used once, by one thread; starts a thread for each connection.
class LoadRun {
public:
    explicit LoadRun(const LoadOptions& options);
    ~LoadRun();

    RunReport run();

private:
    /// What is read of server and machine when the clock starts.
    struct Baseline {
        std::uint64_t ns = 0;
        std::uint64_t tool_cpu_ns = 0;
        CpuSample cpu;
        MachineSample machine;
    };

    Result<void> prepare();
    Result<void> prepare_producers();
    Result<void> prepare_consumers();
    Result<void> begin();
    void watch();
    void watch_memory();
    bool producers_done() const;
    std::uint64_t published() const;
    std::uint64_t consumed() const;
    bool time_for_consumers_is_over(std::uint64_t now_ns) const;
    void end();
    void join();

    void sum_up();
    void sum_up_producers();
    void sum_up_consumers();
    void sum_up_checks();
    void sum_up_cost();

    LoadOptions options_;
    LoadPlan plan_;
    std::uint8_t run_;
    RunControl control_;
    std::optional<ClientConnection> admin_;
    std::vector<std::unique_ptr<Producer>> producers_;
    std::vector<std::unique_ptr<Consumer>> consumers_;
    std::vector<std::thread> threads_;
    Baseline baseline_;
    RunReport report_;
};

}  // namespace lvt::broker::load
