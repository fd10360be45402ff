#include "io/sim/image.h"

#include <algorithm>
#include <cstring>

namespace chronos::io {

bool is_zero(std::span<const std::byte> bytes) {
    if (bytes.empty()) return true;
    if (bytes.front() != std::byte{0}) return false;
    return std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

const Image::Page* Image::page_at(std::uint64_t page_index) const {
    const PageTable* table = table_.get();
    if (table == nullptr || page_index >= table->size()) return nullptr;
    return (*table)[page_index].get();
}

std::uint64_t Image::size_on_disk() const {
    constexpr std::size_t kDiskBlockSize = 4096;
    const PageTable* table = table_.get();
    std::uint64_t size = 0;
    for (std::size_t i = 0; table != nullptr && i < table->size(); ++i) {
        const Page* page = page_at(i);
        for (std::size_t at = 0; page != nullptr && at < kPageSize; at += kDiskBlockSize)
            if (!is_zero(std::span(*page).subspan(at, kDiskBlockSize))) size += kDiskBlockSize;
    }
    return size;
}

std::size_t Image::read(std::uint64_t offset, std::span<std::byte> out) const {
    if (offset >= size_) return 0;
    const auto total = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size_ - offset));
    for (std::size_t done = 0; done < total;) {
        const std::size_t begin = (offset + done) % kPageSize;
        const std::size_t count = std::min(kPageSize - begin, total - done);
        const Page* page = page_at((offset + done) / kPageSize);
        if (page == nullptr) {
            std::memset(out.data() + done, 0, count);
        } else {
            std::memcpy(out.data() + done, page->data() + begin, count);
        }
        done += count;
    }
    return total;
}

void Image::write(std::uint64_t offset, std::span<const std::byte> bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
        const std::size_t begin = (offset + done) % kPageSize;
        const std::size_t count = std::min(kPageSize - begin, bytes.size() - done);
        write_in_page((offset + done) / kPageSize, begin, bytes.subspan(done, count));
        done += count;
    }
    if (!bytes.empty()) size_ = std::max(size_, offset + bytes.size());
}

void Image::write_zeros(std::uint64_t offset, std::uint64_t size) {
    for (std::uint64_t done = 0; done < size;) {
        const std::size_t begin = (offset + done) % kPageSize;
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kPageSize - begin, size - done));
        clear_in_page((offset + done) / kPageSize, begin, count);
        done += count;
    }
    if (size > 0) size_ = std::max(size_, offset + size);
}

void Image::resize(std::uint64_t size) {
    if (size < size_ && table_.get() != nullptr) {
        const std::uint64_t page_count = (size + kPageSize - 1) / kPageSize;
        if (page_count < table_.get()->size()) table_.mutate().resize(page_count);
        const std::size_t tail = size % kPageSize;
        if (tail != 0) clear_in_page(size / kPageSize, tail, kPageSize - tail);
    }
    size_ = size;
}

void Image::write_in_page(std::uint64_t page_index, std::size_t begin, std::span<const std::byte> bytes) {
    if (page_at(page_index) == nullptr && is_zero(bytes)) return;
    PageTable& table = table_.mutate();
    if (page_index >= table.size()) table.resize(page_index + 1);
    std::memcpy(table[page_index].mutate().data() + begin, bytes.data(), bytes.size());
}

void Image::clear_in_page(std::uint64_t page_index, std::size_t begin, std::size_t size) {
    if (page_at(page_index) == nullptr) return;
    CopyOnWrite<Page>& page = table_.mutate()[page_index];
    if (size == kPageSize) {
        page = {};
    } else {
        std::memset(page.mutate().data() + begin, 0, size);
    }
}

}  // namespace chronos::io
