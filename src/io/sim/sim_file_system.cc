// Names, power and damage. The calls of open files are in sim_file.cc.
#include "io/sim/sim_file_system.h"

#include <algorithm>
#include <utility>

#include "base/result.h"
#include "io/sim/sim_error.h"
#include "io/sim/sim_file.h"

namespace chronos::io {

SimFileSystem::SimFileSystem(std::uint64_t seed) : state_(seed) {}

SimFileSystem::SimFileSystem(State state) : state_(std::move(state)) {}

/// Counts an operation; returns what to do with it, or the error that it is.
Result<FaultPlan::Decision> SimFileSystem::begin(const char* call, OpKind kind, const std::string& path) {
    if (state_.powered_off) return sim_io_error(call, path, kPowerCutText);
    const FaultPlan::Decision decision = state_.faults.next(kind, path, state_.prng);
    if (decision.power_cut) {
        state_.powered_off = true;
        const bool is_write = kind == OpKind::kWrite || kind == OpKind::kWriteDurable;
        if (!decision.torn || !is_write) return sim_io_error(call, path, kPowerCutText);
    }
    if (decision.fault == FaultKind::kEio) return sim_io_error(call, path, kIoErrorText);
    if (decision.fault == FaultKind::kNoSpace) {
        return sim_error(ErrorCode::kNoSpace, call, path, kNoSpaceText);
    }
    return decision;
}

Status SimFileSystem::check_alive(const char* call, const Handle& handle) const {
    if (handle.epoch != epoch_) return sim_io_error(call, handle.path, kCrashedText);
    return {};
}

// Names.

Result<NodeId> SimFileSystem::find_file(const char* call, const std::string& path) const {
    ASSIGN_OR_RETURN(const Place place, state_.tree.find(call, path));
    if (!place.entry) return sim_error(ErrorCode::kNotFound, call, path, kNotFoundText);
    if (place.entry->is_directory) return sim_path_error(call, path, kIsDirectoryText);
    return place.entry->node;
}

NodeId SimFileSystem::create_file(const Place& place) {
    const NodeId node = state_.tree.create(state_.next_sequence++, place, false);
    state_.files[node];
    return node;
}

Result<std::unique_ptr<File>> SimFileSystem::open(const std::string& path, OpenMode mode) {
    const std::lock_guard lock(mutex_);
    const bool creates = mode == OpenMode::kCreate || mode == OpenMode::kCreatePrivate;
    RETURN_IF_ERROR(begin("open", creates ? OpKind::kName : OpKind::kRead, path));
    NodeId node = 0;
    if (creates) {
        ASSIGN_OR_RETURN(const Place place, state_.tree.find("open", path));
        if (place.entry) return sim_error(ErrorCode::kAlreadyExists, "open", path, kExistsText);
        node = create_file(place);
    } else {
        ASSIGN_OR_RETURN(node, find_file("open", path));
    }
    ++open_counts_[node];
    return std::unique_ptr<File>(std::make_unique<SimFile>(
        *this, Handle{.node = node, .epoch = epoch_, .path = path, .is_writable = mode != OpenMode::kRead}));
}

Result<std::vector<DirectoryEntry>> SimFileSystem::list(const std::string& directory) {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(begin("list", OpKind::kRead, directory));
    ASSIGN_OR_RETURN(const Place place, state_.tree.find("list", directory));
    if (!place.entry) return sim_error(ErrorCode::kNotFound, "list", directory, kNotFoundText);
    if (!place.entry->is_directory) return sim_path_error("list", directory, kNotDirectoryText);
    std::vector<DirectoryEntry> entries;
    for (const auto& [name, entry] : state_.tree.entries(place.entry->node)) {
        entries.push_back({.name = name, .is_directory = entry.is_directory});
    }
    return entries;
}

Result<bool> SimFileSystem::exists(const std::string& path) {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(begin("exists", OpKind::kRead, path));
    const Result<Place> place = state_.tree.find("exists", path);
    return place.ok() && place->entry.has_value();
}

Status SimFileSystem::make_directory(const std::string& path) {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(begin("mkdir", OpKind::kName, path));
    ASSIGN_OR_RETURN(const Place place, state_.tree.find("mkdir", path));
    if (place.entry) return sim_error(ErrorCode::kAlreadyExists, "mkdir", path, kExistsText);
    state_.tree.create(state_.next_sequence++, place, true);
    return {};
}

Status SimFileSystem::rename(const std::string& from, const std::string& to) {
    const std::lock_guard lock(mutex_);
    const std::string both = from + " to " + to;
    RETURN_IF_ERROR(begin("rename", OpKind::kName, both));
    ASSIGN_OR_RETURN(const Place source, state_.tree.find("rename", from));
    ASSIGN_OR_RETURN(const Place target, state_.tree.find("rename", to));
    if (!source.entry) return sim_error(ErrorCode::kNotFound, "rename", from, kNotFoundText);
    if (source.entry->is_directory) {
        if (source.name.empty() || state_.tree.is_within(target.directory, source.entry->node)) {
            return sim_io_error("rename", both, "Invalid argument");
        }
        if (target.entry) return sim_error(ErrorCode::kAlreadyExists, "rename", both, kExistsText);
    } else if (target.entry) {
        if (target.entry->is_directory) return sim_path_error("rename", both, kIsDirectoryText);
        if (target.entry->node == source.entry->node) return {};
    }
    state_.tree.rename(state_.next_sequence++, source, target);
    has_removed_names_ = true;
    return {};
}

Status SimFileSystem::remove_file(const std::string& path) {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(begin("remove", OpKind::kName, path));
    RETURN_IF_ERROR(find_file("remove", path));
    ASSIGN_OR_RETURN(const Place place, state_.tree.find("remove", path));
    state_.tree.remove(state_.next_sequence++, place);
    has_removed_names_ = true;
    return {};
}

Status SimFileSystem::remove_directory(const std::string& path) {
    const std::lock_guard lock(mutex_);
    RETURN_IF_ERROR(begin("rmdir", OpKind::kName, path));
    ASSIGN_OR_RETURN(const Place place, state_.tree.find("rmdir", path));
    if (!place.entry) return sim_error(ErrorCode::kNotFound, "rmdir", path, kNotFoundText);
    if (!place.entry->is_directory) return sim_path_error("rmdir", path, kNotDirectoryText);
    if (place.name.empty()) return sim_io_error("rmdir", path, "Device or resource busy");
    if (!state_.tree.entries(place.entry->node).empty()) {
        return sim_io_error("rmdir", path, "Directory not empty");
    }
    state_.tree.remove(state_.next_sequence++, place);
    has_removed_names_ = true;
    return {};
}

Status SimFileSystem::sync_directory(const std::string& directory) {
    const std::lock_guard lock(mutex_);
    ASSIGN_OR_RETURN(const auto decision, begin("sync", OpKind::kSync, directory));
    ASSIGN_OR_RETURN(const Place place, state_.tree.find("sync", directory));
    if (!place.entry) return sim_error(ErrorCode::kNotFound, "sync", directory, kNotFoundText);
    if (!place.entry->is_directory) return sim_path_error("sync", directory, kNotDirectoryText);
    if (decision.fault == FaultKind::kFailedSync) {
        state_.tree.forget_pending(place.entry->node);
        return sim_io_error("sync", directory, kIoErrorText);
    }
    state_.tree.sync(place.entry->node);
    if (has_removed_names_) drop_unused_nodes();
    return {};
}

Result<std::unique_ptr<FileLock>> SimFileSystem::lock(const std::string& path) {
    const std::lock_guard guard(mutex_);
    RETURN_IF_ERROR(begin("lock", OpKind::kName, path));
    ASSIGN_OR_RETURN(const Place place, state_.tree.find("lock", path));
    if (place.entry && place.entry->is_directory) {
        return sim_path_error("lock", path, kIsDirectoryText);
    }
    const NodeId node = place.entry ? place.entry->node : create_file(place);
    if (!locked_.insert(node).second) {
        return sim_error(ErrorCode::kLocked, "lock", path, "locked by another process");
    }
    return std::unique_ptr<FileLock>(std::make_unique<SimFileLock>(
        *this, Handle{.node = node, .epoch = epoch_, .path = path, .is_writable = false}));
}

void SimFileSystem::drop_unused_nodes() {
    const std::set<NodeId> named = state_.tree.nodes_in_use();
    state_.tree.retain(named);
    std::erase_if(state_.files,
                  [&](const auto& item) { return !named.contains(item.first) && !open_counts_.contains(item.first); });
    has_removed_names_ = false;
}

// Power.

CrashPlan SimFileSystem::draw_plan(CrashMode mode) {
    switch (mode) {
        case CrashMode::kDropUnsynced: return {.keep_before = 0};
        case CrashMode::kKeepAll: return {.keep_before = UINT64_MAX};
        case CrashMode::kRandomSubset: return {.scattered = true};
        case CrashMode::kGarbage: return {.scattered = true, .garbage_probability = 0.25};
        case CrashMode::kPrefix: break;
    }
    std::vector<std::uint64_t> pending = state_.tree.pending_sequences();
    for (const auto& [node, file] : state_.files) {
        for (const FileChange& change : file.pending()) pending.push_back(change.sequence);
    }
    std::sort(pending.begin(), pending.end());
    pending.erase(std::unique(pending.begin(), pending.end()), pending.end());
    const std::uint64_t kept_count = state_.prng.below(pending.size() + 1);
    return {.keep_before = kept_count < pending.size() ? pending[kept_count] : UINT64_MAX};
}

void SimFileSystem::crash(CrashMode mode) {
    const std::lock_guard lock(mutex_);
    const CrashPlan plan = draw_plan(mode);
    state_.tree.crash(plan, state_.prng);
    // In the order of creation: a hash table's order would not replay.
    std::vector<NodeId> nodes;
    for (const auto& [node, file] : state_.files) nodes.push_back(node);
    std::sort(nodes.begin(), nodes.end());
    for (const NodeId node : nodes) state_.files.at(node).crash(plan, state_.prng);
    state_.faults.restore_power();
    state_.powered_off = false;
    ++epoch_;
    open_counts_.clear();
    locked_.clear();
    drop_unused_nodes();
}

void SimFileSystem::crash_at_op(std::uint64_t op_index, PowerCut cut) {
    const std::lock_guard lock(mutex_);
    state_.faults.cut_power_at(op_index, cut);
}

bool SimFileSystem::is_powered_off() const {
    const std::lock_guard lock(mutex_);
    return state_.powered_off;
}

// Faults.

std::uint64_t SimFileSystem::op_count() const {
    const std::lock_guard lock(mutex_);
    return state_.faults.op_count();
}

void SimFileSystem::set_filter(OpFilter filter) {
    const std::lock_guard lock(mutex_);
    state_.faults.set_filter(std::move(filter));
}

void SimFileSystem::fail_op(std::uint64_t op_index, FaultKind kind) {
    const std::lock_guard lock(mutex_);
    state_.faults.fail_op(op_index, kind);
}

void SimFileSystem::fail_every(FaultKind kind, double probability) {
    const std::lock_guard lock(mutex_);
    state_.faults.fail_every(kind, probability);
}

void SimFileSystem::clear_faults() {
    const std::lock_guard lock(mutex_);
    state_.faults.clear_faults();
}

void SimFileSystem::set_capacity(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    state_.capacity = bytes;
}

// Looking and damaging.

std::vector<std::string> SimFileSystem::all_files() const {
    const std::lock_guard lock(mutex_);
    return state_.tree.all_files();
}

Result<std::vector<std::byte>> SimFileSystem::file_contents(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    ASSIGN_OR_RETURN(const NodeId node, find_file("contents", path));
    const Image& image = state_.files.at(node).current();
    std::vector<std::byte> bytes(image.size());
    image.read(0, bytes);
    return bytes;
}

Status SimFileSystem::corrupt(const std::string& path, std::uint64_t offset, std::span<const std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    ASSIGN_OR_RETURN(const NodeId node, find_file("corrupt", path));
    FileNode& file = state_.files.at(node);
    const std::uint64_t size = file.current().size();
    if (offset > size || bytes.size() > size - offset) {
        return sim_error(ErrorCode::kInvalidArgument, "corrupt", path, "beyond the end");
    }
    file.overlay(state_.next_sequence++, offset, bytes);
    return {};
}

Status SimFileSystem::flip_bit(const std::string& path, std::uint64_t bit_index) {
    const std::lock_guard lock(mutex_);
    ASSIGN_OR_RETURN(const NodeId node, find_file("flip", path));
    FileNode& file = state_.files.at(node);
    std::byte byte{0};
    if (file.current().read(bit_index / 8, {&byte, 1}) == 0) {
        return sim_error(ErrorCode::kInvalidArgument, "flip", path, "beyond the end");
    }
    byte ^= std::byte{1} << (bit_index % 8);
    file.overlay(state_.next_sequence++, bit_index / 8, {&byte, 1});
    return {};
}

// Copies.

std::unique_ptr<SimFileSystem> SimFileSystem::clone() const {
    const std::lock_guard lock(mutex_);
    return std::unique_ptr<SimFileSystem>(new SimFileSystem(state_));
}

void SimFileSystem::reseed(std::uint64_t seed) {
    const std::lock_guard lock(mutex_);
    state_.prng = Prng(seed);
}

}  // namespace chronos::io
