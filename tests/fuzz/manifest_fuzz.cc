// The manifest of a log: any bytes are refused or read; what was read is written and read again as
// the same.
//
//     input: flags 1 (bit 0: size and checksum are made to fit) | the file
#include <span>
#include <vector>

#include "base/checksum.h"
#include "fuzz/fuzz.h"
#include "io/sim/sim_environment.h"
#include "wal/manifest.h"

namespace chronos::fuzz {
namespace {

constexpr std::byte kRepair{1};
constexpr std::size_t kCrcOffset = 12;
constexpr std::size_t kSizeOffset = 16;
constexpr const char* kFolder = "/d";
constexpr const char* kPath = "/d/MANIFEST";

void repair(std::vector<std::byte>& file) {
    if (file.size() < kSizeOffset + 4) return;
    base::store(file.data() + kSizeOffset, static_cast<std::uint32_t>(file.size()));
    base::store(file.data() + kCrcOffset, base::crc32c(std::span<const std::byte>(file).subspan(16)));
}

void put(io::SimFileSystem& files, std::span<const std::byte> bytes) {
    FUZZ_CHECK(files.make_directory(kFolder).ok(), "");
    auto file = files.open(kPath, io::OpenMode::kCreate);
    FUZZ_CHECK(file.ok() && (*file)->write_at(0, bytes).ok(), "");
}

bool is_same(const wal::Manifest& a, const wal::Manifest& b) {
    const auto entries = [](const wal::Manifest& manifest) {
        return base::as_text(std::as_bytes(std::span(manifest.segments)));
    };
    return a.writer_epoch == b.writer_epoch && a.database == b.database && a.durable_upto == b.durable_upto &&
           a.store_epoch == b.store_epoch && a.secret == b.secret && entries(a) == entries(b);
}

std::string file_of(const wal::Manifest& manifest) {
    io::SimFileSystem files(1);
    FUZZ_CHECK(files.make_directory(kFolder).ok(), "");
    wal::Manifest copy = manifest;
    FUZZ_CHECK(wal::write_manifest(files, kFolder, copy).ok(), "");
    return std::string(base::as_text(*files.file_contents(kPath)));
}

wal::SegmentEntry entry(std::uint32_t number, wal::SegmentState state) {
    wal::SegmentEntry entry;
    entry.number = number;
    entry.state = state;
    entry.salt = 77;
    entry.file_size = 1 << 20;
    entry.end_seq = 9;
    entry.end_offset = 8192;
    return entry;
}

}  // namespace

Seeds seeds() {
    wal::Manifest manifest;
    manifest.writer_epoch = 3;
    manifest.durable_upto = 9;
    const std::string empty = file_of(manifest);
    manifest.segments = {entry(1, wal::SegmentState::kSealed), entry(2, wal::SegmentState::kOpen)};
    const std::string two = file_of(manifest);
    return {{"empty", '\0' + empty}, {"two_segments", '\1' + two}, {"cut", '\1' + two.substr(0, two.size() - 50)}};
}

}  // namespace chronos::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace chronos;
    const auto input = fuzz::input_bytes(data, size);
    if (input.empty()) return 0;
    std::vector<std::byte> bytes(input.begin() + 1, input.end());
    if ((input[0] & fuzz::kRepair) != std::byte{0}) fuzz::repair(bytes);
    io::SimFileSystem files(1);
    fuzz::put(files, bytes);

    auto manifest = wal::read_manifest(files, fuzz::kFolder);
    if (!manifest.ok()) return 0;
    const std::uint64_t generation = manifest->generation;
    FUZZ_CHECK(wal::write_manifest(files, fuzz::kFolder, *manifest).ok(), "a manifest that was read is not written");
    FUZZ_CHECK(manifest->generation == generation + 1, "the generation does not grow");
    const auto again = wal::read_manifest(files, fuzz::kFolder);
    FUZZ_CHECK(again.ok(), again.error().message);
    FUZZ_CHECK(fuzz::is_same(*manifest, *again), "another manifest was read than was written");
    return 0;
}
