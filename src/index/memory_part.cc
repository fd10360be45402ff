#include "index/memory_part.h"

#include <utility>

namespace chronos::index {

MemoryPart::MemoryPart(const HashSeeds& seeds, std::uint32_t slot, std::uint64_t begin_seq, const std::byte* image)
    : slot_(slot), begin_seq_(begin_seq), image_(image), ids_(seeds.ids), batches_(seeds.batches()) {
    for (std::size_t i = 0; i < maps_.size(); ++i)
        maps_[i] = std::make_unique<PostingMap>(seeds.of(static_cast<KeyKind>(i + 1)));
}

MemoryPart::~MemoryPart() {
    if (held_total_ != nullptr) held_total_->fetch_sub(held_bytes_, std::memory_order_relaxed);
}

void MemoryPart::count_as_held(std::shared_ptr<std::atomic<std::uint64_t>> total) {
    held_bytes_ = bytes();
    held_total_ = std::move(total);
    held_total_->fetch_add(held_bytes_, std::memory_order_relaxed);
}

std::size_t MemoryPart::bytes() const {
    std::size_t bytes = (offsets_.size() * 2) * sizeof(std::uint32_t) + streams_.size() * sizeof(void*) +
                        arena_.bytes() + ids_.bytes() + batches_.bytes();
    for (const auto& map : maps_) bytes += map->bytes();
    return bytes;
}

}  // namespace chronos::index
