#include "io/sim/directory_tree.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/assert.h"
#include "base/result.h"
#include "io/sim/sim_error.h"

namespace chronos::io {

namespace {

constexpr NodeId kRoot = 1;

std::vector<std::string_view> split(std::string_view path) {
    std::vector<std::string_view> parts;
    while (!path.empty()) {
        const std::size_t slash = std::min(path.find('/'), path.size());
        const std::string_view part = path.substr(0, slash);
        path.remove_prefix(std::min(slash + 1, path.size()));
        if (part == ".." && !parts.empty()) parts.pop_back();
        if (!part.empty() && part != "." && part != "..") parts.push_back(part);
    }
    return parts;
}

}  // namespace

DirectoryTree::DirectoryTree() : directories_({{kRoot, {}}}), next_node_(kRoot + 1) {}

Result<Place> DirectoryTree::find(std::string_view call, std::string_view path) const {
    Place place{.directory = kRoot, .name = "", .entry = Entry{kRoot, true}};
    if (path.empty()) {
        return sim_error(ErrorCode::kNotFound, call, path, kNotFoundText);
    }
    for (const std::string_view part : split(path)) {
        if (!place.entry) {
            return sim_error(ErrorCode::kNotFound, call, path, kNotFoundText);
        }
        if (!place.entry->is_directory) {
            return sim_path_error(call, path, kNotDirectoryText);
        }
        const NodeId directory = place.entry->node;
        const Entries& names = entries(directory);
        const auto found = names.find(part);
        place = {.directory = directory, .name = std::string(part), .entry = std::nullopt};
        if (found != names.end()) place.entry = found->second;
    }
    return place;
}

const Entries& DirectoryTree::entries(NodeId directory) const {
    const auto found = directories_.find(directory);
    ASSERT(found != directories_.end());
    return found->second.current;
}

std::vector<std::string> DirectoryTree::all_files() const {
    std::vector<std::string> files;
    const std::function<void(NodeId, const std::string&)> visit = [&](NodeId directory, const std::string& path) {
        for (const auto& [name, entry] : entries(directory)) {
            const std::string child = path + "/" + name;
            if (entry.is_directory) {
                visit(entry.node, child);
            } else {
                files.push_back(child);
            }
        }
    };
    visit(kRoot, "");
    std::sort(files.begin(), files.end());
    return files;
}

NodeId DirectoryTree::create(std::uint64_t sequence, const Place& place, bool is_directory) {
    const Entry entry{.node = next_node_++, .is_directory = is_directory};
    if (is_directory) directories_[entry.node];
    record({.sequence = sequence, .entry = entry, .from = std::nullopt, .to = place});
    return entry.node;
}

void DirectoryTree::remove(std::uint64_t sequence, const Place& place) {
    record({.sequence = sequence, .entry = *place.entry, .from = place, .to = std::nullopt});
}

void DirectoryTree::rename(std::uint64_t sequence, const Place& from, const Place& to) {
    record({.sequence = sequence, .entry = *from.entry, .from = from, .to = to});
}

void DirectoryTree::record(Change change) {
    if (change.from) directories_.at(change.from->directory).current.erase(change.from->name);
    if (change.to) directories_.at(change.to->directory).current[change.to->name] = change.entry;
    pending_.push_back(std::move(change));
}

bool DirectoryTree::is_within(NodeId directory, NodeId ancestor) const {
    if (directory == ancestor) return true;
    const Entries& names = entries(ancestor);
    return std::any_of(names.begin(), names.end(), [&](const auto& item) {
        return item.second.is_directory && is_within(directory, item.second.node);
    });
}

// Durability.

bool DirectoryTree::Change::touches(const std::set<NodeId>& directories) const {
    return (from && directories.contains(from->directory)) || (to && directories.contains(to->directory));
}

void DirectoryTree::sync(NodeId directory) {
    // From the last change back: a rename drags in what was done before in its other directory.
    std::set<NodeId> synced = {directory};
    std::vector<Change> durable;
    std::vector<Change> rest;
    for (auto change = pending_.rbegin(); change != pending_.rend(); ++change) {
        if (!change->touches(synced)) {
            rest.push_back(std::move(*change));
            continue;
        }
        if (change->from) synced.insert(change->from->directory);
        if (change->to) synced.insert(change->to->directory);
        durable.push_back(std::move(*change));
    }
    std::reverse(rest.begin(), rest.end());
    pending_ = std::move(rest);
    for (auto change = durable.rbegin(); change != durable.rend(); ++change) make_durable(*change);
}

void DirectoryTree::forget_pending(NodeId directory) {
    std::erase_if(pending_, [&](const Change& change) { return change.touches({directory}); });
}

/// Whether a change makes sense in the durable tree, where others before it may be missing.
bool DirectoryTree::fits_durable(const Change& change) const {
    if (change.from) {
        const Entries& names = directories_.at(change.from->directory).durable;
        const auto found = names.find(change.from->name);
        if (found == names.end() || found->second.node != change.entry.node) return false;
    }
    if (!change.to) return true;
    const Entries& names = directories_.at(change.to->directory).durable;
    const auto taken = names.find(change.to->name);
    const bool may_replace = change.from && !change.entry.is_directory;
    if (taken != names.end() && (!may_replace || taken->second.is_directory)) return false;
    return !change.entry.is_directory || !is_durably_within(change.to->directory, change.entry.node);
}

void DirectoryTree::make_durable(const Change& change) {
    if (!fits_durable(change)) return;
    if (change.from) directories_.at(change.from->directory).durable.erase(change.from->name);
    if (change.to) directories_.at(change.to->directory).durable[change.to->name] = change.entry;
}

bool DirectoryTree::is_durably_within(NodeId directory, NodeId ancestor) const {
    if (directory == ancestor) return true;
    const Entries& names = directories_.at(ancestor).durable;
    return std::any_of(names.begin(), names.end(), [&](const auto& item) {
        return item.second.is_directory && is_durably_within(directory, item.second.node);
    });
}

std::vector<std::uint64_t> DirectoryTree::pending_sequences() const {
    std::vector<std::uint64_t> sequences;
    for (const Change& change : pending_) sequences.push_back(change.sequence);
    return sequences;
}

void DirectoryTree::crash(const CrashPlan& plan, Prng& prng) {
    for (const Change& change : pending_) {
        const bool kept = plan.scattered ? prng.chance(0.5) : change.sequence < plan.keep_before;
        if (kept) make_durable(change);
    }
    pending_.clear();
    for (auto& [id, directory] : directories_) directory.current = directory.durable;
}

std::set<NodeId> DirectoryTree::nodes_in_use() const {
    std::set<NodeId> nodes;
    std::vector<NodeId> to_visit = {kRoot};
    const auto use = [&](const Entry& entry) {
        if (nodes.insert(entry.node).second && entry.is_directory) to_visit.push_back(entry.node);
    };
    for (const Change& change : pending_) {
        use(change.entry);
        if (change.from) use({.node = change.from->directory, .is_directory = true});
        if (change.to) use({.node = change.to->directory, .is_directory = true});
    }
    nodes.insert(kRoot);
    while (!to_visit.empty()) {
        const Directory& directory = directories_.at(to_visit.back());
        to_visit.pop_back();
        for (const auto& [name, entry] : directory.current) use(entry);
        for (const auto& [name, entry] : directory.durable) use(entry);
    }
    return nodes;
}

void DirectoryTree::retain(const std::set<NodeId>& nodes) {
    std::erase_if(directories_, [&](const auto& item) { return !nodes.contains(item.first); });
}

}  // namespace chronos::io
