// Snapshot files as an attacker would write them: nothing of one may crash the program, make it read where it must not,
// or give a state that is no state.
//
// The first byte says what is done to the rest before it is opened; bit 0: its checksums are made right, so that what
// is wrong gets behind them; bit 1: its magics, version and owner are made right as well.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/checksum.h"
#include "fuzz/fuzz.h"
#include "io/sim/sim_file_system.h"
#include "json/merge_tree.h"
#include "projection/snapshot_file.h"
#include "projection/snapshot_file_writer.h"

namespace {

using namespace chronos;
using namespace chronos::projection;

constexpr std::uint8_t kMendChecksums = 1;
constexpr std::uint8_t kMendFrame = 2;
constexpr const char* kPath = "snapshots/000001-000001.snap";
constexpr std::uint64_t kAskedMax = 64;

SnapshotFooter footer_of(std::span<const std::byte> file) {
    return base::load<SnapshotFooter>(file.last(sizeof(SnapshotFooter)).data());
}

void mend(std::span<std::byte> file, bool with_frame) {
    if (file.size() < sizeof(SnapshotHead) + sizeof(SnapshotFooter)) return;
    const std::span<std::byte> end = file.last(sizeof(SnapshotFooter));
    SnapshotFooter footer = footer_of(file);
    footer.file_size = file.size();
    if (with_frame) {
        base::store(file.data(), SnapshotHead{});
        footer.magic = SnapshotFooter().magic;
        footer.database = Uuid();
        footer.store_epoch = 0;
        footer.last_turn = std::min(footer.last_turn, kTurnMax);
        footer.first_turn = std::min(footer.first_turn, footer.last_turn);
    }
    const auto layout = layout_of(footer);
    if (layout && layout->file_size == file.size()) {
        const auto crcs = cache::block_crcs_of(file.first(layout->body_size));
        const auto bytes = std::as_bytes(std::span(crcs));
        std::copy(bytes.begin(), bytes.end(), file.data() + layout->body_size);
        footer.resident_crc = base::crc32c(bytes);
    }
    base::store(end.data(), footer);
    footer.crc = base::crc32c(end.subspan(offsetof(SnapshotFooter, resident_crc)));
    base::store(end.data(), footer);
}

void use(const SavedState& saved) {
    const auto tree = json::MergeTree::restore(saved.json, saved.origins);
    if (!tree.ok()) return;
    FUZZ_CHECK(tree->to_json().size() <= saved.json.size() * 6 + 2, "a state grows out of nothing");
    FUZZ_CHECK(tree->origins() == saved.origins, "the origins are not those that were given");
    json::MergeTree goes_on = *tree;
    (void)goes_on.apply(R"({"a":{"b":null},"c":1})", 1, json::FoldKind::kMergePatch);
    FUZZ_CHECK(json::MergeTree::restore(goes_on.to_json(), goes_on.origins()).ok(), "what follows is no state");
}

void ask_everything(const SnapshotFile& file) {
    for (std::uint64_t i = 0; i < std::min(file.entry_count(), kAskedMax); ++i) {
        const auto entry = file.entry(i);
        if (!entry.ok()) continue;
        if (const auto saved = file.read(*entry); saved.ok()) use(*saved);
        const std::string entity(entry->entity_size, 'x');
        for (const std::uint64_t count : {std::uint64_t{0}, entry->event_count, ~std::uint64_t{0}}) {
            const auto found = file.find({.hash = entry->hash,
                                          .branch = entry->branch,
                                          .fold = static_cast<Fold>(entry->fold),
                                          .entity_id = entity},
                                         {.count_max = count, .as_of = Timestamp{entry->max_occurred_at}});
            if (found.ok() && *found) (void)file.read(**found);
        }
    }
    (void)file.verify();
}

std::string written() {
    io::SimFileSystem disk(1);
    FUZZ_CHECK(disk.make_directory("snapshots").ok(), "no directory");
    auto writer = SnapshotFileWriter::create(disk, "snapshots", {.owner = {}, .first_turn = 1, .last_turn = 1});
    for (std::uint64_t i = 1; i <= 3; ++i) {
        FoldedState state;
        FUZZ_CHECK(state.tree.apply(R"({"a":{"b":[1]},"c":"d"})", i, json::FoldKind::kMergePatch).ok(), "no state");
        state.event_count = state.last_seq = i * 64;
        const std::string json = state.tree.to_json();
        (*writer)->add({.key = {.hash = i / 2, .entity_id = "xxx"}, .state = &state, .json = json});
    }
    const auto bytes = disk.file_contents((*writer)->finish().value()).value();
    return std::string(base::as_text(bytes));
}

}  // namespace

chronos::fuzz::Seeds chronos::fuzz::seeds() {
    return {{"nothing", std::string(1, '\3')}, {"three", '\3' + written()}, {"as-it-is", '\0' + written()}};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto* begin = reinterpret_cast<const std::byte*>(data);
    std::vector<std::byte> bytes(begin + 1, begin + size);
    if ((data[0] & (kMendChecksums | kMendFrame)) != 0) mend(bytes, (data[0] & kMendFrame) != 0);

    io::SimFileSystem disk(1);
    if (!disk.make_directory("snapshots").ok()) return 0;
    {
        const auto file = disk.open(kPath, io::OpenMode::kCreate);
        if (!file.ok() || !(*file)->write_at(0, bytes).ok()) return 0;
    }
    cache::ImageCache cache(2 * cache::kImageBlockSize);
    const auto file = SnapshotFile::open(disk, cache, kPath, {});
    if (!file.ok()) return 0;
    ask_everything(**file);
    const auto merged = SnapshotFileWriter::merge(disk, "snapshots", {}, std::span(&*file, 1));
    if (!merged.ok()) return 0;
    // What a merge accepts, it writes so that it opens, with the same entries.
    const auto again = SnapshotFile::open(disk, cache, *merged, {});
    FUZZ_CHECK(again.ok(), "what a merge wrote does not open");
    FUZZ_CHECK((*again)->entry_count() == (*file)->entry_count(), "a merge lost entries");
    return 0;
}
