#include "broker/metrics/exposition.h"

#include <gtest/gtest.h>

namespace lvt::broker {
namespace {

TEST(Exposition, FamiliesComeOutInOnePieceInTheirOrder) {
    Exposition out("x_");
    const auto first = out.family("a_total", MetricType::counter, "One");
    const auto second = out.family("b", MetricType::gauge, "Two");
    out.add(second, std::uint64_t{1});
    out.add(first, std::uint64_t{2}, label("k", "v") + label("l", "w"));
    out.add(second, 0.5, label("k", "v"));
    EXPECT_EQ(out.size(), 3u);
    EXPECT_EQ(
        std::move(out).text(),
        "# TYPE x_a_total counter\n# HELP x_a_total One\nx_a_total{k=\"v\",l=\"w\"} 2\n"
        "# TYPE x_b gauge\n# HELP x_b Two\nx_b 1\nx_b{k=\"v\"} 0.5\n");
}

TEST(Exposition, HistogramsHaveSuffixes) {
    Exposition out("x_");
    const auto sizes = out.family("s", MetricType::histogram, "Sizes");
    out.add(sizes, std::uint64_t{1}, label("le", "+Inf"), "_bucket");
    out.add(sizes, std::uint64_t{7}, {}, "_sum");
    EXPECT_EQ(
        std::move(out).text(),
        "# TYPE x_s histogram\n# HELP x_s Sizes\nx_s_bucket{le=\"+Inf\"} 1\nx_s_sum 7\n");
}

TEST(Exposition, LabelsAreEscapedAndUnicode) {
    EXPECT_EQ(label("q", "a\"b\\c\nd"), "q=\"a\\\"b\\\\c\\nd\",");
    EXPECT_EQ(label("q", "gr\xC3\xBC\xC3\x9F"), "q=\"gr\xC3\xBC\xC3\x9F\",");
    EXPECT_EQ(label("q", "\xFFx\xC3"), "q=\"\xEF\xBF\xBDx\xEF\xBF\xBD\",");
    EXPECT_EQ(label("q", "\xED\xA0\x80"), "q=\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\",");
}

}  // namespace
}  // namespace lvt::broker
