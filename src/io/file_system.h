// Files and directories as the engine needs them: the only door to the operating system's storage.
// Two implementations: `posix/` for real use and `sim/`, whose power cuts and faults replay from a
// seed.
//
// The model is the one a careful program may rely on:
//   - written bytes are durable after `sync`, or when `write_durable_at` returned;
//   - a created, renamed or removed name is durable after `sync_directory` of its parent;
//   - after a failed sync nothing about the unsynced bytes is known: never retry, reopen and
//   recover.
//
// Errors:  kIo with the path, the call and errno's text; kNoSpace for ENOSPC, EDQUOT and EFBIG;
//          kNotFound, kAlreadyExists and kLocked where a caller acts on them; kInvalidArgument for
//          a path that cannot be used so: a directory for a file or the reverse, not permitted,
//          read-only.
// Threads: a File may be used by several threads at once on ranges that do not overlap;
//          a FileSystem by several threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "chronos/result.h"

namespace chronos::io {

/// Alignment that `write_durable_at` needs of address, offset and size.
inline constexpr std::size_t kBlockSize = 4096;

/// One open file. Closed by the destructor, which syncs nothing.
class File {
public:
    File() = default;
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    virtual ~File() = default;

    /// Fills `out` from `offset`; returns how many bytes there were, less than asked only at the end.
    virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) = 0;

    /// The same from the disk itself, past what is cached, where the file system can. Requires: as `write_durable_at`.
    virtual Result<std::size_t> read_disk_at(std::uint64_t offset, std::span<std::byte> out) = 0;

    /// Writes all of `bytes` at `offset`, growing the file when needed. Not durable until `sync`.
    /// Short writes of the system are continued inside; an error leaves the range undefined.
    virtual Status write_at(std::uint64_t offset, std::span<const std::byte> bytes) = 0;

    /// Writes `bytes` so that they are durable when it returns. Says nothing of bytes written before.
    /// Requires: address, offset and size are multiples of kBlockSize; the range lies inside the file.
    virtual Status write_durable_at(std::uint64_t offset, std::span<const std::byte> bytes) = 0;

    /// Makes all bytes written before it durable, and the file's size.
    virtual Status sync() = 0;

    virtual Result<std::uint64_t> size() = 0;
    /// Bytes of disk that it takes: what was never written, nor allocated, takes none.
    virtual Result<std::uint64_t> size_on_disk() = 0;
    /// Cuts the file, or grows it without taking space; the new bytes read as zeros.
    virtual Status truncate(std::uint64_t size) = 0;

    /// Grows the file to `size` with space on the disk for all of it; the new bytes read as zeros. Durable after
    /// `sync`. Returns false, having done nothing, where only writing takes space.
    virtual Result<bool> allocate(std::uint64_t size) = 0;
};

/// Holds an exclusive lock until destroyed.
class FileLock {
public:
    FileLock() = default;
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;
    virtual ~FileLock() = default;
};

enum class OpenMode : std::uint8_t {
    kRead,       ///< Existing file, read only.
    kReadWrite,  ///< Existing file.
    kCreate,     ///< New file; kAlreadyExists if the name is taken.
    /// The same, for its owner alone.
    kCreatePrivate,
};

struct DirectoryEntry {
    std::string name;
    bool is_directory = false;
};

class FileSystem {
public:
    FileSystem() = default;
    FileSystem(const FileSystem&) = delete;
    FileSystem& operator=(const FileSystem&) = delete;
    virtual ~FileSystem() = default;

    virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;

    /// Names in a directory, sorted, without "." and "..". kNotFound if there is none.
    virtual Result<std::vector<DirectoryEntry>> list(const std::string& directory) = 0;
    virtual Result<bool> exists(const std::string& path) = 0;

    /// Creates one directory level. kAlreadyExists if the name is taken.
    virtual Status make_directory(const std::string& path) = 0;

    /// Replaces `to` atomically if it is a file; directories move only to a free name.
    virtual Status rename(const std::string& from, const std::string& to) = 0;
    virtual Status remove_file(const std::string& path) = 0;
    /// Removes an empty directory.
    virtual Status remove_directory(const std::string& path) = 0;

    /// Makes creations, renames and removals of names in `directory` durable.
    virtual Status sync_directory(const std::string& directory) = 0;

    /// Takes the lock file, creating it when needed; kLocked if another holder lives.
    virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
};

}  // namespace chronos::io
