// Bytes that one request holds, counted with those of all others, which together have a bound.
//
// Threads: one at a time for each object; the count is shared.
#pragma once

#include <atomic>
#include <cstddef>

namespace chronos::server {

class HeldBytes {
public:
    /// `all` must outlive it.
    HeldBytes(std::atomic<std::size_t>& all, std::size_t max) : all_(all), max_(max) {}
    ~HeldBytes() { release(); }
    HeldBytes(const HeldBytes&) = delete;
    HeldBytes& operator=(const HeldBytes&) = delete;

    /// False: together they are too many. One request alone may always go on.
    bool add(std::size_t bytes) {
        const std::size_t before = all_.fetch_add(bytes);
        bytes_ += bytes;
        return before + bytes <= max_ || before + bytes == bytes_;
    }
    /// The same, but counts nothing where they would be too many.
    bool add_if_room(std::size_t bytes) {
        if (add(bytes)) return true;
        all_.fetch_sub(bytes);
        bytes_ -= bytes;
        return false;
    }
    void release() {
        all_.fetch_sub(bytes_);
        bytes_ = 0;
    }

private:
    std::atomic<std::size_t>& all_;
    const std::size_t max_;
    std::size_t bytes_ = 0;
};

}  // namespace chronos::server
