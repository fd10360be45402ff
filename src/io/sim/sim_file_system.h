// A file system in memory whose power cuts and faults replay from a seed: for tests.
//
// It keeps only what the model of `io/file_system.h` promises, and drops the rest as unkindly as it
// is told: a synced file without a synced name is gone after a crash, names are durable without
// their data, writes are torn and reordered.
//
// Use:
//     SimFileSystem disk(seed);
//     disk.crash_at_op(n);                      // run the program until its calls fail with kIo
//     auto outcome = disk.clone();              // try many outcomes of one state
//     outcome->reseed(i);
//     outcome->crash(CrashMode::kRandomSubset); // then open the store again in `outcome`
//
// Relative paths start at the root. Files of 4 GiB and more are refused with kNoSpace.
//
// Threads: all calls from any thread. Files and locks must be destroyed before their file system.
// Cost:    memory for changed pages only; a clone shares all pages (a few microseconds).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "io/file_system.h"
#include "io/sim/crash_mode.h"
#include "io/sim/directory_tree.h"
#include "io/sim/fault_plan.h"
#include "io/sim/file_node.h"
#include "io/sim/prng.h"

namespace chronos::io {

class SimFile;
class SimFileLock;

class SimFileSystem final : public FileSystem {
public:
    explicit SimFileSystem(std::uint64_t seed);

    Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
    Result<std::vector<DirectoryEntry>> list(const std::string& directory) override;
    Result<bool> exists(const std::string& path) override;
    Status make_directory(const std::string& path) override;
    Status rename(const std::string& from, const std::string& to) override;
    Status remove_file(const std::string& path) override;
    Status remove_directory(const std::string& path) override;
    Status sync_directory(const std::string& directory) override;
    Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;

    // Power.

    /// Cuts the power and restores it: `mode` says what is left, and that is durable. Files and
    /// locks from before are dead: every call on them returns kIo "crashed". Planned faults and
    /// the count of operations go on; a planned power cut is over.
    void crash(CrashMode mode);

    /// From operation `op_index` on every call returns kIo "power cut", until `crash`.
    void crash_at_op(std::uint64_t op_index, PowerCut cut = {});

    /// Whether a planned power cut has happened and `crash` was not called yet.
    [[nodiscard]] bool is_powered_off() const;

    // Faults. Operations are counted from 0; the filter decides which.

    [[nodiscard]] std::uint64_t op_count() const;
    void set_filter(OpFilter filter);
    void fail_op(std::uint64_t op_index, FaultKind kind);
    void fail_every(FaultKind kind, double probability);
    void clear_faults();

    /// Writes that would bring the sizes of all files above `bytes` write what fits, then kNoSpace.
    void set_capacity(std::uint64_t bytes);

    // Looking and damaging: not counted, and possible without power.

    [[nodiscard]] std::vector<std::string> all_files() const;  ///< Full paths from '/', sorted.
    [[nodiscard]] Result<std::vector<std::byte>> file_contents(const std::string& path) const;

    /// Overwrites bytes of a file on the disk and in memory. They must lie inside the file.
    Status corrupt(const std::string& path, std::uint64_t offset, std::span<const std::byte> bytes);
    /// Flips one bit of a file as `corrupt` does; bit 0 is the lowest of the first byte.
    Status flip_bit(const std::string& path, std::uint64_t bit_index);

    // Copies.

    /// The whole state without open files and locks; draws the same random numbers from here on.
    [[nodiscard]] std::unique_ptr<SimFileSystem> clone() const;
    /// Starts the random numbers anew, so that clones differ.
    void reseed(std::uint64_t seed);

private:
    friend class SimFile;
    friend class SimFileLock;

    /// All that a clone copies.
    struct State {
        explicit State(std::uint64_t seed) : prng(seed) {}

        DirectoryTree tree;
        std::unordered_map<NodeId, FileNode> files;
        FaultPlan faults;
        Prng prng;
        std::uint64_t next_sequence = 0;
        std::uint64_t capacity = UINT64_MAX;
        bool powered_off = false;
    };

    /// What an open file or lock knows of itself.
    struct Handle {
        NodeId node = 0;
        std::uint64_t epoch = 0;
        std::string path;
        bool is_writable = false;
    };

    explicit SimFileSystem(State state);

    // Calls of open files.
    Result<std::size_t> read(const Handle& handle, std::uint64_t offset, std::span<std::byte> out);
    Status write(const Handle& handle, std::uint64_t offset, std::span<const std::byte> bytes, OpKind kind);
    Status sync(const Handle& handle);
    Result<std::uint64_t> size(const Handle& handle);
    Result<std::uint64_t> size_on_disk(const Handle& handle);
    Status truncate(const Handle& handle, std::uint64_t size);
    void close(const Handle& handle);
    void unlock(const Handle& handle);

    // The rest is called with mutex_ held.
    Result<FaultPlan::Decision> begin(const char* call, OpKind kind, const std::string& path);
    Status check_alive(const char* call, const Handle& handle) const;
    Status write_faulty(FileNode& file, const char* call, const Handle& handle, std::uint64_t offset,
                        std::span<const std::byte> bytes, OpKind kind, FaultKind fault);
    Status write_what_fits(FileNode& file, const char* call, const Handle& handle, std::uint64_t offset,
                           std::span<const std::byte> bytes, OpKind kind);
    [[nodiscard]] Result<NodeId> find_file(const char* call, const std::string& path) const;
    NodeId create_file(const Place& place);
    [[nodiscard]] std::uint64_t size_limit(const FileNode& file) const;
    std::uint64_t other_block(const FileNode& file, std::uint64_t offset);
    CrashPlan draw_plan(CrashMode mode);
    void drop_unused_nodes();

    mutable std::mutex mutex_;
    // Guarded by mutex_:
    State state_;
    std::uint64_t epoch_ = 0;  // Counts crashes.
    std::unordered_map<NodeId, std::size_t> open_counts_;
    std::set<NodeId> locked_;
    bool has_removed_names_ = false;
};

}  // namespace chronos::io
