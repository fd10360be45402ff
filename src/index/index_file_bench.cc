// Speed of index files on one thread, on the disk of the temporary folder.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "index/index_file.h"
#include "index/made_up_log.h"
#include "io/posix/posix_file_system.h"
#include "io/sim/prng.h"

namespace chronos::index {
namespace {

constexpr std::uint64_t kEvents = 1'000'000;
constexpr std::uint64_t kEntities = 100'000;
constexpr std::size_t kParts = 8;

/// A million events of a hundred thousand entities, half with ids; in one file, and in eight.
class World {
public:
    static const World& get() {
        static const World world;
        return world;
    }
    World() : cache_(std::uint64_t{1} << 30) {
        std::string pattern = (std::filesystem::temp_directory_path() / "chronos-bench-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) std::abort();
        directory_ = pattern;
        for (std::size_t i = 0; i < kParts; ++i) {
            const std::string path = write_index_file(files_, directory_, Uuid(), log_.content(i, i + 1)).value();
            parts_.push_back(IndexFile::open(files_, cache_, path, Uuid()).value());
        }
        const std::string path = write_index_file(files_, directory_, Uuid(), content_).value();
        whole_ = IndexFile::open(files_, cache_, path, Uuid()).value();
    }
    ~World() {
        whole_.reset();
        parts_.clear();
        std::filesystem::remove_all(directory_);
    }
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    [[nodiscard]] const IndexContent::Dictionary& entities() const { return content_.dictionaries[0]; }

    mutable io::PosixFileSystem files_;
    cache::ImageCache cache_;
    const MadeUpLog log_{{.segment_sizes = std::vector<std::uint64_t>(kParts, kEvents / kParts),
                          .entity_count = kEntities,
                          .branch_count = 1,
                          .has_long_keys = false}};
    const IndexContent content_ = log_.content(0, kParts);
    std::string directory_;
    std::shared_ptr<IndexFile> whole_;
    std::vector<std::shared_ptr<IndexFile>> parts_;
};

void count_events(benchmark::State& state, std::uint64_t bytes_per_turn) {
    state.SetItemsProcessed(static_cast<std::int64_t>(static_cast<std::uint64_t>(state.iterations()) * kEvents));
    state.SetBytesProcessed(static_cast<std::int64_t>(static_cast<std::uint64_t>(state.iterations()) * bytes_per_turn));
}

void write_file(benchmark::State& state) {
    const World& world = World::get();
    for (auto _ : state)
        benchmark::DoNotOptimize(write_index_file(world.files_, world.directory_, Uuid(), world.content_).ok());
    count_events(state, world.whole_->file_size());
}
BENCHMARK(write_file)->Unit(benchmark::kMillisecond);

void merge_eight(benchmark::State& state) {
    const World& world = World::get();
    for (auto _ : state)
        benchmark::DoNotOptimize(
            merge_index_files(world.files_, world.directory_, Uuid(), world.parts_, [] { return Status(); }).ok());
    count_events(state, world.whole_->file_size());
}
BENCHMARK(merge_eight)->Unit(benchmark::kMillisecond);

void open_file(benchmark::State& state) {
    const World& world = World::get();
    cache::ImageCache cache(1 << 20);
    for (auto _ : state)
        benchmark::DoNotOptimize(IndexFile::open(world.files_, cache, world.whole_->path(), Uuid()).ok());
}
BENCHMARK(open_file)->Unit(benchmark::kMicrosecond);

void find_warm(benchmark::State& state) {
    const World& world = World::get();
    std::size_t i = 0;
    for (auto _ : state) {
        i = (i + 7919) % world.entities().keys.size();
        const IndexedKey& key = world.entities().keys[i];
        benchmark::DoNotOptimize(world.whole_->find(KeyKind::kEntity, key.hash, key.branch, key.key).value());
    }
}
BENCHMARK(find_warm);

void find_and_read_last_ten_warm(benchmark::State& state) {
    const World& world = World::get();
    std::array<std::uint64_t, 10> seqs{};
    std::size_t i = 0;
    for (auto _ : state) {
        i = (i + 7919) % world.entities().keys.size();
        const IndexedKey& key = world.entities().keys[i];
        const FileList list = *world.whole_->find(KeyKind::kEntity, key.hash, key.branch, key.key).value();
        const std::uint32_t count = std::min(list.count, 10U);
        benchmark::DoNotOptimize(
            world.whole_->read(KeyKind::kEntity, list, list.count - count, std::span(seqs).first(count)).ok());
    }
}
BENCHMARK(find_and_read_last_ten_warm);

void find_misses(benchmark::State& state) {
    const World& world = World::get();
    io::Prng prng(1);
    for (auto _ : state) benchmark::DoNotOptimize(world.whole_->find(KeyKind::kEntity, prng.next(), 0, "none").value());
}
BENCHMARK(find_misses);

void locate_32_warm(benchmark::State& state) {
    const World& world = World::get();
    io::Prng prng(1);
    std::array<std::uint64_t, 32> seqs{};
    std::array<std::uint32_t, 32> offsets{};
    std::array<std::uint32_t, 32> places{};
    for (auto _ : state) {
        for (std::uint64_t& seq : seqs) seq = world.whole_->begin_seq() + prng.below(kEvents);
        benchmark::DoNotOptimize(world.whole_->locate(seqs, offsets.data(), places.data()).ok());
    }
}
BENCHMARK(locate_32_warm);

void count_below_in_a_long_list(benchmark::State& state) {
    const World& world = World::get();
    const IndexedKey& key = world.content_.dictionaries[static_cast<std::size_t>(KeyKind::kType)].keys.front();
    const FileList list = *world.whole_->find(KeyKind::kType, key.hash, key.branch, key.key).value();
    io::Prng prng(1);
    for (auto _ : state)
        benchmark::DoNotOptimize(
            world.whole_->count_below(KeyKind::kType, list, world.whole_->begin_seq() + prng.below(kEvents)).value());
}
BENCHMARK(count_below_in_a_long_list);

void id_that_is_there(benchmark::State& state) {
    const World& world = World::get();
    std::size_t i = 0;
    for (auto _ : state) {
        i = (i + 7919) % world.content_.ids.size();
        std::uint64_t found = 0;
        benchmark::DoNotOptimize(world.whole_
                                     ->for_each_id(world.content_.ids[i].hash,
                                                   [&](std::uint64_t seq) {
                                                       found = seq;
                                                       return true;
                                                   })
                                     .ok());
        benchmark::DoNotOptimize(found);
    }
}
BENCHMARK(id_that_is_there);

void id_that_is_not_there(benchmark::State& state) {
    const World& world = World::get();
    io::Prng prng(99);
    for (auto _ : state)
        benchmark::DoNotOptimize(world.whole_->for_each_id(prng.next(), [](std::uint64_t) { return true; }).ok());
}
BENCHMARK(id_that_is_not_there);

void walk_over_all_keys(benchmark::State& state) {
    const World& world = World::get();
    constexpr auto kKind = KeyKind::kCorrelation;  // the most
    for (auto _ : state) {
        std::uint64_t events = 0;
        const Status walked = world.whole_->for_each_key(kKind, [&](const IndexFile::KeyEntry& entry) {
            events += entry.list.count;
            return true;
        });
        benchmark::DoNotOptimize(walked.ok());
        benchmark::DoNotOptimize(events);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(world.whole_->key_count(kKind)));
}
BENCHMARK(walk_over_all_keys)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace chronos::index
