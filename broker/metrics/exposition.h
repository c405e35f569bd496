// Exposition: metrics in Prometheus' text format, version 0.0.4.
//
//   # HELP rabbitmq_queues Queues available
//   # TYPE rabbitmq_queues gauge
//   rabbitmq_queues{label="value"} 3
#pragma once

#include "protocol/base/bytes.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lvt::broker {

enum class MetricType : std::uint8_t { counter, gauge, histogram, untyped };

/// `name="value",`, with the value escaped and made proper Unicode; labels are written one behind the other.
std::string label(std::string_view name, ByteView value);

/// Families may be filled in any order; each comes out in one piece, in the order in which they were begun.
class Exposition {
public:
    using Family = std::size_t;

    /// `prefix`: of all names, "rabbitmq_".
    explicit Exposition(std::string prefix) : prefix_(std::move(prefix)) {}

    /// Without samples it comes out with its help alone. `name` without the prefix.
    Family family(std::string_view name, MetricType type, std::string_view help);
    /// `labels`: as label() made them; the comma at their end is left out. `suffix`: behind the family's name.
    void add(
        Family family, std::uint64_t value, std::string_view labels = {},
        std::string_view suffix = {});
    void add(Family family, double value, std::string_view labels = {});
    /// A family with one sample.
    template <class Value>
    void single(std::string_view name, MetricType type, std::string_view help, Value value) {
        add(family(name, type, help), value);
    }

    std::string text() &&;
    /// How many samples there are.
    std::size_t size() const { return size_; }

private:
    struct Lines {
        std::string name;
        std::string text;
    };
    void begin(Lines& lines, std::string_view labels, std::string_view suffix);

    std::string prefix_;
    std::vector<Lines> families_;
    std::size_t size_ = 0;
};

}  // namespace lvt::broker
