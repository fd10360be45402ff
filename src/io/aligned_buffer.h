// Memory for direct I/O: aligned to a page, zero at first, given by the system page by page as it is touched.
//
// Threads: as plain memory.
#pragma once

#include <cstddef>
#include <span>

namespace chronos::io {

class AlignedBuffer {
public:
    AlignedBuffer() = default;
    /// Reserves `size` bytes of zeros. Throws std::bad_alloc.
    explicit AlignedBuffer(std::size_t size);
    AlignedBuffer(AlignedBuffer&& other) noexcept;
    AlignedBuffer& operator=(AlignedBuffer&& other) noexcept;
    AlignedBuffer(const AlignedBuffer&) = delete;
    AlignedBuffer& operator=(const AlignedBuffer&) = delete;
    ~AlignedBuffer();

    [[nodiscard]] std::byte* data() { return data_; }
    [[nodiscard]] const std::byte* data() const { return data_; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    /// Gives the pages of a range back to the system; they read as zeros when touched again.
    /// Requires: `offset` is a multiple of the page size; a range that ends inside a page gives back all of that page.
    void release(std::size_t offset, std::size_t size);
    /// Gives all pages back although others may still read them: they find what they read before, or zeros. False,
    /// having done nothing, for a buffer so small that its memory is not the system's.
    [[nodiscard]] bool discard();
    /// From now on touching one page makes that page resident and no more.
    void use_small_pages();
    /// Makes a range resident, so that whoever fills it later waits for no page. A hint.
    void touch(std::size_t offset, std::size_t size);
    std::span<std::byte> span(std::size_t offset, std::size_t size) { return {data_ + offset, size}; }
    [[nodiscard]] std::span<const std::byte> span(std::size_t offset, std::size_t size) const {
        return {data_ + offset, size};
    }

private:
    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace chronos::io
