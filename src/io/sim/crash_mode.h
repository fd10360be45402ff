// What a simulated power cut leaves of the changes that were not yet durable.
//
// Threads: plain values.
#pragma once

#include <cstdint>

namespace chronos::io {

enum class CrashMode : std::uint8_t {
    kDropUnsynced,  ///< Nothing.
    kKeepAll,       ///< Everything, as if the process alone had died.
    kPrefix,        ///< A random prefix of all changes, in the order they were made.
    kRandomSubset,  ///< Random 512-byte sectors, sizes and name changes: torn and reordered.
    kGarbage,       ///< As kRandomSubset; sectors that are lost may hold random bytes.
};

/// One drawn outcome of a crash, the same for all files and directories.
struct CrashPlan {
    bool scattered = false;         ///< Draw for each sector, size and name change...
    std::uint64_t keep_before = 0;  ///< ...or else keep changes with a smaller sequence.
    double garbage_probability = 0;
};

/// What a disk writes whole or not at all.
inline constexpr std::uint64_t kSectorSize = 512;

}  // namespace chronos::io
