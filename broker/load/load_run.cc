#include "broker/load/load_run.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>

namespace lvt::broker::load {
namespace {

constexpr auto kWatchInterval = std::chrono::milliseconds(5);
constexpr int kWatchesPerMemorySample = 10;

std::uint64_t own_cpu_ns() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto ns = [](const timeval& time) {
        return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000u +
               static_cast<std::uint64_t>(time.tv_usec) * 1'000u;
    };
    return ns(usage.ru_utime) + ns(usage.ru_stime);
}

std::uint64_t ticks_to_ns(std::uint64_t ticks) {
    return ticks * 1'000'000'000u / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
}

double seconds_between(std::uint64_t begin_ns, std::uint64_t end_ns) {
    return end_ns > begin_ns ? static_cast<double>(end_ns - begin_ns) / 1e9 : 0;
}

}  // namespace

LoadRun::LoadRun(const LoadOptions& options)
    : options_(options),
      plan_(options),
      run_(static_cast<std::uint8_t>(monotonic_ns() >> 20)),
      control_(options.consumers) {}

LoadRun::~LoadRun() { join(); }

RunReport LoadRun::run() {
    Result<void> prepared = prepare();
    if (!prepared.has_error()) prepared = begin();
    if (prepared.has_error()) {
        report_.errors.push_back(prepared.error().message);
        control_.abandon = true;
        control_.start.count_down();
        join();
        return std::move(report_);
    }
    watch();
    end();
    sum_up();
    return std::move(report_);
}

Result<void> LoadRun::prepare() {
    Result<ClientConnection> admin = ClientConnection::open(options_.url, "leveret bench");
    if (admin.has_error()) return std::move(admin).error();
    admin_.emplace(std::move(*admin));
    report_.server = admin_->server();
    LVT_TRY(admin_->open_channel(1));
    if (options_.declare != Declare::none) LVT_TRY(plan_.declare(*admin_));
    LVT_TRY(prepare_consumers());
    return prepare_producers();
}

Result<void> LoadRun::prepare_consumers() {
    for (std::uint32_t c = 0; c < options_.consumers; ++c) {
        Result<ClientConnection> connection =
            ClientConnection::open(options_.url, fmt::format("leveret bench consumer {}", c));
        if (connection.has_error()) return std::move(connection).error();
        std::vector<Consumer::Source> sources;
        for (const std::uint32_t queue : plan_.queues_of_consumer(c)) {
            sources.push_back({queue, plan_.queue_name(queue)});
        }
        consumers_.push_back(std::make_unique<Consumer>(
            options_, std::move(sources), run_, std::move(*connection), control_));
        LVT_TRY(consumers_.back()->prepare());
    }
    return {};
}

Result<void> LoadRun::prepare_producers() {
    for (std::uint32_t p = 0; p < options_.producers; ++p) {
        Result<ClientConnection> connection =
            ClientConnection::open(options_.url, fmt::format("leveret bench producer {}", p));
        if (connection.has_error()) return std::move(connection).error();
        PublishFramesOptions frames;
        frames.exchange = options_.exchange;
        frames.body_bytes = options_.body_bytes;
        frames.persistent = options_.persistent;
        frames.frame_max = connection->frame_max();
        frames.run = run_;
        const std::uint64_t share = options_.messages / options_.producers;
        const bool takes_rest = p < options_.messages % options_.producers;
        producers_.push_back(std::make_unique<Producer>(
            options_,
            PublishFrames(frames, plan_.destinations(p)),
            share + (takes_rest ? 1 : 0),
            std::move(*connection),
            control_));
        LVT_TRY(producers_.back()->prepare());
    }
    return {};
}

Result<void> LoadRun::begin() {
    for (const auto& consumer : consumers_) {
        threads_.emplace_back([worker = consumer.get()] { worker->run(); });
    }
    for (const auto& producer : producers_) {
        threads_.emplace_back([worker = producer.get()] { worker->run(); });
    }
    control_.consumers_ready.wait();
    if (options_.server_pid > 0) {
        Result<CpuSample> cpu = sample_cpu(options_.server_pid);
        if (cpu.has_error()) return std::move(cpu).error();
        Result<MemorySample> memory = sample_memory(options_.server_pid);
        if (memory.has_error()) return std::move(memory).error();
        baseline_.cpu = *cpu;
        report_.cost.emplace();
        report_.cost->memory_start = report_.cost->memory_peak = *memory;
    }
    baseline_.machine = sample_machine();
    baseline_.tool_cpu_ns = own_cpu_ns();
    baseline_.ns = monotonic_ns();
    control_.start.count_down();
    return {};
}

void LoadRun::watch() {
    std::uint64_t last_count = 0;
    std::uint64_t last_move_ns = monotonic_ns();
    const auto patience = static_cast<std::uint64_t>(options_.drain_timeout_seconds * 1e9);
    for (int i = 0; !control_.abandon; ++i) {
        (void)control_.worker_ended.try_acquire_for(kWatchInterval);
        if (i % kWatchesPerMemorySample == 0) watch_memory();
        const std::uint64_t now = monotonic_ns();
        const std::uint64_t count = published() + consumed();
        if (count != last_count) last_move_ns = now;
        last_count = count;
        const bool stuck = now - last_move_ns > patience && options_.rate == 0;
        if (!producers_done()) {
            if (!stuck) continue;
            report_.errors.push_back("the server takes no more messages");
            control_.abandon = true;
            return;
        }
        if (consumers_.empty() || time_for_consumers_is_over(now)) return;
        if (options_.drain && now - last_move_ns > patience) return;
    }
}

