// BodyBudget: what bodies that have come in part may take of memory, over all connections of a broker.
//
// Above the limit connections with such a body are not read, but for one at a time, whose turn it is until its body is whole. So what is
// there gets finished and memory stays bounded. Who has the turn and keeps the others waiting without sending, or has so much on many
// channels that no turn is enough, is closed.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>

namespace lvt::broker {

class BodyBudget;

/// One connection's part. Its lane's thread, but for what the budget guards.
class BodyShare {
public:
    /// Null: unlimited.
    explicit BodyShare(BodyBudget* budget) : budget_(budget) {}
    ~BodyShare() { remove(bytes_); }
    BodyShare(const BodyShare&) = delete;
    BodyShare& operator=(const BodyShare&) = delete;

    void add(std::uint64_t bytes);
    void remove(std::uint64_t bytes);
    /// False where its socket must wait. on_room tells when to ask again.
    bool may_read() { return bytes_ == 0 || asks_to_read(); }
    /// It had its turn and did not use it.
    bool expelled() const { return expelled_.load(std::memory_order_relaxed); }

private:
    friend class BodyBudget;
    bool asks_to_read();

    BodyBudget* budget_;
    std::uint64_t bytes_ = 0;
    std::atomic<bool> expelled_{false};
};

/// Any thread.
class BodyBudget {
public:
    /// Looks without so much from the one whose turn it is, while others wait, end its turn and its connection.
    static constexpr int kPatienceLooks = 10;
    static constexpr std::uint64_t kProgressMin = 1024 * 1024;

    /// Above the limit a connection with more than `connection_bytes_max` is expelled too: bodies on many channels of it, none of which
    /// gets whole. `on_room`: connections that wait should ask again. Called on any thread, without locks of the budget.
    BodyBudget(
        std::uint64_t limit_bytes, std::uint64_t connection_bytes_max,
        std::function<void()> on_room)
        : limit_bytes_(limit_bytes),
          connection_bytes_max_(connection_bytes_max),
          on_room_(std::move(on_room)) {}

    std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
    /// Once a second.
    void look();

private:
    friend class BodyShare;
    void add(BodyShare& share, std::uint64_t bytes);
    void remove(BodyShare& share, std::uint64_t bytes);
    bool asks_to_read(BodyShare& share);

    const std::uint64_t limit_bytes_;
    const std::uint64_t connection_bytes_max_;
    const std::function<void()> on_room_;
    std::atomic<std::uint64_t> bytes_{0};

    std::mutex mutex_;
    // Guarded by mutex_.
    BodyShare* turn_ = nullptr;
    std::uint64_t progress_ = 0;  // of turn_ since the last looks began
    int looks_ = 0;
    bool any_waits_ = false;
};

}  // namespace lvt::broker
