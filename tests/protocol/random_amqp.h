// Random AMQP values for property tests. `--gtest_random_seed=N` picks the seed; a failing case prints it.
#pragma once

#include <string>

#include "protocol/amqp/method.h"
#include "protocol/amqp/properties.h"
#include "protocol/amqp/table.h"
#include "protocol/base/random.h"

namespace lvt::amqp {

/// The seed of this run: 1 where none is asked for.
std::uint64_t test_seed();

/// "seed 7, round 12", for SCOPED_TRACE.
std::string trace(std::uint64_t seed, int round);

class RandomAmqp {
public:
    explicit RandomAmqp(std::uint64_t seed) : random_(seed) {}

    /// 0 .. limit - 1.
    std::size_t below(std::size_t limit) { return random_.next() % limit; }
    bool coin() { return below(2) == 0; }
    std::uint64_t integer() { return random_.next() >> below(64); }
    /// Any octets, fewer than `limit`.
    Bytes octets(std::size_t limit) { return random_.bytes(below(limit)); }

    /// One value of any of the tags, tables and arrays to `depth` levels.
    void append_value(Bytes& out, int depth);
    Table table(int depth = 3);
    /// In wire form.
    Bytes properties();
    /// The alternative of that index with random contents.
    Method method(std::size_t index);
    Method method() { return method(below(std::variant_size_v<Method>)); }

    void fill(bool& field) { field = coin(); }
    void fill(Bytes& field) { field = octets(coin() ? 8 : 256); }
    void fill(Table& field) { field = table(); }
    template <std::unsigned_integral T>
    void fill(T& field) {
        field = static_cast<T>(integer());
    }

private:
    SeededRandom random_;
};

}  // namespace lvt::amqp