bool LoadRun::time_for_consumers_is_over(std::uint64_t now_ns) const {
    if (producers_.empty()) {
        const bool enough = options_.messages > 0 && consumed() >= options_.messages;
        const bool late =
            options_.seconds > 0 && seconds_between(baseline_.ns, now_ns) >= options_.seconds;
        return enough || late;
    }
    return !options_.drain || consumed() >= published() * plan_.copies();
}

void LoadRun::watch_memory() {
    if (!report_.cost) return;
    const Result<MemorySample> memory = sample_memory(options_.server_pid);
    if (memory.has_error()) return;
    MemorySample& peak = report_.cost->memory_peak;
    peak.anonymous_kb = std::max(peak.anonymous_kb, memory->anonymous_kb);
    peak.resident_kb = std::max(peak.resident_kb, memory->resident_kb);
}

bool LoadRun::producers_done() const {
    return std::all_of(producers_.begin(), producers_.end(), [](const auto& producer) {
        return producer->progress().done.load();
    });
}

std::uint64_t LoadRun::published() const {
    std::uint64_t sum = 0;
    for (const auto& producer : producers_) sum += producer->progress().get();
    return sum;
}

std::uint64_t LoadRun::consumed() const {
    std::uint64_t sum = 0;
    for (const auto& consumer : consumers_) sum += consumer->progress().get();
    return sum;
}

void LoadRun::end() {
    control_.stop_consuming = true;
    join();
    sum_up_cost();
    if (options_.keep || options_.declare == Declare::none) return;
    if (Result<void> removed = plan_.remove(*admin_); removed.has_error()) {
        report_.errors.push_back(removed.error().message);
    }
}

void LoadRun::join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

void LoadRun::sum_up() {
    sum_up_producers();
    sum_up_consumers();
    if (options_.checked()) sum_up_checks();
}

void LoadRun::sum_up_producers() {
    std::uint64_t last = baseline_.ns;
    for (const auto& producer : producers_) {
        if (producer->outcome().has_error()) {
            report_.errors.push_back("producer: " + producer->outcome().error().message);
        }
        report_.published += producer->progress().get();
        report_.confirmed += producer->confirmed();
        report_.nacked += producer->nacked();
        report_.confirm_latency.merge(producer->confirm_latency());
        last = std::max(last, producer->last_sent_ns());
    }
    report_.publish_seconds = seconds_between(baseline_.ns, last);
}

void LoadRun::sum_up_consumers() {
    std::uint64_t last = baseline_.ns;
    for (const auto& consumer : consumers_) {
        if (consumer->outcome().has_error()) {
            report_.errors.push_back("consumer: " + consumer->outcome().error().message);
        }
        report_.consumed += consumer->progress().get();
        report_.redelivered += consumer->redelivered();
        report_.latency.merge(consumer->latency());
        last = std::max(last, consumer->last_ns());
    }
    report_.consume_seconds = seconds_between(baseline_.ns, last);
}

void LoadRun::sum_up_checks() {
    std::map<std::uint32_t, SequenceCheck> by_queue;
    for (const auto& consumer : consumers_) {
        consumer->for_each_check(
            [&](std::uint32_t queue, const SequenceCheck& check) { by_queue[queue].merge(check); });
    }
    for (const auto& [queue, check] : by_queue) {
        report_.reordered += check.reordered();
        report_.duplicated += check.duplicated();
    }
    if (!options_.drain || consumers_.empty()) return;
    std::uint64_t missing = 0;
    for (std::size_t s = 0; s < plan_.streams().size(); ++s) {
        const Stream& stream = plan_.streams()[s];
        const auto& published = producers_[stream.producer]->published();
        for (const auto& [queue, check] : by_queue) {
            if (plan_.copies() == 1 && queue != stream.queue) continue;
            const std::uint64_t wanted = s < published.size() ? published[s] : 0;
            const std::uint64_t came = check.distinct(static_cast<std::uint16_t>(s));
            missing += wanted - std::min(wanted, came);
        }
    }
    report_.lost = missing - std::min(missing, report_.nacked * plan_.copies());
}

void LoadRun::sum_up_cost() {
    report_.tool_cpu_ns = own_cpu_ns() - baseline_.tool_cpu_ns;
    const MachineSample machine = sample_machine();
    const std::uint64_t all = machine.all_ticks - baseline_.machine.all_ticks;
    const std::uint64_t steal = machine.steal_ticks - baseline_.machine.steal_ticks;
    if (all > 0)
        report_.steal_percent = 100.0 * static_cast<double>(steal) / static_cast<double>(all);
    if (!report_.cost) return;
    const Result<CpuSample> cpu = sample_cpu(options_.server_pid);
    const Result<MemorySample> memory = sample_memory(options_.server_pid);
    if (cpu.has_error() || memory.has_error()) {
        report_.errors.push_back("the server's process is gone");
        return;
    }
    ServerCost& cost = *report_.cost;
    cost.user_ns = ticks_to_ns(cpu->user_ticks - baseline_.cpu.user_ticks);
    cost.system_ns = ticks_to_ns(cpu->system_ticks - baseline_.cpu.system_ticks);
    const bool threads_ended = cpu->on_cpu_ns < baseline_.cpu.on_cpu_ns;
    cost.cpu_ns =
        threads_ended ? cost.user_ns + cost.system_ns : cpu->on_cpu_ns - baseline_.cpu.on_cpu_ns;
    cost.memory_end = *memory;
    watch_memory();
}

}  // namespace lvt::broker::load
