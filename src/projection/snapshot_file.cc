#include "projection/snapshot_file.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "base/checksum.h"
#include "base/planted_bug.h"
#include "base/result.h"
#include "json/merge_tree.h"

namespace chronos::projection {
namespace {

constexpr std::string_view kExtension = ".snap";

std::optional<std::uint32_t> parse_number(std::string_view text) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number > kTurnMax) return std::nullopt;
    return number;
}

template <typename T>
Result<T> read_value(io::File& file, std::uint64_t offset) {
    std::array<std::byte, sizeof(T)> bytes{};
    ASSIGN_OR_RETURN(const std::size_t got, file.read_at(offset, bytes));
    if (got != sizeof(T)) return base::fail(ErrorCode::kCorrupt, "is cut off");
    return base::load<T>(bytes.data());
}

std::uint32_t crc_of(const SnapshotFooter& footer) {
    return base::crc32c(std::as_bytes(std::span(&footer, 1)).subspan(offsetof(SnapshotFooter, resident_crc)));
}

}  // namespace

/// Pins the body while a look-up reads it. The cache could not take blocks of this file to make room for those that
/// were loaded, so it is asked to once they are free.
class SnapshotFile::Pin {
public:
    explicit Pin(const SnapshotFile& file) : file_(file) { file_.image_->pin(); }
    ~Pin() {
        file_.image_->unpin();
        if (has_loaded_) file_.cache_->trim();
    }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;

    /// Makes bytes readable, as long as this lives.
    Result<const std::byte*> load(std::uint64_t offset, std::uint64_t size) {
        if (!file_.image_->is_loaded(offset, offset + size)) {
            has_loaded_ = true;
            RETURN_IF_ERROR(file_.image_->load(offset, offset + size));
        }
        return static_cast<const std::byte*>(file_.image_->data() + offset);
    }
    [[nodiscard]] const SnapshotLayout& layout() const { return file_.layout_; }

private:
    const SnapshotFile& file_;
    bool has_loaded_ = false;
};

std::string snapshot_file_name(std::uint32_t first_turn, std::uint32_t last_turn) {
    std::array<char, 48> name{};
    const int size = std::snprintf(name.data(), name.size(), "%06u-%06u.snap", first_turn, last_turn);
    return {name.data(), static_cast<std::size_t>(size)};
}

std::optional<std::pair<std::uint32_t, std::uint32_t>> parse_snapshot_file_name(std::string_view name) {
    const std::size_t dash = name.find('-');
    if (!name.ends_with(kExtension) || dash == std::string_view::npos) return std::nullopt;
    const auto first = parse_number(name.substr(0, dash));
    const auto last = parse_number(name.substr(dash + 1, name.size() - kExtension.size() - dash - 1));
    if (!first || !last || *first > *last || snapshot_file_name(*first, *last) != name) return std::nullopt;
    return std::pair(*first, *last);
}

Error SnapshotFile::corrupt(std::string_view what) const {
    return base::fail(ErrorCode::kCorrupt, path_ + ": " + std::string(what));
}

Status SnapshotFile::read_head_and_footer(std::uint64_t size, const Owner& owner) {
    ASSIGN_OR_RETURN(const auto head, read_value<SnapshotHead>(*file_, 0));
    const SnapshotHead expected;
    if (head.magic != expected.magic) return corrupt("is not a snapshot file");
    if (head.format_version != kSnapshotFormatVersion)
        return base::fail(ErrorCode::kUnsupported,
                          path_ + ": format " + std::to_string(head.format_version) + ", this version reads format 1");
    if (head.zero != expected.zero) return corrupt("has a damaged head");
    ASSIGN_OR_RETURN(footer_, read_value<SnapshotFooter>(*file_, size - sizeof(SnapshotFooter)));
    if (footer_.magic != SnapshotFooter().magic || footer_.crc != crc_of(footer_))
        return corrupt("has no end that matches its checksum");
    if (footer_.database != owner.database) return corrupt("is of another database");
    if (footer_.store_epoch != owner.store_epoch) return corrupt("is of another epoch of the store");
    if (footer_.first_turn > footer_.last_turn || footer_.last_turn > kTurnMax)
        return corrupt("has turns that cannot be");
    const std::optional<SnapshotLayout> layout = layout_of(footer_);
    if (!layout || footer_.file_size != size || layout->file_size != size)
        return corrupt("does not have the size that its counts give");
    layout_ = *layout;
    return {};
}

Result<std::shared_ptr<SnapshotFile>> SnapshotFile::open(io::FileSystem& files, cache::ImageCache& cache,
                                                         const std::string& path, const Owner& owner) {
    std::shared_ptr<SnapshotFile> file(new SnapshotFile());
    file->path_ = path;
    ASSIGN_OR_RETURN(file->file_, files.open(path, io::OpenMode::kRead));
    ASSIGN_OR_RETURN(const std::uint64_t size, file->file_->size());
    if (size < sizeof(SnapshotHead) + sizeof(SnapshotFooter) || size > kSnapshotFileSizeMax)
        return file->corrupt("has a size that no snapshot file has");
    if (Status read = file->read_head_and_footer(size, owner); !read.ok()) return std::move(read).error();
    std::vector<std::uint32_t> crcs(file->layout_.block_count);
    const auto crc_bytes = std::as_writable_bytes(std::span(crcs));
    ASSIGN_OR_RETURN(const std::size_t got, file->file_->read_at(file->layout_.body_size, crc_bytes));
    if (got != crc_bytes.size() || base::crc32c(crc_bytes) != file->footer_.resident_crc)
        return file->corrupt("has block checksums that do not match theirs");
    file->cache_ = &cache;
    file->image_ = std::make_unique<cache::FileImage>(
        cache,
        cache::ImageSource{
            .file = file->file_.get(), .name = path, .size = file->layout_.body_size, .block_crcs = std::move(crcs)});
    return file;
}

