// formation_soak [SEEDS [FIRST-SEED [THREADS]]]: clusters that form under all that may go wrong, seed after seed. Prints the seed of what fails.
#include "tests/cluster/node/formation_simulation.h"

#include <atomic>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <mutex>
#include <thread>

namespace {

using namespace lvt::cluster;

class Soak {
public:
    Soak(std::uint64_t first, std::uint64_t seeds) : next_(first), end_(first + seeds) {}

    void run() {
        for (std::uint64_t seed = next_++; seed < end_ && !failed_; seed = next_++) {
            const FormationSimulationOptions options{
                seed,
                1 + static_cast<unsigned>(seed / kWorlds % 7),
                static_cast<World>(seed % kWorlds),
                3000 + seed % 17'000};
            FormationSimulation simulation(options);
            try {
                simulation.run();
            } catch (const std::exception& failure) {
                const std::lock_guard lock(mutex_);
                std::cout << "FAILED seed " << seed << ": " << failure.what() << "\n";
                failed_ = true;
            }
            const std::lock_guard lock(mutex_);
            ++done_;
            clusters_ += simulation.counts().clusters;
            torn_ += simulation.counts().torn;
            resumed_ += simulation.counts().resumed;
            messages_ += simulation.counts().messages;
        }
    }

    int report() const {
        std::cout << done_ << " seeds: " << messages_ << " messages, " << torn_ << " torn votes, "
                  << resumed_ << " foundings taken up by another node, " << clusters_
                  << " clusters, never two\n";
        return failed_ ? 1 : 0;
    }

private:
    std::atomic<std::uint64_t> next_;
    const std::uint64_t end_;
    std::atomic<bool> failed_{false};
    std::mutex mutex_;
    std::uint64_t done_ = 0;
    std::uint64_t clusters_ = 0;
    std::uint64_t torn_ = 0;
    std::uint64_t resumed_ = 0;
    std::uint64_t messages_ = 0;
};

std::uint64_t argument(int argc, char** argv, int i, std::uint64_t otherwise) {
    return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
    Soak soak(argument(argc, argv, 2, 1), argument(argc, argv, 1, 100'000));
    std::vector<std::thread> threads;
    for (std::uint64_t i = argument(argc, argv, 3, 2); i > 0; --i)
        threads.emplace_back([&soak] { soak.run(); });
    for (std::thread& thread : threads) thread.join();
    return soak.report();
}
