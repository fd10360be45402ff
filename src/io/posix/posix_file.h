// One open file of the operating system, with two ways to write durably.
//
// Threads: as File.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "io/file_system.h"
#include "io/posix/unique_fd.h"

namespace chronos::io {

/// How `write_durable_at` reaches the disk; which is faster depends on the device and file system.
enum class DurableWrite : std::uint8_t {
    kDirect,    ///< Past the page cache, by a descriptor opened O_DIRECT | O_DSYNC.
    kBuffered,  ///< Through the page cache, then fdatasync.
};

/// The switch that all files of one PosixFileSystem look at.
using DurableWriteSwitch = std::shared_ptr<std::atomic<DurableWrite>>;

class PosixFile final : public File {
public:
    struct Options {
        std::string path;  ///< For messages only; the file may be renamed while open.
        bool is_writable = false;
        DurableWriteSwitch durable_write;
    };
    PosixFile(UniqueFd fd, Options options);

    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) override;
    Result<std::size_t> read_disk_at(std::uint64_t offset, std::span<std::byte> out) override;
    Status write_at(std::uint64_t offset, std::span<const std::byte> bytes) override;
    Status write_durable_at(std::uint64_t offset, std::span<const std::byte> bytes) override;
    Status sync() override;
    Result<std::uint64_t> size() override;
    Result<std::uint64_t> size_on_disk() override;
    Status truncate(std::uint64_t size) override;
    Result<bool> allocate(std::uint64_t size) override;

    /// Whether this file can still be written directly; opens the descriptor for it if need be.
    bool can_write_direct();

private:
    [[nodiscard]] Error error(const char* call, int error_number) const;
    Result<std::size_t> read_by(int fd, std::uint64_t offset, std::span<std::byte> out) const;
    /// Returns how many bytes are durable; fewer than given once direct writing is given up.
    Result<std::size_t> write_direct(std::uint64_t offset, std::span<const std::byte> bytes);

    const UniqueFd fd_;
    const Options options_;

    // Direct writing is tried once and given up for good when the file system refuses it.
    std::once_flag direct_once_;
    UniqueFd direct_fd_;  // Written inside direct_once_, read only after it.
    std::atomic<bool> direct_refused_ = false;
};

}  // namespace chronos::io
