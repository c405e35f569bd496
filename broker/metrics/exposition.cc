#include "broker/metrics/exposition.h"

#include "protocol/base/utf8.h"

#include <fmt/format.h>

#include <iterator>

namespace lvt::broker {

namespace {

std::string_view name_of(MetricType type) {
    switch (type) {
        case MetricType::counter:
            return "counter";
        case MetricType::gauge:
            return "gauge";
        case MetricType::histogram:
            return "histogram";
        case MetricType::untyped:
            break;
    }
    return "untyped";
}

}  // namespace

std::string label(std::string_view name, ByteView value) {
    constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
    std::string out(name);
    out += "=\"";
    while (!value.empty()) {
        const std::size_t size = unicode_sequence_size(value);
        if (value.front() == '\\')
            out += "\\\\";
        else if (value.front() == '"')
            out += "\\\"";
        else if (value.front() == '\n')
            out += "\\n";
        else
            out += size == 0 ? kReplacement : value.substr(0, size);
        value.remove_prefix(size == 0 ? 1 : size);
    }
    return out += "\",";
}

Exposition::Family Exposition::family(
    std::string_view name, MetricType type, std::string_view help) {
    Lines& lines = families_.emplace_back();
    lines.name = prefix_ + std::string(name);
    lines.text = fmt::format("# TYPE {0} {1}\n# HELP {0} {2}\n", lines.name, name_of(type), help);
    return families_.size() - 1;
}

void Exposition::begin(Lines& lines, std::string_view labels, std::string_view suffix) {
    ++size_;
    lines.text += lines.name;
    lines.text += suffix;
    if (!labels.empty()) {
        labels.remove_suffix(1);
        lines.text += '{';
        lines.text += labels;
        lines.text += '}';
    }
    lines.text += ' ';
}

void Exposition::add(
    Family family, std::uint64_t value, std::string_view labels, std::string_view suffix) {
    Lines& lines = families_[family];
    begin(lines, labels, suffix);
    fmt::format_to(std::back_inserter(lines.text), "{}\n", value);
}

void Exposition::add(Family family, double value, std::string_view labels) {
    Lines& lines = families_[family];
    begin(lines, labels, {});
    fmt::format_to(std::back_inserter(lines.text), "{}\n", value);
}

std::string Exposition::text() && {
    std::size_t size = 0;
    for (const Lines& lines : families_) size += lines.text.size();
    std::string out;
    out.reserve(size);
    for (const Lines& lines : families_) out += lines.text;
    return out;
}

}  // namespace lvt::broker
