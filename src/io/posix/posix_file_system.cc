#include "io/posix/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/result.h"
#include "io/posix/posix_error.h"

namespace chronos::io {

namespace {

constexpr mode_t kFileMode = 0640;
constexpr mode_t kPrivateFileMode = 0600;
constexpr mode_t kDirectoryMode = 0750;

class PosixFileLock final : public FileLock {
public:
    explicit PosixFileLock(UniqueFd fd) : fd_(std::move(fd)) {}

private:
    UniqueFd fd_;  // Closing it gives up the lock.
};

struct CloseDirectory {
    void operator()(DIR* directory) const { ::closedir(directory); }
};

Result<UniqueFd> open_fd(const std::string& path, int flags, mode_t mode = kFileMode) {
    UniqueFd fd =
        above_standard(UniqueFd(retry_interrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); })));
    if (!fd.is_open()) return posix_error("open", path, errno);
    return fd;
}

int open_flags(OpenMode mode) {
    switch (mode) {
        case OpenMode::kRead: return O_RDONLY;
        case OpenMode::kReadWrite: return O_RDWR;
        case OpenMode::kCreate:
        case OpenMode::kCreatePrivate: return O_RDWR | O_CREAT | O_EXCL;
    }
    return O_RDONLY;
}

bool is_directory(DIR* directory, const dirent& entry) {
    if (entry.d_type == DT_DIR) return true;
    if (entry.d_type == DT_REG) return false;
    struct stat status = {};  // Some file systems do not tell; links are followed.
    if (::fstatat(::dirfd(directory), entry.d_name, &status, 0) < 0) return false;
    return S_ISDIR(status.st_mode);
}

/// Moves a directory unless the new name is taken, even by an empty directory.
int rename_to_free_name(const std::string& from, const std::string& to) {
    const int answer = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
    if (answer == 0 || (errno != EINVAL && errno != ENOSYS)) return answer;
    struct stat status = {};  // This file system lacks the flag: look first.
    if (::lstat(to.c_str(), &status) == 0) {
        errno = EEXIST;
        return -1;
    }
    return ::rename(from.c_str(), to.c_str());
}

/// The directory that `path` is in.
std::string parent_of(const std::string& path) {
    const std::size_t name_end = path.find_last_not_of('/');
    const std::size_t slash = path.rfind('/', name_end);
    if (slash == std::string::npos) return ".";
    const std::size_t end = path.find_last_not_of('/', slash);
    return end == std::string::npos ? "/" : path.substr(0, end + 1);
}

Result<std::string> canonical(const std::string& path) {
    const std::unique_ptr<char, decltype(&::free)> found(::realpath(path.c_str(), nullptr), ::free);
    if (!found) return posix_error("realpath", path, errno);
    return std::string(found.get());
}

/// The same of what need not be there: its nearest parent that is, with the rest behind it.
Result<std::string> resolved(const std::string& path) {
    std::string at = path;
    std::string rest;
    Result<std::string> found = canonical(at);
    while (!found.ok() && found.error().code == ErrorCode::kNotFound && at != "/" && at != ".") {
        const std::string parent = parent_of(at);
        const std::size_t end = at.find_last_not_of('/') + 1;
        const std::size_t begin = at.rfind('/', end - 1) + 1;  // 0 when there is none
        rest = "/" + at.substr(begin, end - begin) + rest;
        at = parent;
        found = canonical(at);
    }
    if (!found.ok()) return std::move(found).error();
    return *found == "/" ? rest : *found + rest;
}

/// What the holder wrote into a lock file, as words for a message.
std::string holder_of(int fd) {
    std::array<char, 32> text = {};
    const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
    std::string pid;
    for (ssize_t i = 0; i < size; ++i) {
        const char c = text[static_cast<std::size_t>(i)];
        if (c < '0' || c > '9') break;
        pid += c;
    }
    return pid.empty() ? "another process" : "process " + pid;
}

Status write_pid(int fd, const std::string& path) {
    const std::string pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(fd, 0) < 0) return posix_error("ftruncate", path, errno);
    if (::pwrite(fd, pid.data(), pid.size(), 0) < 0) return posix_error("pwrite", path, errno);
    return {};
}

}  // namespace

