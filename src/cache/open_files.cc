#include "cache/open_files.h"

#include <algorithm>
#include <utility>

#include "base/result.h"

namespace chronos::cache {

void OpenFiles::set_count_max(std::size_t count_max) {
    std::vector<std::shared_ptr<io::File>> closing;  // Closed when the lock is free.
    const std::lock_guard lock(mutex_);
    count_max_ = std::max<std::size_t>(count_max, 1);
    close_some(count_max_, closing);
}

std::size_t OpenFiles::count() const {
    const std::lock_guard lock(mutex_);
    return files_.size() + kept_count_;
}

std::uint64_t OpenFiles::reopens() const {
    const std::lock_guard lock(mutex_);
    return reopens_;
}

/// Requires: mutex_.
void OpenFiles::enter(ColdFile& file) {
    file.was_used_ = true;
    files_.push_back(&file);
}

/// Requires: mutex_.
void OpenFiles::leave(ColdFile& file) {
    const auto at = std::find(files_.begin(), files_.end(), &file);
    if (at == files_.end()) return;
    *at = files_.back();
    files_.pop_back();
}

/// Until at most `count_max` are open, passing once over those that were used. Requires: mutex_.
void OpenFiles::close_some(std::size_t count_max, std::vector<std::shared_ptr<io::File>>& closing) {
    while (files_.size() > count_max) {
        if (hand_ >= files_.size()) hand_ = 0;
        ColdFile& file = *files_[hand_];
        if (std::exchange(file.was_used_, false)) {
            ++hand_;
            continue;
        }
        closing.push_back(std::move(file.file_));
        file.file_ = nullptr;
        files_[hand_] = files_.back();
        files_.pop_back();
    }
}

ColdFile::ColdFile(OpenFiles& pool, io::FileSystem& files, std::string path, std::unique_ptr<io::File> file)
    : pool_(pool), files_(files), path_(std::move(path)), file_(std::move(file)) {
    std::vector<std::shared_ptr<io::File>> closing;
    const std::lock_guard lock(pool_.mutex_);
    pool_.enter(*this);
    pool_.close_some(pool_.count_max_, closing);
}

ColdFile::~ColdFile() {
    const std::lock_guard lock(pool_.mutex_);
    if (is_kept_)
        --pool_.kept_count_;
    else if (file_ != nullptr)
        pool_.leave(*this);
}

/// Whoever holds what is returned may read, even if the pool closes the file meanwhile.
Result<std::shared_ptr<io::File>> ColdFile::opened() {
    {
        const std::lock_guard lock(pool_.mutex_);
        if (file_ != nullptr) {
            was_used_ = true;
            return file_;
        }
    }
    std::vector<std::shared_ptr<io::File>> closing;
    auto file = files_.open(path_, io::OpenMode::kRead);
    if (!file.ok() && file.error().code == ErrorCode::kIo) {
        // The rest of the process may have taken the descriptors: give some back, and try once more.
        {
            const std::lock_guard lock(pool_.mutex_);
            pool_.close_some(pool_.files_.size() / 2, closing);
        }
        closing.clear();
        file = files_.open(path_, io::OpenMode::kRead);
    }
    if (!file.ok()) return std::move(file).error();
    std::shared_ptr<io::File> fresh = std::move(file).value();
    const std::lock_guard lock(pool_.mutex_);
    ++pool_.reopens_;
    if (file_ != nullptr) return file_;  // Opened by somebody else meanwhile.
    file_ = fresh;
    pool_.enter(*this);
    pool_.close_some(pool_.count_max_, closing);
    return fresh;
}

Status ColdFile::keep_open() {
    ASSIGN_OR_RETURN(const auto file, opened());
    const std::lock_guard lock(pool_.mutex_);
    if (is_kept_) return {};
    if (file_ != nullptr) pool_.leave(*this);
    file_ = file;
    is_kept_ = true;
    ++pool_.kept_count_;
    return {};
}

Result<std::size_t> ColdFile::read_at(std::uint64_t offset, std::span<std::byte> out) {
    ASSIGN_OR_RETURN(const auto file, opened());
    return file->read_at(offset, out);
}

Result<std::size_t> ColdFile::read_disk_at(std::uint64_t offset, std::span<std::byte> out) {
    ASSIGN_OR_RETURN(const auto file, opened());
    return file->read_disk_at(offset, out);
}

Result<std::uint64_t> ColdFile::size() {
    ASSIGN_OR_RETURN(const auto file, opened());
    return file->size();
}

Result<std::uint64_t> ColdFile::size_on_disk() {
    ASSIGN_OR_RETURN(const auto file, opened());
    return file->size_on_disk();
}

namespace {

Error only_read(const std::string& path) { return base::fail(ErrorCode::kInvalidArgument, path + " is only read"); }

}  // namespace

Status ColdFile::write_at(std::uint64_t, std::span<const std::byte>) { return only_read(path_); }
Status ColdFile::write_durable_at(std::uint64_t, std::span<const std::byte>) { return only_read(path_); }
Status ColdFile::sync() { return only_read(path_); }
Status ColdFile::truncate(std::uint64_t) { return only_read(path_); }
Result<bool> ColdFile::allocate(std::uint64_t) { return only_read(path_); }

}  // namespace chronos::cache
