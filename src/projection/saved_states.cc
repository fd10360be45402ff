#include "projection/saved_states.h"

#include <algorithm>
#include <utility>

#include "base/result.h"

namespace chronos::projection {
namespace {

std::size_t tier_of(const SnapshotFile& file, std::size_t merge_count) {
    std::size_t tier = 0;
    std::size_t turns = file.last_turn() - file.first_turn() + std::size_t{1};
    for (; turns >= merge_count; turns /= merge_count) ++tier;
    return tier;
}

std::string file_name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

SavedStates::SavedStates(io::FileSystem& files, cache::ImageCache& cache, Options options)
    : file_system_(files), cache_(cache), options_(std::move(options)) {}

Result<std::shared_ptr<SnapshotFile>> SavedStates::open(const std::string& path) {
    return SnapshotFile::open(file_system_, cache_, path, options_.owner);
}

/// Those that can be used, of overlapping ones that with the most turns. Requires: mutex_.
SavedStates::Files SavedStates::open_files() {
    Files opened;
    const auto exists = file_system_.exists(options_.directory);
    if (!exists.ok() || !*exists) return opened;
    const auto entries = file_system_.list(options_.directory);
    if (!entries.ok()) return opened;
    for (const io::DirectoryEntry& entry : *entries) {
        const auto turns = entry.is_directory ? std::nullopt : parse_snapshot_file_name(entry.name);
        if (!turns) continue;
        last_turn_ = std::max(last_turn_, turns->second);
        auto file = open(options_.directory + "/" + entry.name);
        if (file.ok() && std::pair((*file)->first_turn(), (*file)->last_turn()) == *turns)
            opened.push_back(std::move(file).value());
    }
    std::sort(opened.begin(), opened.end(), [](const auto& a, const auto& b) {
        return std::pair(a->first_turn(), b->last_turn()) < std::pair(b->first_turn(), a->last_turn());
    });
    Files chosen;
    for (auto& file : opened)
        if (chosen.empty() || file->first_turn() > chosen.back()->last_turn()) chosen.push_back(std::move(file));
    return chosen;
}

std::shared_ptr<const SavedStates::Files> SavedStates::files() {
    const std::lock_guard lock(mutex_);
    if (files_ == nullptr) files_ = std::make_shared<const Files>(open_files());
    return files_;
}

SavedStates::Sizes SavedStates::sizes() {
    const auto held = files();
    Sizes sizes{.file_count = held->size()};
    for (const auto& file : *held) sizes.file_bytes += file->file_size();
    return sizes;
}

void SavedStates::change(const std::function<void(Files&)>& change) {
    auto held = files();
    const std::lock_guard lock(mutex_);
    Files changed = *files_;
    change(changed);
    held = std::exchange(files_, std::make_shared<const Files>(std::move(changed)));
}

void SavedStates::drop(const SnapshotFile* file) {
    change([&](Files& files) { std::erase_if(files, [&](const auto& each) { return each.get() == file; }); });
}

std::optional<SavedState> SavedStates::find(const SnapshotKey& key, const SnapshotFile::Limits& limits) {
    const auto held = files();
    for (auto file = held->rbegin(); file != held->rend(); ++file) {
        auto entry = (*file)->find(key, limits);
        if (entry.ok() && !entry->has_value()) continue;
        if (entry.ok()) {
            auto state = (*file)->read(**entry);
            if (state.ok()) return std::move(state).value();
        }
        drop(file->get());  // Damaged: what is older may still serve.
    }
    return std::nullopt;
}

std::uint64_t SavedStates::longest(const SnapshotKey& key) {
    const auto held = files();
    for (auto file = held->rbegin(); file != held->rend(); ++file) {
        const auto entry = (*file)->find(key, {});
        if (!entry.ok()) {
            drop(file->get());
        } else if (entry->has_value()) {
            return (*entry)->event_count;
        }
    }
    return 0;
}

/// Files that were merged, are damaged or were left unfinished. Best effort: they do no harm.
void SavedStates::remove_unused() {
    const auto entries = file_system_.list(options_.directory);
    if (!entries.ok()) return;
    const auto held = files();
    for (const io::DirectoryEntry& entry : *entries) {
        const bool is_ours = entry.name.ends_with(".snap") || entry.name.ends_with(".snap.tmp");
        const bool is_used = std::any_of(held->begin(), held->end(),
                                         [&](const auto& file) { return file_name_of(file->path()) == entry.name; });
        if (is_ours && !is_used && !entry.is_directory)
            (void)file_system_.remove_file(options_.directory + "/" + entry.name);
    }
}

Status SavedStates::prepare_directory() {
    if (directory_is_ready_) return {};
    ASSIGN_OR_RETURN(const bool exists, file_system_.exists(options_.directory));
    if (!exists) RETURN_IF_ERROR(file_system_.make_directory(options_.directory));
    RETURN_IF_ERROR(file_system_.sync_directory(options_.directory.substr(0, options_.directory.rfind('/'))));
    directory_is_ready_ = true;
    remove_unused();
    return {};
}

Result<std::unique_ptr<SnapshotFileWriter>> SavedStates::begin() {
    (void)files();  // So that the turns that there are are known.
    RETURN_IF_ERROR(prepare_directory());
    std::uint32_t turn = 0;
    {
        const std::lock_guard lock(mutex_);
        if (last_turn_ == kTurnMax) return base::fail(ErrorCode::kLimitExceeded, "no turn is left for snapshots");
        turn = ++last_turn_;
    }
    return SnapshotFileWriter::create(file_system_, options_.directory,
                                      {.owner = options_.owner, .first_turn = turn, .last_turn = turn});
}

Status SavedStates::add(SnapshotFileWriter& writer) {
    ASSIGN_OR_RETURN(const std::string path, writer.finish());
    ASSIGN_OR_RETURN(auto file, open(path));
    change([&](Files& files) { files.push_back(std::move(file)); });
    return {};
}

bool SavedStates::merge_once() {
    const auto held = files();
    // The newest run of one tier.
    std::size_t first = held->size();
    while (first > 0 &&
           tier_of(*(*held)[first - 1], options_.merge_count) == tier_of(*held->back(), options_.merge_count))
        --first;
    const std::span<const std::shared_ptr<SnapshotFile>> parts = std::span(*held).subspan(first);
    if (parts.size() < options_.merge_count) return false;
    const auto merged = [&]() -> Result<std::shared_ptr<SnapshotFile>> {
        ASSIGN_OR_RETURN(const std::string path,
                         SnapshotFileWriter::merge(file_system_, options_.directory, options_.owner, parts));
        return open(path);
    }();
    if (!merged.ok()) {
        const bool is_damage = merged.error().code == ErrorCode::kCorrupt;
        for (const auto& part : parts)
            if (is_damage && !part->verify().ok()) drop(part.get());
        return false;
    }
    const std::vector<std::shared_ptr<SnapshotFile>> replaced(parts.begin(), parts.end());
    change([&](Files& files) {
        std::erase_if(files, [&](const auto& file) {
            return file->first_turn() >= (*merged)->first_turn() && file->last_turn() <= (*merged)->last_turn();
        });
        const auto behind = std::find_if(files.begin(), files.end(),
                                         [&](const auto& file) { return file->first_turn() > (*merged)->last_turn(); });
        files.insert(behind, *merged);
    });
    for (const auto& part : replaced) (void)file_system_.remove_file(part->path());
    return true;
}

std::vector<DamagedSnapshots> verify_snapshots(io::FileSystem& files, const std::string& directory,
                                               const SnapshotFile::Owner& owner) {
    constexpr std::uint64_t kCacheBytes = std::uint64_t{16} << 20;
    std::vector<DamagedSnapshots> damaged;
    cache::ImageCache cache(kCacheBytes);
    const auto entries = files.list(directory);
    if (!entries.ok()) return damaged;  // There are none.
    for (const io::DirectoryEntry& entry : *entries) {
        if (entry.is_directory || !parse_snapshot_file_name(entry.name)) continue;
        const auto verify = [&]() -> Status {
            ASSIGN_OR_RETURN(const auto file, SnapshotFile::open(files, cache, directory + "/" + entry.name, owner));
            return file->verify();
        };
        if (Status verified = verify(); !verified.ok())
            damaged.push_back({entry.name, std::move(verified).error().message});
    }
    return damaged;
}

}  // namespace chronos::projection
