// Index files as an attacker would write them: nothing of one may crash the program or make it read
// where it must not.
//
// The first byte says what is done to the rest before it is opened; bit 0: its checksums are made
// right, so that what is wrong gets behind them; bit 1: its magics, version, database and filters
// are made right as well.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "fuzz/fuzz.h"
#include "index/hostile_index_file.h"
#include "index/index_file.h"
#include "io/sim/sim_file_system.h"

namespace {

using namespace chronos;
using namespace chronos::index;

constexpr std::uint8_t kMendChecksums = 1;
constexpr std::uint8_t kMendFrame = 2;
constexpr const char* kPath = "index/000001-000001.idx";

/// What every mutation of the frame would only make unreadable.
void mend_frame(std::span<std::byte> file) {
    if (file.size() < sizeof(IndexHead) + sizeof(IndexFooter)) return;
    base::store(file.data(), IndexHead{});
    const std::span<std::byte> end = file.last(sizeof(IndexFooter));
    auto footer = base::load<IndexFooter>(end.data());
    footer.magic = IndexFooter().magic;
    footer.database = Uuid();
    base::store(end.data(), footer);
    const auto layout = layout_of(footer);
    if (!layout || layout->file_size != file.size()) return;
    const std::uint64_t filters = layout->id_filter.offset;
    std::ranges::fill(file.subspan(filters, layout->batch_filter.end() - filters), std::byte{0xFF});
}

}  // namespace

/// Whole files stand in the corpus.
chronos::fuzz::Seeds chronos::fuzz::seeds() { return {{"nothing", std::string(1, '\3')}}; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto* begin = reinterpret_cast<const std::byte*>(data);
    std::vector<std::byte> bytes(begin + 1, begin + size);
    if ((data[0] & kMendFrame) != 0) mend_frame(bytes);
    if ((data[0] & (kMendChecksums | kMendFrame)) != 0) mend_checksums(bytes);

    io::SimFileSystem disk(1);
    if (!disk.make_directory("index").ok()) return 0;
    {
        const auto file = disk.open(kPath, io::OpenMode::kCreate);
        if (!file.ok() || !(*file)->write_at(0, bytes).ok()) return 0;
    }
    cache::ImageCache cache(2 * cache::kImageBlockSize);
    const auto file = IndexFile::open(disk, cache, kPath, Uuid());
    if (!file.ok()) return 0;
    ask_everything(**file);
    const auto merged = merge_index_files(disk, "index", Uuid(), std::span(&*file, 1), [] { return Status(); });
    if (!merged.ok()) return 0;
    // What a merge accepts, it writes so that it opens.
    if (!IndexFile::open(disk, cache, *merged, Uuid()).ok()) __builtin_trap();
    return 0;
}
