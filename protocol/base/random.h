// Randomness comes in from outside, so that a seed replays a run.
#pragma once

#include <cstdint>
#include <random>

#include "protocol/base/bytes.h"

namespace lvt {

class Random {
public:
    virtual ~Random() = default;
    virtual std::uint64_t next() = 0;

    /// `size` random octets.
    Bytes bytes(std::size_t size);
    /// 22 characters of base64url, 128 bits: the tail of RabbitMQ's generated names ("amq.gen-...").
    Bytes name();
};

/// Seeded: the same seed gives the same sequence. For tests and simulation.
class SeededRandom final : public Random {
public:
    explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
    std::uint64_t next() override { return engine_(); }

private:
    std::mt19937_64 engine_;
};

/// From the operating system's generator (getrandom). One thread.
class SystemRandom final : public Random {
public:
    std::uint64_t next() override;
};

}  // namespace lvt
