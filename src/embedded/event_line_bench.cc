// Speed of reading events as lines of JSON, on one thread.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "embedded/event_line.h"

namespace chronos::embedded {
namespace {

std::vector<std::string> make_lines() {
    std::vector<std::string> lines;
    for (int i = 0; i < 2000; ++i) {
        lines.push_back(R"({"entity_id":"order-)" + std::to_string(i % 97) +
                        R"(","event_type":"OrderPlaced","payload":{"total_cents":)" +
                        std::to_string(i * 7919 % 200'000) + R"(,"note":")" +
                        std::string(static_cast<std::size_t>(i * 31 % 60), 'x') +
                        R"("},"tags":["web"],"occurred_at":"2024-05-01T12:00:00Z"})");
    }
    return lines;
}

void parse_event_line(benchmark::State& state) {
    const std::vector<std::string> lines = make_lines();
    EventLineParser parser;
    std::size_t bytes = 0;
    std::size_t i = 0;
    for (auto _ : state) {
        const std::string& line = lines[i++ % lines.size()];
        bytes += line.size();
        benchmark::DoNotOptimize(parser.parse(line).ok());
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(parse_event_line);

}  // namespace
}  // namespace chronos::embedded