PosixFileSystem::PosixFileSystem()
    : durable_write_(std::make_shared<std::atomic<DurableWrite>>(DurableWrite::kDirect)) {}

Result<std::unique_ptr<File>> PosixFileSystem::open(const std::string& path, OpenMode mode) {
    ASSIGN_OR_RETURN(std::unique_ptr<File> file, open_file(path, mode, durable_write_));
    return file;
}

Result<std::unique_ptr<PosixFile>> PosixFileSystem::open_file(const std::string& path, OpenMode mode,
                                                              DurableWriteSwitch durable_write) {
    const mode_t permissions = mode == OpenMode::kCreatePrivate ? kPrivateFileMode : kFileMode;
    ASSIGN_OR_RETURN(UniqueFd fd, open_fd(path, open_flags(mode), permissions));
    struct stat status = {};
    if (::fstat(fd.get(), &status) < 0) return posix_error("fstat", path, errno);
    if (S_ISDIR(status.st_mode)) return posix_error("open", path, EISDIR);
    return std::make_unique<PosixFile>(std::move(fd), PosixFile::Options{.path = path,
                                                                         .is_writable = mode != OpenMode::kRead,
                                                                         .durable_write = std::move(durable_write)});
}

Result<std::vector<DirectoryEntry>> PosixFileSystem::list(const std::string& directory) {
    const std::unique_ptr<DIR, CloseDirectory> stream(::opendir(directory.c_str()));
    if (!stream) return posix_error("opendir", directory, errno);
    std::vector<DirectoryEntry> entries;
    while (true) {
        errno = 0;
        const dirent* entry = ::readdir(stream.get());
        if (entry == nullptr) break;
        std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        const bool directory_entry = is_directory(stream.get(), *entry);
        entries.push_back({.name = std::move(name), .is_directory = directory_entry});
    }
    if (errno != 0) return posix_error("readdir", directory, errno);
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return entries;
}

Result<bool> PosixFileSystem::exists(const std::string& path) {
    struct stat status = {};
    if (::stat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return posix_error("stat", path, errno);
}

Status PosixFileSystem::make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), kDirectoryMode) < 0) return posix_error("mkdir", path, errno);
    return {};
}

Status PosixFileSystem::rename(const std::string& from, const std::string& to) {
    struct stat status = {};
    if (::lstat(from.c_str(), &status) < 0) return posix_error("rename", from, errno);
    const int answer = S_ISDIR(status.st_mode) ? rename_to_free_name(from, to) : ::rename(from.c_str(), to.c_str());
    if (answer < 0) return posix_error("rename", from + " to " + to, errno);
    return {};
}

Status PosixFileSystem::remove_file(const std::string& path) {
    if (::unlink(path.c_str()) < 0) return posix_error("unlink", path, errno);
    return {};
}

Status PosixFileSystem::remove_directory(const std::string& path) {
    // POSIX lets ENOTEMPTY be spelt EEXIST; that must not read as "the name is taken".
    if (::rmdir(path.c_str()) < 0) {
        return posix_error("rmdir", path, errno == EEXIST ? ENOTEMPTY : errno);
    }
    return {};
}

Status PosixFileSystem::sync_directory(const std::string& directory) {
    ASSIGN_OR_RETURN(const UniqueFd fd, open_fd(directory, O_RDONLY | O_DIRECTORY));
    if (retry_interrupted([&] { return ::fsync(fd.get()); }) < 0) {
        return posix_error("fsync", directory, errno);
    }
    return {};
}

