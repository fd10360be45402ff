// The bytes of one simulated file: cheap to copy, and free where they are zero.
//
// Threads: a plain value; copies share pages and may live on different threads.
// Cost:    a copy is one counter; the first write after it copies the page table (8 bytes for each
//          16 KiB) and the pages it touches.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "io/sim/copy_on_write.h"

namespace chronos::io {

class Image {
public:
    [[nodiscard]] std::uint64_t size() const { return size_; }
    /// What a sparse file would take: 4 KiB for each block that is not all zeros.
    [[nodiscard]] std::uint64_t size_on_disk() const;

    /// Fills `out` from `offset`; returns how many bytes there were.
    std::size_t read(std::uint64_t offset, std::span<std::byte> out) const;

    /// Writes `bytes`, growing the image when needed; a gap reads as zeros.
    void write(std::uint64_t offset, std::span<const std::byte> bytes);

    /// Writes `size` zeros.
    void write_zeros(std::uint64_t offset, std::uint64_t size);

    /// Cuts the image, or grows it with zeros.
    void resize(std::uint64_t size);

private:
    static constexpr std::size_t kPageSize = std::size_t{16} << 10;
    using Page = std::array<std::byte, kPageSize>;
    using PageTable = std::vector<CopyOnWrite<Page>>;  // May end early; what is missing is zero.

    [[nodiscard]] const Page* page_at(std::uint64_t page_index) const;
    void write_in_page(std::uint64_t page_index, std::size_t begin, std::span<const std::byte> bytes);
    void clear_in_page(std::uint64_t page_index, std::size_t begin, std::size_t size);

    std::uint64_t size_ = 0;
    CopyOnWrite<PageTable> table_;  // Bytes from size_ on are zero.
};

/// Whether every byte is zero.
bool is_zero(std::span<const std::byte> bytes);

}  // namespace chronos::io
