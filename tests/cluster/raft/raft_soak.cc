// raft_soak [SECONDS [FIRST-SEED [THREADS [GROUPS]]]]: simulations, seed after seed, on some threads, each with GROUPS of them alive
// at once. Meant for sanitizers; prints the seed of what fails, and what was done.
#include "tests/cluster/raft/simulation.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <mutex>
#include <thread>

namespace {

using namespace lvt::cluster;
using Clock = std::chrono::steady_clock;

class Soak {
public:
    Soak(std::uint64_t seconds, std::uint64_t first_seed)
        : until_(Clock::now() + std::chrono::seconds(seconds)), seed_(first_seed) {}

    void run(unsigned groups) {
        SimulationCounts counts;
        while (Clock::now() < until_ && !failed_) {
            std::vector<std::pair<SimulationOptions, std::unique_ptr<Simulation>>> alive;
            for (unsigned i = 0; i < groups; ++i) {
                const std::uint64_t seed = seed_++;
                const SimulationOptions options{
                    seed,
                    1 + 2 * static_cast<unsigned>(seed % 3),
                    1000 + seed % 5000,
                    seed % 4 != 0};
                alive.emplace_back(options, std::make_unique<Simulation>(options));
            }
            for (auto& [options, simulation] : alive) {
                if (Clock::now() >= until_ || !one(options, *simulation)) break;
                counts.add(simulation->counts());
            }
        }
        const std::lock_guard lock(mutex_);
        total_.add(counts);
    }

    int report(std::uint64_t first_seed) const {
        std::cout << done_ << " seeds from " << first_seed << ": " << total_.text() << "\n";
        return failed_ ? 1 : 0;
    }

private:
    bool one(const SimulationOptions& options, Simulation& simulation) {
        try {
            simulation.run();
            ++done_;
            return true;
        } catch (const std::exception& failure) {
            const std::lock_guard lock(mutex_);
            std::cout << "FAILED seed " << options.seed << ", nodes " << options.nodes << ", chaos "
                      << options.chaos_ms << " ms, membership " << options.membership << ": "
                      << failure.what() << "\n";
            failed_ = true;
            return false;
        }
    }

    const Clock::time_point until_;
    std::atomic<std::uint64_t> seed_;
    std::atomic<std::uint64_t> done_{0};
    std::atomic<bool> failed_{false};
    std::mutex mutex_;
    SimulationCounts total_;
};

std::uint64_t argument(int argc, char** argv, int i, std::uint64_t otherwise) {
    return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t first_seed = argument(argc, argv, 2, 1);
    Soak soak(argument(argc, argv, 1, 60), first_seed);
    const auto groups = static_cast<unsigned>(argument(argc, argv, 4, 10));
    std::vector<std::thread> threads;
    for (std::uint64_t i = argument(argc, argv, 3, 2); i > 0; --i)
        threads.emplace_back([&soak, groups] { soak.run(groups); });
    for (std::thread& thread : threads) thread.join();
    return soak.report(first_seed);
}
