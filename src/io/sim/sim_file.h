// Open files and locks of a SimFileSystem: handles that forward to it.
//
// Threads: as File.
#pragma once

#include <utility>

#include "io/sim/sim_file_system.h"

namespace chronos::io {

class SimFile final : public File {
public:
    SimFile(SimFileSystem& files, SimFileSystem::Handle handle) : files_(files), handle_(std::move(handle)) {}
    ~SimFile() override { files_.close(handle_); }

    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) override {
        return files_.read(handle_, offset, out);
    }
    Result<std::size_t> read_disk_at(std::uint64_t offset, std::span<std::byte> out) override {
        return files_.read(handle_, offset, out);
    }
    Status write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
        return files_.write(handle_, offset, bytes, OpKind::kWrite);
    }
    Status write_durable_at(std::uint64_t offset, std::span<const std::byte> bytes) override;
    Status sync() override { return files_.sync(handle_); }
    Result<std::uint64_t> size() override { return files_.size(handle_); }
    Result<std::uint64_t> size_on_disk() override { return files_.size_on_disk(handle_); }
    Status truncate(std::uint64_t size) override { return files_.truncate(handle_, size); }
    Result<bool> allocate(std::uint64_t size) override;  // Growing takes space here in any case.

private:
    SimFileSystem& files_;
    const SimFileSystem::Handle handle_;
};

class SimFileLock final : public FileLock {
public:
    SimFileLock(SimFileSystem& files, SimFileSystem::Handle handle) : files_(files), handle_(std::move(handle)) {}
    ~SimFileLock() override { files_.unlock(handle_); }

private:
    SimFileSystem& files_;
    const SimFileSystem::Handle handle_;
};

}  // namespace chronos::io
