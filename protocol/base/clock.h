// Time comes in from outside: nothing below net and app asks the operating system for it.
#pragma once

#include <chrono>
#include <cstdint>

namespace lvt {

using Milliseconds = std::chrono::milliseconds;

/// One reading of both clocks, taken once a turn and handed to everything in it.
struct Time {
    /// Monotonic, since an arbitrary start: for intervals and deadlines.
    Milliseconds monotonic{0};
    /// Since 1970-01-01 UTC: for what is stored or shown.
    Milliseconds wall{0};
};

class Clock {
public:
    virtual ~Clock() = default;
    /// Any thread.
    virtual Time now() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
public:
    Time now() const override;
};

/// A clock that a test moves.
class ManualClock final : public Clock {
public:
    Time now() const override { return time_; }
    void advance(Milliseconds by) {
        time_.monotonic += by;
        time_.wall += by;
    }

private:
    Time time_{Milliseconds{1'000'000}, Milliseconds{1'700'000'000'000}};
};

}  // namespace lvt
