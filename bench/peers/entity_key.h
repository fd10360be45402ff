// Keys in the order in which events are read: entity, 0, version (8 bytes, big-endian).
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace chronos::bench {

class EntityKey {
public:
    static constexpr std::uint64_t kLastVersion = std::numeric_limits<std::uint64_t>::max();

    /// Valid until the next call.
    std::string_view of(std::string_view entity, std::uint64_t version) {
        bytes_.assign(entity);
        bytes_ += '\0';
        for (int shift = 56; shift >= 0; shift -= 8) bytes_ += static_cast<char>(version >> shift);
        return bytes_;
    }
    /// What all keys of the entity start with.
    static std::string_view prefix_of(std::string_view key) { return key.substr(0, key.size() - 8); }

private:
    std::string bytes_;
};

}  // namespace chronos::bench
