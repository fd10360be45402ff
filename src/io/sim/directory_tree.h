// The names of a simulated file system: those programs see, those a power cut leaves, and the
// ordered changes between the two.
//
// Entries hang on directories, not on paths: a directory whose own name is lost in a crash takes
// what is in it along. A rename is one change that is durable whole or not at all; the sync of
// either directory makes it durable.
//
// Paths are split at '/'. A relative path starts at the root too; "." and ".." are resolved by
// text.
//
// Threads: a plain value.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "chronos/result.h"
#include "io/sim/crash_mode.h"
#include "io/sim/prng.h"

namespace chronos::io {

/// Names a file or directory for as long as the disk exists; never used again.
using NodeId = std::uint64_t;

struct Entry {
    NodeId node = 0;
    bool is_directory = false;
};

using Entries = std::map<std::string, Entry, std::less<>>;

/// Where a path leads: a name in an existing directory, and what it stands for, if anything.
struct Place {
    NodeId directory = 0;
    std::string name;  ///< Empty for the root.
    std::optional<Entry> entry;
};

class DirectoryTree {
public:
    DirectoryTree();

    /// Errors: kNotFound if a parent is missing, kInvalidArgument if one is a file. `call` is for
    /// the message.
    [[nodiscard]] Result<Place> find(std::string_view call, std::string_view path) const;

    /// What programs see in a directory.
    [[nodiscard]] const Entries& entries(NodeId directory) const;

    /// Full paths of all files, sorted.
    [[nodiscard]] std::vector<std::string> all_files() const;

    // Changes of names; the caller has checked that they are allowed.
    NodeId create(std::uint64_t sequence, const Place& place, bool is_directory);
    void remove(std::uint64_t sequence, const Place& place);
    void rename(std::uint64_t sequence, const Place& from, const Place& to);

    /// Whether `directory` is `ancestor` or lies below it.
    [[nodiscard]] bool is_within(NodeId directory, NodeId ancestor) const;

    /// Makes the changes of a directory's names durable, with those of others they build upon.
    void sync(NodeId directory);
    /// After a failed sync: programs still see the changes, but they never become durable.
    void forget_pending(NodeId directory);

    [[nodiscard]] std::vector<std::uint64_t> pending_sequences() const;
    void crash(const CrashPlan& plan, Prng& prng);

    /// All nodes that have a name, or may have one after a crash.
    [[nodiscard]] std::set<NodeId> nodes_in_use() const;
    /// Drops directories outside `nodes`.
    void retain(const std::set<NodeId>& nodes);

private:
    struct Directory {
        Entries current;
        Entries durable;
    };
    /// A name of `entry` leaves `from`, comes to `to`, or both.
    struct Change {
        std::uint64_t sequence = 0;
        Entry entry;
        std::optional<Place> from;
        std::optional<Place> to;
        [[nodiscard]] bool touches(const std::set<NodeId>& directories) const;
    };

    void record(Change change);
    [[nodiscard]] bool fits_durable(const Change& change) const;
    void make_durable(const Change& change);
    [[nodiscard]] bool is_durably_within(NodeId directory, NodeId ancestor) const;

    std::unordered_map<NodeId, Directory> directories_;
    std::vector<Change> pending_;
    NodeId next_node_;
};

}  // namespace chronos::io
