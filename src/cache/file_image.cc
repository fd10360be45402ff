#include "cache/file_image.h"

#include <algorithm>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/planted_bug.h"
#include "base/result.h"
#include "cache/image_cache.h"

namespace chronos::cache {
namespace {

constexpr std::uint64_t kBitsPerWord = 64;

std::uint64_t blocks_of(std::uint64_t size) { return (size + kImageBlockSize - 1) / kImageBlockSize; }
std::uint64_t words_of(std::uint64_t size) { return (blocks_of(size) + kBitsPerWord - 1) / kBitsPerWord; }
std::uint64_t bit_of(std::uint64_t block) { return std::uint64_t{1} << (block % kBitsPerWord); }

}  // namespace

std::vector<std::uint32_t> block_crcs_of(std::span<const std::byte> bytes) {
    std::vector<std::uint32_t> crcs;
    crcs.reserve(blocks_of(bytes.size()));
    for (std::size_t at = 0; at < bytes.size(); at += kImageBlockSize)
        crcs.push_back(base::crc32c(bytes.subspan(at, std::min(kImageBlockSize, bytes.size() - at))));
    return crcs;
}

FileImage::FileImage(io::AlignedBuffer memory) : memory_(std::move(memory)), is_whole_(true) {}

FileImage::FileImage(ImageCache& cache, ImageSource source) : memory_(source.size) {
    memory_.use_small_pages();
    loaded_ = std::make_unique<std::atomic<std::uint64_t>[]>(words_of(source.size));
    used_ = std::make_unique<std::atomic<std::uint64_t>[]>(words_of(source.size));
    ASSERT(source.block_crcs.size() == blocks_of(source.size));
    source_ = std::move(source);
    is_evictable_.store(true, std::memory_order_release);
    cache_ = &cache;
    cache_->add(*this);
}

FileImage::~FileImage() {
    if (cache_ != nullptr) cache_->remove(*this);
}

void FileImage::make_evictable(ImageCache& cache, ImageSource source) {
    ASSERT(cache_ == nullptr && source.size <= memory_.size() && source.block_crcs.size() == blocks_of(source.size));
    loaded_ = std::make_unique<std::atomic<std::uint64_t>[]>(words_of(source.size));
    used_ = std::make_unique<std::atomic<std::uint64_t>[]>(words_of(source.size));
    for (std::uint64_t block = 0; block < blocks_of(source.size); ++block)
        loaded_[block / kBitsPerWord].fetch_or(bit_of(block), std::memory_order_relaxed);
    memory_.use_small_pages();
    loaded_bytes_.store(blocks_of(source.size) * kImageBlockSize, std::memory_order_relaxed);
    source_ = std::move(source);
    cache_ = &cache;
    is_evictable_.store(true, std::memory_order_release);
    cache_->add(*this);  // Its mutex makes all of this known to the evictor, which alone ends is_whole_.
}

void FileImage::pin_slowly() {
    while (true) {
        gate_.fetch_sub(1);
        std::uint32_t gate = gate_.load();
        while ((gate & kEvicting) != 0) {
            gate_.wait(gate);
            gate = gate_.load();
        }
        if ((gate_.fetch_add(1) & kEvicting) == 0) return;
    }
}

bool FileImage::are_blocks_loaded(std::uint64_t begin, std::uint64_t end) const {
    for (std::uint64_t block = begin / kImageBlockSize; block < blocks_of(end); ++block) {
        const std::uint64_t bit = bit_of(block);
        if ((loaded_[block / kBitsPerWord].load(std::memory_order_acquire) & bit) == 0) return false;
        std::atomic<std::uint64_t>& used = used_[block / kBitsPerWord];
        if ((used.load(std::memory_order_relaxed) & bit) == 0) used.fetch_or(bit, std::memory_order_relaxed);
    }
    return true;
}

Status FileImage::load_blocks(std::uint64_t begin, std::uint64_t end) {
    if (end > source_.size || begin > end)
        return base::fail(ErrorCode::kCorrupt, source_.name + ": bytes up to " + std::to_string(end) +
                                                   " are asked for, the file has " + std::to_string(source_.size));
    std::uint64_t count = 0;
    {
        const std::lock_guard lock(load_mutex_);
        for (std::uint64_t block = begin / kImageBlockSize; block < blocks_of(end); ++block) {
            if ((loaded_[block / kBitsPerWord].load(std::memory_order_relaxed) & bit_of(block)) != 0) continue;
            RETURN_IF_ERROR(load_block(block));
            ++count;
        }
    }
    if (count > 0) cache_->note_loaded(count * kImageBlockSize);
    return {};
}

/// Requires: load_mutex_.
Status FileImage::load_block(std::uint64_t block) {
    const std::uint64_t offset = block * kImageBlockSize;
    const std::uint64_t size = std::min<std::uint64_t>(kImageBlockSize, source_.size - offset);
    const std::span<std::byte> bytes = memory_.span(offset, size);
    const auto check = [&]() -> Status {
        ASSIGN_OR_RETURN(const std::size_t got, source_.file->read_at(offset, bytes));
        const bool is_believed = base::is_planted(base::Bug::kSkipBlockChecksum);
        if (got == size && (is_believed || base::crc32c(bytes) == source_.block_crcs[block])) return {};
        return base::fail(ErrorCode::kCorrupt, source_.name + " at offset " + std::to_string(offset) + ": " +
                                                   std::to_string(size) +
                                                   " bytes do not match their checksum; `chronos verify` says more");
    };
    if (Status checked = check(); !checked.ok()) {
        memory_.release(offset, kImageBlockSize);
        return checked;
    }
    loaded_bytes_.fetch_add(kImageBlockSize, std::memory_order_relaxed);
    used_[block / kBitsPerWord].fetch_or(bit_of(block), std::memory_order_relaxed);
    loaded_[block / kBitsPerWord].fetch_or(bit_of(block), std::memory_order_release);
    return {};
}

std::uint64_t FileImage::evict(std::uint64_t bytes_wanted) {
    std::uint32_t unpinned = 0;
    // Either a pin comes first and this gives up, or the pin sees kEvicting and waits.
    if (loaded_bytes() == 0 || !gate_.compare_exchange_strong(unpinned, kEvicting)) return 0;
    is_whole_.store(false, std::memory_order_relaxed);
    const std::uint64_t blocks = blocks_of(source_.size);
    std::uint64_t given = 0;
    // Neighbours go in one call.
    std::uint64_t run_begin = 0;
    std::uint64_t run_end = 0;
    const auto release_run = [&] {
        if (run_begin != run_end) memory_.release(run_begin * kImageBlockSize, (run_end - run_begin) * kImageBlockSize);
    };
    for (std::uint64_t i = 0; i < blocks && given < bytes_wanted; ++i) {
        if (hand_ >= blocks) hand_ = 0;
        const std::uint64_t block = hand_++;
        const std::uint64_t bit = bit_of(block);
        if ((loaded_[block / kBitsPerWord].load(std::memory_order_relaxed) & bit) == 0) continue;
        if ((used_[block / kBitsPerWord].fetch_and(~bit, std::memory_order_relaxed) & bit) != 0) continue;
        loaded_[block / kBitsPerWord].fetch_and(~bit, std::memory_order_relaxed);
        if (block != run_end) {
            release_run();
            run_begin = block;
        }
        run_end = block + 1;
        given += kImageBlockSize;
    }
    release_run();
    loaded_bytes_.fetch_sub(given, std::memory_order_relaxed);
    gate_.fetch_and(~kEvicting);
    gate_.notify_all();
    return given;
}

}  // namespace chronos::cache
