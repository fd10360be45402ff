// Speed of the hot paths of src/json, on one thread.
//
// Build, in the root of the repository:
//     g++ -O2 -std=c++20 -I include -I src $(ls src/json/*.cc | grep -v _test)
//         -lbenchmark_main -lbenchmark -lpthread
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "json/merge_tree.h"
#include "json/pointer.h"
#include "json/validate.h"

namespace chronos::json {
namespace {

constexpr std::size_t kTextCount = 2000;

/// Order-like payloads that differ in keys, kinds of values and sizes, so that nothing learns them
/// by heart.
std::vector<std::string> make_payloads() {
    std::mt19937 random(1);
    const auto number = [&random](unsigned below) { return std::to_string(random() % below); };
    std::vector<std::string> payloads;
    for (std::size_t i = 0; i < kTextCount; ++i) {
        std::string text = R"({"order_id":"ord-)" + number(1'000'000) + R"(","total_cents":)" + number(200'000);
        if (random() % 2 == 0) text += R"(,"customer":{"id":"cus-)" + number(9999) + R"(","name":"Ada Lovelace"})";
        if (random() % 2 == 0) text += R"(,"currency":"EUR","rate":0.)" + number(99);
        if (random() % 2 == 0) text += R"(,"items":[{"sku":"A-)" + number(99) + R"(","count":)" + number(9) + "}]";
        if (random() % 2 == 0) text += R"(,"note":")" + std::string(random() % 60, 'x') + '"';
        if (random() % 2 == 0) text += R"(,"paid":true,"coupon":null)";
        payloads.push_back(text + R"(,"status":"open"})");
    }
    return payloads;
}

template <typename Work>
void run(benchmark::State& state, const std::vector<std::string>& texts, Work work) {
    std::size_t bytes = 0;
    std::size_t i = 0;
    for (auto _ : state) {
        const std::string& text = texts[i++ % texts.size()];
        bytes += text.size();
        benchmark::DoNotOptimize(work(text));
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

void validate(benchmark::State& state) {
    run(state, make_payloads(), [](const std::string& text) { return validate_json(text).ok(); });
}
BENCHMARK(validate);

void match_three_predicates(benchmark::State& state) {
    const PredicateSet set =
        *PredicateSet::create({*CompiledPredicate::compile("/total_cents", Operator::kGreater, "1000"),
                               *CompiledPredicate::compile("/customer/name", Operator::kContains, "\"Love\""),
                               *CompiledPredicate::compile("/status", Operator::kEqual, "\"open\"")});
    run(state, make_payloads(), [&set](const std::string& text) { return set.matches(text); });
}
BENCHMARK(match_three_predicates);

/// Folds 1000 payloads of `range` flat fields each; the time is for one field.
void fold(benchmark::State& state) {
    const auto field_count = static_cast<std::size_t>(state.range(0));
    std::mt19937 random(1);
    std::vector<std::string> payloads;
    for (int i = 0; i < 1000; ++i) {
        std::string text;
        for (std::size_t field = 0; field < field_count; ++field) {
            text += (field == 0 ? "{\"field_" : ",\"field_") + std::to_string((field * 3 + random() % 3) % 60);
            text += "_" + std::to_string(field) + "\":\"" + std::string(random() % 24, 'v') + '"';
        }
        payloads.push_back(text + "}");
    }
    std::size_t fields = 0;
    for (auto _ : state) {
        MergeTree tree;
        for (const std::string& payload : payloads) {
            benchmark::DoNotOptimize(tree.apply(payload, 1, FoldKind::kMergePatch).ok());
        }
        fields += payloads.size() * field_count;
    }
    state.counters["per_field"] =
        benchmark::Counter(static_cast<double>(fields), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(fold)->Arg(5)->Arg(20);

}  // namespace
}  // namespace chronos::json
