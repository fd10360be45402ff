// Files that are only read, of which so many are open at once: what was not used for longest is closed, and opened
// again when it is read. A store then needs no more file descriptors the larger it grows.
//
// A name that will be removed, or given to another file, is no longer a way to the file's bytes: `keep_open` comes
// first.
//
// Threads: every method from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "io/file_system.h"

namespace chronos::cache {

class ColdFile;

class OpenFiles {
public:
    explicit OpenFiles(std::size_t count_max = 256) : count_max_(count_max) {}
    OpenFiles(const OpenFiles&) = delete;
    OpenFiles& operator=(const OpenFiles&) = delete;

    void set_count_max(std::size_t count_max);
    /// Of its files, those that are open; those that had to be opened again so far.
    [[nodiscard]] std::size_t count() const;
    [[nodiscard]] std::uint64_t reopens() const;

private:
    friend class ColdFile;
    void enter(ColdFile& file);
    void leave(ColdFile& file);
    void close_some(std::size_t count_max, std::vector<std::shared_ptr<io::File>>& closing);

    mutable std::mutex mutex_;
    std::size_t count_max_;         // guarded by mutex_, as all below
    std::vector<ColdFile*> files_;  // those that are open and may be closed
    std::size_t hand_ = 0;
    std::size_t kept_count_ = 0;
    std::uint64_t reopens_ = 0;
};

/// A file that is there already and only read. Whatever would change it is an error.
class ColdFile final : public io::File {
public:
    /// `file` is open at `path`; it may be closed at once.
    ColdFile(OpenFiles& pool, io::FileSystem& files, std::string path, std::unique_ptr<io::File> file);
    ~ColdFile() override;

    /// From now on it stays open. Errors: kIo, when it was closed and cannot be opened again.
    Status keep_open();

    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) override;
    Result<std::size_t> read_disk_at(std::uint64_t offset, std::span<std::byte> out) override;
    Result<std::uint64_t> size() override;
    Result<std::uint64_t> size_on_disk() override;
    Status write_at(std::uint64_t offset, std::span<const std::byte> bytes) override;
    Status write_durable_at(std::uint64_t offset, std::span<const std::byte> bytes) override;
    Status sync() override;
    Status truncate(std::uint64_t size) override;
    Result<bool> allocate(std::uint64_t size) override;

private:
    friend class OpenFiles;
    Result<std::shared_ptr<io::File>> opened();

    OpenFiles& pool_;
    io::FileSystem& files_;
    const std::string path_;
    std::shared_ptr<io::File> file_;  // guarded by pool_.mutex_, as all below; null: closed
    bool was_used_ = false;           // since the hand came by
    bool is_kept_ = false;
};

}  // namespace chronos::cache
