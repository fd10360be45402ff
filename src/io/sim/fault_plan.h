// Which operations of a simulated file system fail, and how; also when the power goes.
//
// An operation is one call of FileSystem or File. Only those that the filter lets through are
// counted, from 0; indexes and probabilities speak of counted operations.
//
// Threads: a plain value.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/sim/prng.h"

namespace chronos::io {

enum class FaultKind : std::uint8_t {
    kEio,               ///< Any: kIo, nothing done.
    kNoSpace,           ///< Writes, resizes, name changes, syncs: kNoSpace, nothing done.
    kShortWrite,        ///< Writes: the first half is written, then kIo.
    kLostWrite,         ///< Writes, resizes: success, but nothing was done.
    kMisdirectedWrite,  ///< Writes: success, but the bytes went to another block of the file.
    kFailedSync,        ///< Syncs, durable writes: kIo; what was pending will never be durable.
};

/// Classes of operations, for the filter.
enum class OpClass : std::uint8_t {
    kRead,   ///< open of an existing file, list, exists, read_at, size
    kWrite,  ///< write_at, write_durable_at, truncate
    kSync,   ///< sync, sync_directory
    kName,   ///< creating open, lock, make_directory, rename, remove_file, remove_directory
};

enum class OpKind : std::uint8_t { kRead, kWrite, kWriteDurable, kTruncate, kSync, kName };

struct OpFilter {
    std::vector<OpClass> classes = {};  ///< Empty: all.
    std::string path_contains = {};     ///< For a rename: of either path.
};

struct PowerCut {
    bool torn = false;  ///< A write that the cut meets is partly done, though not durable.
};

class FaultPlan {
public:
    /// What happens to the next operation.
    struct Decision {
        bool power_cut = false;  ///< This operation and all after it do not happen.
        bool torn = false;       ///< Except for a part of this write.
        std::optional<FaultKind> fault = std::nullopt;
    };

    /// Counts an operation and decides about it. A fault that does not fit its kind passes by.
    Decision next(OpKind kind, std::string_view path, Prng& prng);

    [[nodiscard]] std::uint64_t op_count() const { return op_count_; }

    void set_filter(OpFilter filter) { filter_ = std::move(filter); }
    void fail_op(std::uint64_t op_index, FaultKind kind) { faults_[op_index] = kind; }
    void fail_every(FaultKind kind, double probability);
    void clear_faults();

    void cut_power_at(std::uint64_t op_index, PowerCut cut);
    void restore_power() { power_cut_at_ = UINT64_MAX; }

private:
    [[nodiscard]] bool is_counted(OpKind kind, std::string_view path) const;

    struct Chance {
        FaultKind kind;
        double probability;
    };
    OpFilter filter_;
    std::uint64_t op_count_ = 0;
    std::map<std::uint64_t, FaultKind> faults_;
    std::vector<Chance> chances_;
    std::uint64_t power_cut_at_ = UINT64_MAX;
    PowerCut power_cut_;
};

}  // namespace chronos::io
