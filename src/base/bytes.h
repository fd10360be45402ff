// Little-endian integers in byte buffers, and a reader that checks before it reads.
//
// Threads: values.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace chronos::base {

static_assert(std::endian::native == std::endian::little, "formats are little-endian and copied as they are");

template <typename T>
T load(const std::byte* from) {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(&value, from, sizeof(T));
    return value;
}

template <typename T>
void store(std::byte* to, T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::memcpy(to, &value, sizeof(T));
}

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

inline std::string_view as_text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::span<const std::byte> as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// Whether every byte is zero.
inline bool all_zero(std::span<const std::byte> bytes) {
    if (bytes.empty()) return true;
    return bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

/// Reads forward through bytes that are not trusted: once anything did not fit, `ok()` stays false
/// and every further value is zero or empty.
class ByteReader {
public:
    explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

    template <typename T>
    T number() {
        static_assert(std::is_integral_v<T>);
        if (!has(sizeof(T))) return T{};
        T value = load<T>(bytes_.data() + at_);
        at_ += sizeof(T);
        return value;
    }
    std::span<const std::byte> bytes(std::size_t size) {
        if (!has(size)) return {};
        auto result = bytes_.subspan(at_, size);
        at_ += size;
        return result;
    }
    std::string_view text(std::size_t size) { return as_text(bytes(size)); }
    void skip(std::size_t size) { (void)bytes(size); }

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] std::size_t offset() const { return at_; }
    [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }

private:
    bool has(std::size_t size) {
        if (ok_ && size <= left()) return true;
        ok_ = false;
        return false;
    }

    std::span<const std::byte> bytes_;
    std::size_t at_ = 0;
    bool ok_ = true;
};

}  // namespace chronos::base
