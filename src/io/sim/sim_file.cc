// The calls of open files. See sim_file_system.h.
#include "io/sim/sim_file.h"

#include <algorithm>
#include <string_view>

#include "base/assert.h"
#include "base/result.h"
#include "io/sim/sim_error.h"

namespace chronos::io {

namespace {

constexpr std::uint64_t kFileSizeMax = std::uint64_t{4} << 30;

bool is_aligned(std::uint64_t offset, std::span<const std::byte> bytes) {
    const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
    return (offset | bytes.size() | address) % kBlockSize == 0;
}

const char* name_of(OpKind kind) { return kind == OpKind::kWrite ? "write" : "write durable"; }

void put(FileNode& file, std::uint64_t sequence, std::uint64_t offset, std::span<const std::byte> bytes, OpKind kind) {
    if (kind == OpKind::kWrite) {
        file.write(sequence, offset, bytes);
    } else {
        file.write_durable(offset, bytes);
    }
}

}  // namespace

Result<bool> SimFile::allocate(std::uint64_t size) {
    RETURN_IF_ERROR(truncate(size));
    return true;
}

Status SimFile::write_durable_at(std::uint64_t offset, std::span<const std::byte> bytes) {
    ASSERT(is_aligned(offset, bytes));
    return files_.write(handle_, offset, bytes, OpKind::kWriteDurable);
}

Result<std::size_t> SimFileSystem::read(const Handle& handle, std::uint64_t offset, std::span<std::byte> out) {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(check_alive("read", handle));
    RETURN_IF_ERROR(begin("read", OpKind::kRead, handle.path));
    return state_.files.at(handle.node).current().read(offset, out);
}

Result<std::uint64_t> SimFileSystem::size(const Handle& handle) {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(check_alive("size", handle));
    RETURN_IF_ERROR(begin("size", OpKind::kRead, handle.path));
    return state_.files.at(handle.node).current().size();
}

Result<std::uint64_t> SimFileSystem::size_on_disk(const Handle& handle) {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(check_alive("size", handle));
    RETURN_IF_ERROR(begin("size", OpKind::kRead, handle.path));
    return state_.files.at(handle.node).current().size_on_disk();
}

Status SimFileSystem::write(const Handle& handle, std::uint64_t offset, std::span<const std::byte> bytes, OpKind kind) {
    const char* const call = name_of(kind);
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(check_alive(call, handle));
    ASSIGN_OR_RETURN(const FaultPlan::Decision decision, begin(call, kind, handle.path));
    if (!handle.is_writable) return sim_io_error(call, handle.path, "Bad file descriptor");
    FileNode& file = state_.files.at(handle.node);
    if (decision.power_cut) {
        const std::size_t torn_size = state_.prng.below(bytes.size() + 1);
        if (offset < kFileSizeMax && torn_size <= kFileSizeMax - offset) {
            file.write(state_.next_sequence++, offset, bytes.first(torn_size));
        }
        return sim_io_error(call, handle.path, kPowerCutText);
    }
    if (decision.fault) {
        return write_faulty(file, call, handle, offset, bytes, kind, *decision.fault);
    }
    return write_what_fits(file, call, handle, offset, bytes, kind);
}

Status SimFileSystem::write_faulty(FileNode& file, const char* call, const Handle& handle, std::uint64_t offset,
                                   std::span<const std::byte> bytes, OpKind kind, FaultKind fault) {
    switch (fault) {
        case FaultKind::kLostWrite: return {};
        case FaultKind::kMisdirectedWrite:
            return write_what_fits(file, call, handle, other_block(file, offset), bytes, kind);
        case FaultKind::kShortWrite: {
            const auto half = bytes.first(bytes.size() / 2);
            RETURN_IF_ERROR(write_what_fits(file, call, handle, offset, half, kind));
            break;
        }
        case FaultKind::kFailedSync:
            RETURN_IF_ERROR(write_what_fits(file, call, handle, offset, bytes, OpKind::kWrite));
            file.forget_pending();
            break;
        case FaultKind::kEio:
        case FaultKind::kNoSpace: break;  // begin() answers these.
    }
    return sim_io_error(call, handle.path, kIoErrorText);
}

Status SimFileSystem::write_what_fits(FileNode& file, const char* call, const Handle& handle, std::uint64_t offset,
                                      std::span<const std::byte> bytes, OpKind kind) {
    const std::uint64_t limit = size_limit(file);
    const std::uint64_t room = limit > offset ? limit - offset : 0;
    if (room >= bytes.size()) {
        put(file, state_.next_sequence++, offset, bytes, kind);
        return {};
    }
    put(file, state_.next_sequence++, offset, bytes.first(room), kind);
    return sim_error(ErrorCode::kNoSpace, call, handle.path, kNoSpaceText);
}

/// How large a file may become: what it is now, plus what the disk has left.
std::uint64_t SimFileSystem::size_limit(const FileNode& file) const {
    if (state_.capacity == UINT64_MAX) return kFileSizeMax;
    std::uint64_t used = 0;
    for (const auto& [node, other] : state_.files) used += other.current().size();
    const std::uint64_t left = state_.capacity > used ? state_.capacity - used : 0;
    return file.current().size() + std::min(left, kFileSizeMax - file.current().size());
}

/// The same place in another, random block of the file; beyond its end if it has but one.
std::uint64_t SimFileSystem::other_block(const FileNode& file, std::uint64_t offset) {
    const std::uint64_t own = offset / kBlockSize;
    const std::uint64_t count = (file.current().size() + kBlockSize - 1) / kBlockSize;
    std::uint64_t block = own + 1;
    if (count > 1) {
        block = state_.prng.below(count);
        if (block == own) block = (block + 1) % count;
    }
    return block * kBlockSize + offset % kBlockSize;
}

Status SimFileSystem::sync(const Handle& handle) {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(check_alive("sync", handle));
    ASSIGN_OR_RETURN(const auto decision, begin("sync", OpKind::kSync, handle.path));
    FileNode& file = state_.files.at(handle.node);
    if (decision.fault == FaultKind::kFailedSync) {
        file.forget_pending();
        return sim_io_error("sync", handle.path, kIoErrorText);
    }
    file.sync();
    return {};
}

Status SimFileSystem::truncate(const Handle& handle, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(check_alive("truncate", handle));
    ASSIGN_OR_RETURN(const auto decision, begin("truncate", OpKind::kTruncate, handle.path));
    if (!handle.is_writable) return sim_io_error("truncate", handle.path, "Invalid argument");
    if (decision.fault == FaultKind::kLostWrite) return {};
    FileNode& file = state_.files.at(handle.node);
    if (size > file.current().size() && size > size_limit(file)) {
        return sim_error(ErrorCode::kNoSpace, "truncate", handle.path, kNoSpaceText);
    }
    file.resize(state_.next_sequence++, size);
    return {};
}

void SimFileSystem::close(const Handle& handle) {
    const std::lock_guard lock(mutex_);
    if (handle.epoch != epoch_) return;
    const auto count = open_counts_.find(handle.node);
    if (--count->second > 0) return;
    open_counts_.erase(count);
    has_removed_names_ = true;  // It may have been open without a name.
}

void SimFileSystem::unlock(const Handle& handle) {
    const std::lock_guard lock(mutex_);
    if (handle.epoch == epoch_) locked_.erase(handle.node);
}

}  // namespace chronos::io