Result<SnapshotEntry> SnapshotFile::load_entry(Pin& pin, std::uint64_t index) {
    ASSIGN_OR_RETURN(const std::byte* at, pin.load(pin.layout().entry_at(index), sizeof(SnapshotEntry)));
    return base::load<SnapshotEntry>(at);
}

Result<SnapshotEntry> SnapshotFile::checked_entry(Pin& pin, std::uint64_t index) const {
    ASSIGN_OR_RETURN(const SnapshotEntry entry, load_entry(pin, index));
    const bool lies_inside = entry.offset >= sizeof(SnapshotHead) && entry.offset % 8 == 0 &&
                             entry.offset <= footer_.states_end && entry.size() <= footer_.states_end - entry.offset;
    if (!lies_inside || entry.zero != 0 || entry.fold > static_cast<std::uint8_t>(Fold::kShallow) ||
        entry.branch > event::kBranchMax || entry.event_count == 0 || entry.late_events >= entry.event_count ||
        entry.json_size > kSavedJsonSizeMax)
        return corrupt("has an entry that cannot be");
    return entry;
}

Result<SnapshotEntry> SnapshotFile::entry(std::uint64_t index) const {
    Pin pin(*this);
    return checked_entry(pin, index);
}

Result<std::optional<SnapshotEntry>> SnapshotFile::find(const SnapshotKey& key, const Limits& limits) const {
    Pin pin(*this);
    const auto wanted = std::tuple(key.hash, key.branch, static_cast<std::uint8_t>(key.fold));
    const auto is_usable = [&](const SnapshotEntry& entry) {
        const bool occurred = !limits.as_of || entry.max_occurred_at <= limits.as_of->ns ||
                              base::is_planted(base::Bug::kSnapshotIgnoresAsOf);
        return entry.event_count <= limits.count_max && occurred;
    };
    std::uint64_t low = 0;
    std::uint64_t high = footer_.entry_count;
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        ASSIGN_OR_RETURN(const SnapshotEntry there, load_entry(pin, middle));
        const auto order = std::tuple(there.hash, there.branch, there.fold);
        if (order < wanted || (order == wanted && is_usable(there))) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) return std::optional<SnapshotEntry>();
    ASSIGN_OR_RETURN(const SnapshotEntry found, checked_entry(pin, low - 1));
    if (std::tuple(found.hash, found.branch, found.fold) != wanted || !is_usable(found) ||
        found.entity_size != key.entity_id.size())
        return std::optional<SnapshotEntry>();
    ASSIGN_OR_RETURN(const std::byte* entity, pin.load(found.offset, found.entity_size));
    if (std::memcmp(entity, key.entity_id.data(), key.entity_id.size()) != 0) return std::optional<SnapshotEntry>();
    return std::optional(found);
}

Result<SavedState> SnapshotFile::read(const SnapshotEntry& entry) const {
    Pin pin(*this);
    ASSIGN_OR_RETURN(const std::byte* at, pin.load(entry.offset, entry.size()));
    SavedState state;
    state.entry = entry;
    state.json = base::as_text({at + entry.entity_size, entry.json_size});
    state.origins.resize(entry.leaf_count);
    if (entry.leaf_count > 0)
        std::memcpy(state.origins.data(), at + entry.origins_offset(), state.origins.size() * sizeof(std::uint64_t));
    if (std::any_of(state.origins.begin(), state.origins.end(),
                    [&](std::uint64_t origin) { return origin > entry.last_seq; }))
        return corrupt("has a state with a field from behind its end");
    return state;
}

Status SnapshotFile::copy(std::uint64_t offset, std::span<std::byte> out) const {
    Pin pin(*this);
    ASSIGN_OR_RETURN(const std::byte* from, pin.load(offset, out.size()));
    std::memcpy(out.data(), from, out.size());
    return {};
}

Status SnapshotFile::verify() const {
    std::optional<SnapshotEntry> before;
    for (std::uint64_t i = 0; i < footer_.entry_count; ++i) {
        ASSIGN_OR_RETURN(const SnapshotEntry each, entry(i));
        if (before && each.order() < before->order()) return corrupt("has entries out of order");
        before = each;
        ASSIGN_OR_RETURN(const SavedState state, read(each));
        if (auto restored = json::MergeTree::restore(state.json, state.origins); !restored.ok())
            return corrupt(restored.error().message);
    }
    // What lies between the states.
    std::vector<std::byte> piece(cache::kImageBlockSize);
    for (std::uint64_t at = 0; at < footer_.states_end; at += piece.size()) {
        const std::uint64_t size = std::min<std::uint64_t>(piece.size(), footer_.states_end - at);
        RETURN_IF_ERROR(copy(at, std::span(piece).first(size)));
    }
    return {};
}

}  // namespace chronos::projection
