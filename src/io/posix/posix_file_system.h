// Files and directories of the operating system (Linux).
//
// Use: usually through `posix_environment()`; call `probe_durable_write` once for a store's
// directory to pick the faster way of `write_durable_at` there.
//
// Files are created with mode 0640, directories with 0750, both less the umask.
//
// Threads: all calls from any thread.
#pragma once

#include "io/file_system.h"
#include "io/posix/posix_file.h"

namespace chronos::io {

class PosixFileSystem final : public FileSystem {
public:
    PosixFileSystem();

    Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
    Result<std::vector<DirectoryEntry>> list(const std::string& directory) override;
    Result<bool> exists(const std::string& path) override;
    Status make_directory(const std::string& path) override;
    Status rename(const std::string& from, const std::string& to) override;
    Status remove_file(const std::string& path) override;
    Status remove_directory(const std::string& path) override;
    Status sync_directory(const std::string& directory) override;
    /// The lock is an flock; the file keeps the holder's process id and is never removed.
    Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;

    /// Bytes that may still be written where `path` is, or would be.
    static Result<std::uint64_t> free_bytes(const std::string& path);
    /// Whether `path`, which need not be there, is `directory` or lies in it; links are followed.
    static Result<bool> is_inside(const std::string& path, const std::string& directory);
    /// Whether one of two directories, which need not be there, is the other or lies in it; links are followed.
    static Result<bool> overlap(const std::string& one, const std::string& other);

    /// Chooses how files of this file system, open ones too, write durably from now on.
    void set_durable_write(DurableWrite way);
    [[nodiscard]] DurableWrite durable_write() const;

    /// Times both ways on a scratch file in `directory`, then sets and returns the faster.
    ///
    /// Cost: some twenty durable writes of 16 KiB.
    Result<DurableWrite> probe_durable_write(const std::string& directory);

private:
    Result<std::unique_ptr<PosixFile>> open_file(const std::string& path, OpenMode mode,
                                                 DurableWriteSwitch durable_write);

    const DurableWriteSwitch durable_write_;
};

}  // namespace chronos::io
