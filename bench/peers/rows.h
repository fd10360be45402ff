// All rows, in the order in which they are printed.
#pragma once

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <vector>

#include "peers/row.h"
#include "peers/workload.h"

namespace chronos::bench {

/// What rows share; it outlives them.
class Bench {
public:
    Bench(std::filesystem::path scratch, bool quick) : scratch_(std::move(scratch)), is_quick_(quick) {}

    [[nodiscard]] const std::filesystem::path& scratch() const { return scratch_; }
    [[nodiscard]] bool is_quick() const { return is_quick_; }
    /// `full`, or so much less that everything takes seconds.
    [[nodiscard]] std::uint64_t scaled(std::uint64_t full) const {
        return is_quick_ ? std::max<std::uint64_t>(full / 50, 1) : full;
    }
    /// Empty log for Chronos to prepare before the clock starts: more than the usual workload
    /// needs.
    [[nodiscard]] std::uint64_t spare_bytes() const { return std::uint64_t{is_quick_ ? 16U : 512U} << 20; }
    /// Of the raw log's file, which is used from its start again at its end.
    [[nodiscard]] std::uint64_t raw_log_bytes() const { return spare_bytes(); }
    /// Made when first asked for.
    const Workload& workload(const Shape& shape) {
        auto& entry = workloads_[shape];
        if (!entry) entry = std::make_unique<Workload>(shape);
        return *entry;
    }
    /// Frees the memory of all workloads. Requires: none is in use.
    void forget_workloads() { workloads_.clear(); }

private:
    std::filesystem::path scratch_;
    bool is_quick_;
    std::map<Shape, std::unique_ptr<Workload>> workloads_;
};

class ReadFixture;

/// Chronos given JSON text, as rows of the durable append (json_rows.cc).
std::vector<Row> chronos_json_rows(Bench& bench, const Shape& shape);
/// Opening what a crash of the fixture's store would leave (chronos_rows.cc).
Row chronos_crash_row(Bench& bench, const std::shared_ptr<ReadFixture>& fixture, const Shape& shape);

/// What Chronos and the peers both do (peer_rows.cc).
std::vector<Group> peer_groups(Bench& bench);
/// What only Chronos does, in variants (chronos_rows.cc).
std::vector<Group> chronos_groups(Bench& bench);
/// Forks and states of the past (fork_rows.cc).
std::vector<Group> fork_groups(Bench& bench);
/// Chronos as a server (server_rows.cc).
std::vector<Group> server_groups(Bench& bench);
/// What agents ask (mcp_rows.cc).
std::vector<Group> mcp_groups(Bench& bench);

}  // namespace chronos::bench
