#include "io/aligned_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <utility>

namespace chronos::io {

AlignedBuffer::AlignedBuffer(std::size_t size) : size_(size) {
    if (size == 0) return;
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
    if (offset < size_) (void)madvise(data_ + offset, std::min(size, size_ - offset), MADV_DONTNEED);
}

void AlignedBuffer::use_small_pages() {
    if (size_ > 0) (void)madvise(data_, size_, MADV_NOHUGEPAGE);
}

AlignedBuffer::~AlignedBuffer() {
    if (data_ != nullptr) munmap(data_, size_);
}

}  // namespace chronos::io
