#include "store/scrubber.h"

#include <algorithm>

namespace chronos::store {
namespace {

constexpr std::size_t kPieceSize = std::size_t{1} << 20;
constexpr std::size_t kFindingsMax = 100;

}  // namespace

std::uint64_t Scrubber::step() {
    std::uint64_t checked = check_segment();
    if (checked == 0) checked = check_index();
    bytes_.fetch_add(checked, std::memory_order_relaxed);
    if (checked > 0) return checked;
    slot_ = 0;
    offset_ = 0;
    index_file_ = 0;
    passes_.fetch_add(1, std::memory_order_relaxed);
    return 0;
}

std::uint64_t Scrubber::check_segment() {
    while (slot_ < log_.segment_count()) {
        scratch_.resize(kPieceSize);
        const auto checked = log_.check_piece(slot_, offset_, scratch_);
        if (!checked.ok()) report(checked.error());
        if (checked.ok() && *checked > 0) {
            offset_ += *checked;
            return *checked;
        }
        // At its end, not sealed, or damaged: what is behind the damage in it is not looked at.
        ++slot_;
        offset_ = 0;
        if (!checked.ok()) return kPieceSize;
    }
    return 0;
}

std::uint64_t Scrubber::check_index() {
    const auto parts = indexes_.parts();
    if (index_file_ >= parts->files.size()) return 0;
    const index::IndexFile& file = *parts->files[index_file_++].file;
    if (Status verified = file.verify(); !verified.ok()) report(verified.error());
    return file.file_size();
}

void Scrubber::report(const Error& error) {
    const std::lock_guard lock(findings_mutex_);
    if (findings_.size() < kFindingsMax &&
        std::find(findings_.begin(), findings_.end(), error.message) == findings_.end())
        findings_.push_back(error.message);
}

std::vector<std::string> Scrubber::findings() const {
    const std::lock_guard lock(findings_mutex_);
    return findings_;
}

}  // namespace chronos::store
