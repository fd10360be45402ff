// Random operations on the simulated disk, against a plain model of synced bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "io/sim/prng.h"
#include "io/sim/sim_file_system.h"

namespace chronos::io {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string text_of(const SimFileSystem& disk, const std::string& path) {
    const auto bytes = disk.file_contents(path);
    if (!bytes.ok()) return "<" + bytes.error().message + ">";
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

TEST(SimFileSystemModelTest, DropUnsyncedEqualsAPlainModelOfSyncedBytes) {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        SimFileSystem disk(seed);
        Prng prng(seed);
        auto file = disk.open("/a", OpenMode::kCreate).value();
        ASSERT_TRUE(disk.sync_directory("/").ok());
        std::string current;
        std::string durable;
        for (int step = 0; step < 40; ++step) {
            const std::uint64_t offset = prng.below(60'000);
            const char c = static_cast<char>('a' + step % 26);
            switch (prng.below(5)) {
                case 0:
                    ASSERT_TRUE(file->truncate(offset).ok());
                    current.resize(offset);
                    break;
                case 1:
                    ASSERT_TRUE(file->sync().ok());
                    durable = current;
                    break;
                default: {
                    const std::string text(prng.below(20'000), prng.chance(0.3) ? '\0' : c);
                    ASSERT_TRUE(file->write_at(offset, bytes_of(text)).ok());
                    if (!text.empty()) {
                        current.resize(std::max<std::size_t>(current.size(), offset + text.size()));
                    }
                    if (!text.empty()) current.replace(offset, text.size(), text);
                }
            }
            ASSERT_TRUE(text_of(disk, "/a") == current) << "seed " << seed << " step " << step;
        }
        auto kept = disk.clone();
        kept->crash(CrashMode::kKeepAll);
        ASSERT_TRUE(text_of(*kept, "/a") == current) << "seed " << seed;
        disk.crash(CrashMode::kDropUnsynced);
        ASSERT_TRUE(text_of(disk, "/a") == durable) << "seed " << seed;
    }
}

}  // namespace
}  // namespace chronos::io
