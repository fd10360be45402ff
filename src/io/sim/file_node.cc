#include "io/sim/file_node.h"

#include <algorithm>
#include <array>
#include <utility>

namespace chronos::io {

namespace {

FileChange data_change(std::uint64_t sequence, std::uint64_t offset, std::span<const std::byte> bytes) {
    FileChange change{.sequence = sequence, .offset = offset, .size = bytes.size()};
    if (!is_zero(bytes)) {
        change.bytes = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
    }
    return change;
}

bool is_resize(const FileChange& change) { return change.kind == FileChange::Kind::kResize; }

}  // namespace

FileChange FileChange::part(std::uint64_t begin, std::uint64_t end) const {
    FileChange change = *this;
    change.offset = begin;
    change.size = end - begin;
    change.bytes_begin = bytes_begin + (begin - offset);
    return change;
}

void FileChange::apply_to(Image& image) const {
    if (kind == Kind::kResize) {
        image.resize(size);
    } else if (bytes == nullptr) {
        image.write_zeros(offset, size);
    } else {
        image.write(offset, std::span(*bytes).subspan(bytes_begin, size));
    }
}

void FileNode::write(std::uint64_t sequence, std::uint64_t offset, std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    const std::uint64_t old_size = current_.size();
    current_.write(offset, bytes);
    pending_.push_back(data_change(sequence, offset, bytes));
    if (current_.size() > old_size) {
        pending_.push_back({.sequence = sequence, .kind = FileChange::Kind::kResize, .size = current_.size()});
    }
}

void FileNode::resize(std::uint64_t sequence, std::uint64_t size) {
    pending_.push_back(
        {.sequence = sequence, .kind = FileChange::Kind::kResize, .shrinks = size < current_.size(), .size = size});
    current_.resize(size);
}

void FileNode::write_durable(std::uint64_t offset, std::span<const std::byte> bytes) {
    const std::uint64_t end = offset + bytes.size();
    current_.write(offset, bytes);
    // As O_DSYNC: what is needed to find the bytes again is durable too. That is a size that
    // reaches them, and that no earlier cut of the file is still to come; no other data.
    commit_shrinks();
    drop_pending_data(offset, end);
    for (FileChange& change : pending_) {
        if (is_resize(change)) change.size = std::max(change.size, end);
    }
    durable_.write(offset, bytes);
}

void FileNode::commit_shrinks() {
    const auto last =
        std::find_if(pending_.rbegin(), pending_.rend(), [](const FileChange& change) { return change.shrinks; });
    if (last == pending_.rend()) return;
    std::vector<FileChange> rest;
    for (auto change = pending_.begin(); change != last.base(); ++change) {
        if (!is_resize(*change)) {
            rest.push_back(std::move(*change));
        } else if (change->shrinks) {
            const std::uint64_t size = change->size;
            durable_.resize(size);
            std::erase_if(rest, [&](const FileChange& data) { return data.offset >= size; });
            for (FileChange& data : rest) data.size = std::min(data.size, size - data.offset);
        }
    }
    std::move(last.base(), pending_.end(), std::back_inserter(rest));
    pending_ = std::move(rest);
}

void FileNode::drop_pending_data(std::uint64_t begin, std::uint64_t end) {
    std::vector<FileChange> rest;
    for (FileChange& change : pending_) {
        if (is_resize(change) || change.end() <= begin || change.offset >= end) {
            rest.push_back(std::move(change));
            continue;
        }
        if (change.offset < begin) rest.push_back(change.part(change.offset, begin));
        if (change.end() > end) rest.push_back(change.part(end, change.end()));
    }
    pending_ = std::move(rest);
}

void FileNode::sync() {
    for (const FileChange& change : pending_) change.apply_to(durable_);
    pending_.clear();
}

void FileNode::overlay(std::uint64_t sequence, std::uint64_t offset, std::span<const std::byte> bytes) {
    current_.write(offset, bytes);
    const std::uint64_t durable_end = std::clamp(durable_.size(), offset, offset + bytes.size()) - offset;
    drop_pending_data(offset, offset + durable_end);
    durable_.write(offset, bytes.first(durable_end));
    const auto beyond = bytes.subspan(durable_end);
    if (!beyond.empty()) pending_.push_back(data_change(sequence, offset + durable_end, beyond));
}

// Crashes.

void FileNode::crash(const CrashPlan& plan, Prng& prng) {
    if (!pending_.empty()) {
        if (plan.scattered) {
            keep_scattered(plan, prng);
        } else {
            keep_before(plan.keep_before);
        }
        pending_.clear();
    }
    current_ = durable_;
}

void FileNode::keep_before(std::uint64_t sequence) {
    for (const FileChange& change : pending_) {
        if (change.sequence < sequence) change.apply_to(durable_);
    }
}

namespace {

/// Calls `visit(piece, sector)` for the data's parts that lie in one sector each.
template <typename Visit>
void for_each_sector(const FileChange& data, const Visit& visit) {
    for (std::uint64_t begin = data.offset; begin < data.end();) {
        const std::uint64_t sector = begin / kSectorSize;
        const std::uint64_t end = std::min(data.end(), (sector + 1) * kSectorSize);
        visit(begin, end, sector);
        begin = end;
    }
}

/// For each sector the last change whose bytes are kept. A sector is written as memory has it, so
/// all earlier changes of that sector are kept with it.
class KeptSectors {
public:
    KeptSectors(const std::vector<FileChange>& changes, Prng& prng) {
        std::uint64_t begin = UINT64_MAX;
        std::uint64_t end = 0;
        for (const FileChange& change : changes) {
            if (is_resize(change)) continue;
            begin = std::min(begin, change.offset / kSectorSize);
            end = std::max(end, (change.end() + kSectorSize - 1) / kSectorSize);
        }
        if (begin >= end) return;
        first_sector_ = begin;
        kept_count_.resize(end - begin);
        for (std::size_t i = 0; i < changes.size(); ++i) draw(changes[i], i, prng);
    }

