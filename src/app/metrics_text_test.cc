#include "app/metrics_text.h"

#include <gtest/gtest.h>

namespace chronos::app {
namespace {

TEST(MetricsText, ValuesLabelsAndHistogramsAreReadBack) {
    const auto metrics = Metrics::parse(
        "# HELP x what\n# TYPE x counter\nx 3\n"
        "r{route=\"/a\",status=\"200\"} 2\nr{route=\"/a\",status=\"500\"} 1\nr{route=\"a \\\"b\\\" \\\\\"} 4\n"
        "d_bucket{le=\"0.001\"} 1\nd_bucket{le=\"0.01\"} 9\nd_bucket{le=\"+Inf\"} 10\nd_sum 0.5\nd_count 10\n");
    ASSERT_TRUE(metrics.ok()) << metrics.error().message;
    EXPECT_EQ(metrics->value("x"), 3);
    EXPECT_EQ(metrics->value("y"), 0);
    const auto routes = metrics->by_label("r", "route");
    EXPECT_EQ(routes.at("/a"), 3);
    EXPECT_EQ(routes.at("a \"b\" \\"), 4);
    const Histogram histogram = metrics->histogram("d");
    EXPECT_EQ(histogram.count(), 10);
    EXPECT_EQ(histogram.quantile(0.1), 0.001);
    EXPECT_EQ(histogram.quantile(0.5), 0.01);
    EXPECT_EQ(histogram.quantile(0.99), 0.01) << "beyond the last bound";
    Histogram before = histogram;
    EXPECT_EQ(histogram.since(before).count(), 0);
    before.buckets = {{0.001, 1}, {0.01, 1}, {before.buckets.back().first, 1}};
    EXPECT_EQ(histogram.since(before).count(), 9);
    EXPECT_EQ(Histogram().quantile(0.5), 0);
}

TEST(MetricsText, WhatIsNoMetricIsSaid) {
    for (const char* text : {"x", "x y\n", "x{a=\"b\" 3\n", "x{a=\"b} 3\n", "{} 3\n"})
        EXPECT_FALSE(Metrics::parse(text).ok()) << text;
}

}  // namespace
}  // namespace chronos::app
