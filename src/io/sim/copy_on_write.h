// A value shared by its copies until one of them changes it. An empty one holds nothing.
//
// Not shared_ptr: its use_count() does not synchronise with the last other owner, so a clone used
// on another thread would race with the write that follows.
//
// Threads: as a plain value; copies may live on different threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace chronos::io {

template <typename T>
class CopyOnWrite {
public:
    CopyOnWrite() = default;
    CopyOnWrite(const CopyOnWrite& other) : shared_(other.shared_) {
        // Relaxed: the owner we copy from keeps the value alive.
        if (shared_ != nullptr) shared_->owner_count.fetch_add(1, std::memory_order_relaxed);
    }
    CopyOnWrite(CopyOnWrite&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
    CopyOnWrite& operator=(CopyOnWrite other) noexcept {
        std::swap(shared_, other.shared_);
        return *this;
    }
    ~CopyOnWrite() {
        if (shared_ == nullptr) return;
        if (shared_->owner_count.fetch_sub(1, std::memory_order_acq_rel) == 1) delete shared_;
    }

    /// The value, or nullptr if empty; lives until this object changes.
    [[nodiscard]] const T* get() const { return shared_ == nullptr ? nullptr : &shared_->value; }

    /// The value for changing, made unshared, or made new if empty.
    T& mutate() {
        if (shared_ == nullptr) {
            shared_ = new Shared;
        } else if (shared_->owner_count.load(std::memory_order_acquire) != 1) {
            // Acquire pairs with the decrement in the destructor of the last other owner.
            *this = CopyOnWrite(new Shared{.value = shared_->value});
        }
        return shared_->value;
    }

private:
    struct Shared {
        std::atomic<std::size_t> owner_count = 1;
        T value = {};
    };
    explicit CopyOnWrite(Shared* shared) : shared_(shared) {}

    Shared* shared_ = nullptr;
};

}  // namespace chronos::io