Result<std::unique_ptr<FileLock>> PosixFileSystem::lock(const std::string& path) {
    ASSIGN_OR_RETURN(UniqueFd fd, open_fd(path, O_RDWR | O_CREAT));
    if (retry_interrupted([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) < 0) {
        if (errno != EWOULDBLOCK) return posix_error("flock", path, errno);
        return base::fail(ErrorCode::kLocked,
                          "the store is open in another process: " + path + " is locked by " + holder_of(fd.get()));
    }
    (void)write_pid(fd.get(), path);  // For people; a full disk must not keep a store from opening.
    return std::unique_ptr<FileLock>(std::make_unique<PosixFileLock>(std::move(fd)));
}

Result<std::uint64_t> PosixFileSystem::free_bytes(const std::string& path) {
    struct statvfs status = {};
    for (std::string at = path; ::statvfs(at.c_str(), &status) < 0; at = parent_of(at)) {
        if (errno != ENOENT || at == "/" || at == ".") return posix_error("statvfs", path, errno);
    }
    return std::uint64_t{status.f_bavail} * status.f_frsize;
}

Result<bool> PosixFileSystem::is_inside(const std::string& path, const std::string& directory) {
    ASSIGN_OR_RETURN(const std::string outer, canonical(directory));
    std::string at = path;
    Result<std::string> inner = canonical(at);
    while (!inner.ok() && inner.error().code == ErrorCode::kNotFound && at != "/" && at != ".") {
        at = parent_of(at);
        inner = canonical(at);
    }
    if (!inner.ok()) return std::move(inner).error();
    return (*inner + "/").starts_with(outer == "/" ? outer : outer + "/");
}

Result<bool> PosixFileSystem::overlap(const std::string& one, const std::string& other) {
    ASSIGN_OR_RETURN(const std::string a, resolved(one));
    ASSIGN_OR_RETURN(const std::string b, resolved(other));
    return (a + "/").starts_with(b + "/") || (b + "/").starts_with(a + "/");
}

void PosixFileSystem::set_durable_write(DurableWrite way) {
    durable_write_->store(way, std::memory_order_relaxed);  // A choice of speed; orders nothing.
}

DurableWrite PosixFileSystem::durable_write() const { return durable_write_->load(std::memory_order_relaxed); }

// The probe.

namespace {

constexpr std::size_t kProbeWriteSize = std::size_t{16} << 10;
constexpr std::size_t kProbeWriteCount = 8;  // of each way

struct alignas(kBlockSize) ProbeBlock {
    std::array<std::byte, kProbeWriteSize> bytes = {};
};

using Durations = std::array<std::int64_t, kProbeWriteCount>;

Result<std::int64_t> time_write(File& file, std::uint64_t offset, const ProbeBlock& block) {
    const auto begin = std::chrono::steady_clock::now();
    RETURN_IF_ERROR(file.write_durable_at(offset, block.bytes));
    return std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count();
}

/// The fastest: whatever else runs on the machine can only make a write slower.
std::int64_t fastest(const Durations& durations) { return *std::min_element(durations.begin(), durations.end()); }

Result<DurableWrite> faster_way(PosixFile& file, std::atomic<DurableWrite>& way) {
    const auto block = std::make_unique<ProbeBlock>();
    Durations direct = {};
    Durations buffered = {};
    for (std::size_t i = 0; i < kProbeWriteCount; ++i) {
        const std::uint64_t offset = i * kProbeWriteSize;
        way = DurableWrite::kDirect;
        ASSIGN_OR_RETURN(direct[i], time_write(file, offset, *block));
        if (!file.can_write_direct()) return DurableWrite::kBuffered;
        way = DurableWrite::kBuffered;
        ASSIGN_OR_RETURN(buffered[i], time_write(file, offset, *block));
    }
    // Buffered writes also cost a copy and a page of memory each: they have to be faster by half to be chosen.
    return fastest(direct) * 2 <= fastest(buffered) * 3 ? DurableWrite::kDirect : DurableWrite::kBuffered;
}

}  // namespace

Result<DurableWrite> PosixFileSystem::probe_durable_write(const std::string& directory) {
    const std::string path = directory + "/durable-write-probe." + std::to_string(::getpid()) + ".tmp";
    const auto way = std::make_shared<std::atomic<DurableWrite>>(DurableWrite::kDirect);
    ::unlink(path.c_str());  // Of a process with our id that died here.
    ASSIGN_OR_RETURN(const auto file, open_file(path, OpenMode::kCreate, way));
    RETURN_IF_ERROR(remove_file(path));  // At once, so that a crash leaves nothing behind.

    // As the engine's files are: allocated, zero-filled and synced.
    const std::vector<std::byte> zeros(kProbeWriteCount * kProbeWriteSize);
    RETURN_IF_ERROR(file->write_at(0, zeros));
    RETURN_IF_ERROR(file->sync());
    ASSIGN_OR_RETURN(const DurableWrite faster, faster_way(*file, *way));
    set_durable_write(faster);
    return faster;
}

}  // namespace chronos::io