    [[nodiscard]] bool has(std::uint64_t sector, std::size_t change_index) const {
        return change_index < kept_count_[sector - first_sector_];
    }

private:
    void draw(const FileChange& change, std::size_t index, Prng& prng) {
        if (is_resize(change)) return;
        // Whole writes kept or lost are likely outcomes too; of many sectors, single coins would
        // never draw them.
        constexpr std::array<double, 4> kProbabilities = {0.0, 0.5, 0.9, 1.0};
        const double probability = kProbabilities[prng.below(kProbabilities.size())];
        for_each_sector(change, [&](std::uint64_t, std::uint64_t, std::uint64_t sector) {
            if (!prng.chance(probability)) return;
            kept_count_[sector - first_sector_] = static_cast<std::uint32_t>(index + 1);
        });
    }

    std::uint64_t first_sector_ = 0;
    std::vector<std::uint32_t> kept_count_;
};

}  // namespace

void FileNode::keep_scattered(const CrashPlan& plan, Prng& prng) {
    const KeptSectors kept(pending_, prng);
    std::uint64_t size = durable_.size();
    for (std::size_t i = 0; i < pending_.size(); ++i) {
        const FileChange& change = pending_[i];
        if (is_resize(change)) {
            if (!prng.chance(0.5)) continue;
            size = change.size;
            durable_.resize(size);
            continue;
        }
        for_each_sector(change, [&](std::uint64_t begin, std::uint64_t end, std::uint64_t sector) {
            if (kept.has(sector, i)) {
                change.part(begin, end).apply_to(durable_);
            } else if (prng.chance(plan.garbage_probability)) {
                std::array<std::byte, kSectorSize> garbage;
                const auto bytes = std::span(garbage).first(end - begin);
                prng.fill(bytes);
                durable_.write(begin, bytes);
            }
        });
    }
    durable_.resize(size);  // Bytes may have arrived beyond a size that did not.
}

}  // namespace chronos::io
