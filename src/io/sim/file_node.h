// One simulated file: what reads see, what a power cut leaves, and the changes between the two.
//
//     current  ──read──▶                       write ──▶ current, pending
//     durable  ──crash─▶                       sync  ──▶ pending into durable
//
// Threads: a plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "io/sim/crash_mode.h"
#include "io/sim/image.h"
#include "io/sim/prng.h"

namespace chronos::io {

/// A change of a file that is not durable yet. `sequence` orders the changes of all files.
struct FileChange {
    enum class Kind : std::uint8_t {
        kData,    ///< `size` bytes at `offset`.
        kResize,  ///< The file's size becomes `size`.
    };
    std::uint64_t sequence = 0;
    Kind kind = Kind::kData;
    bool shrinks = false;  ///< Of a resize.
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::shared_ptr<const std::vector<std::byte>> bytes = nullptr;  ///< Null: zeros.
    std::uint64_t bytes_begin = 0;

    [[nodiscard]] std::uint64_t end() const { return offset + size; }
    /// The part of the data in `[begin, end)`.
    [[nodiscard]] FileChange part(std::uint64_t begin, std::uint64_t end) const;
    void apply_to(Image& image) const;
};

class FileNode {
public:
    [[nodiscard]] const Image& current() const { return current_; }

    void write(std::uint64_t sequence, std::uint64_t offset, std::span<const std::byte> bytes);
    void resize(std::uint64_t sequence, std::uint64_t size);

    /// Writes a range that is durable at once; what was pending below it is overtaken.
    void write_durable(std::uint64_t offset, std::span<const std::byte> bytes);

    void sync();
    /// After a failed sync: reads still see the pending changes, but they never become durable.
    void forget_pending() { pending_.clear(); }

    /// Damages both images.
    void overlay(std::uint64_t sequence, std::uint64_t offset, std::span<const std::byte> bytes);

    [[nodiscard]] const std::vector<FileChange>& pending() const { return pending_; }
    void crash(const CrashPlan& plan, Prng& prng);

private:
    void commit_shrinks();
    void drop_pending_data(std::uint64_t begin, std::uint64_t end);
    void keep_before(std::uint64_t sequence);
    void keep_scattered(const CrashPlan& plan, Prng& prng);

    Image current_;
    Image durable_;
    std::vector<FileChange> pending_;
};

}  // namespace chronos::io
