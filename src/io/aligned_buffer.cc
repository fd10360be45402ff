#include "io/aligned_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace chronos::io {
namespace {

constexpr std::size_t kPageSize = 4096;
/// So little comes from the heap: clearing it costs less than asking the system for pages.
constexpr std::size_t kHeapSizeMax = std::size_t{64} << 10;

constexpr std::size_t kTouchSize = std::size_t{1} << 20;

}  // namespace

AlignedBuffer::AlignedBuffer(std::size_t size) : size_(size) {
    if (size == 0) return;
    if (size <= kHeapSizeMax) {
        const std::size_t rounded = (size + kPageSize - 1) / kPageSize * kPageSize;
        data_ = static_cast<std::byte*>(std::aligned_alloc(kPageSize, rounded));
        if (data_ == nullptr) throw std::bad_alloc();
        std::memset(data_, 0, rounded);
        return;
    }
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    // Fewer page faults while it fills and fewer TLB misses while it is read; only a hint.
    if (size >= (std::size_t{2} << 20)) (void)madvise(memory, size, MADV_HUGEPAGE);
    data_ = static_cast<std::byte*>(memory);
}

AlignedBuffer::AlignedBuffer(AlignedBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

void AlignedBuffer::release(std::size_t offset, std::size_t size) {
    if (offset >= size_) return;
    if (size_ <= kHeapSizeMax) {
        std::memset(data_ + offset, 0, std::min(size, size_ - offset));
        return;
    }
    (void)madvise(data_ + offset, std::min(size, size_ - offset), MADV_DONTNEED);
}

bool AlignedBuffer::discard() { return size_ > kHeapSizeMax && madvise(data_, size_, MADV_DONTNEED) == 0; }

void AlignedBuffer::touch(std::size_t offset, std::size_t size) {
    if (size_ <= kHeapSizeMax || offset >= size_) return;
#ifdef MADV_POPULATE_WRITE
    // Piece by piece: whoever maps memory meanwhile waits for one piece.
    const std::size_t end = std::min(offset + size, size_);
    for (std::size_t at = offset / kTouchSize * kTouchSize; at < end; at += kTouchSize)
        if (madvise(data_ + at, std::min(kTouchSize, end - at), MADV_POPULATE_WRITE) != 0) return;
#endif
}

void AlignedBuffer::use_small_pages() {
    if (size_ > kHeapSizeMax) (void)madvise(data_, size_, MADV_NOHUGEPAGE);
}

AlignedBuffer::~AlignedBuffer() {
    if (size_ <= kHeapSizeMax) {
        std::free(data_);
    } else {
        munmap(data_, size_);
    }
}

}  // namespace chronos::io
