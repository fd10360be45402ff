// What can go wrong, as values: every fallible call of Chronos returns a `Result<T>`.
//
// Use:
//     chronos::Result<chronos::Store> store = chronos::Store::open({.directory = "data"});
//     if (!store) return report(store.error().message);
//
// Threads: values; a Result is as safe to share as the T inside.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace chronos {

/// One code for each thing a caller can do differently about it.
enum class ErrorCode : std::uint8_t {
    kInvalidArgument,   ///< The request breaks a documented rule; correct it.
    kNotFound,          ///< No such entity, event, directory or file.
    kAlreadyExists,     ///< Creating something that is there.
    kVersionConflict,   ///< A condition of an append failed; read again and decide anew.
    kIdConflict,        ///< An event id is known with other content.
    kPartialDuplicate,  ///< Only some ids of a batch are known.
    kIndeterminate,     ///< The append may or may not be there; ask by id, or retry with the same ids.
    kWouldBlock,        ///< A resident-only call would have to wait.
    kClosed,            ///< The store or follower was closed.
    kReadOnly,          ///< The writer was poisoned by an I/O error; reopen the store.
    kClockSuspect,      ///< The clock is more than an hour off the last record; check and confirm.
    kCursorMismatch,    ///< The cursor belongs to another store, branch, order or filter.
    kLocked,            ///< Another process has the store open.
    kNoSpace,           ///< The disk or quota is full; nothing was appended.
    kIo,                ///< The operating system reported an error.
    kCorrupt,           ///< Stored bytes are damaged; `chronos verify` and `chronos salvage` say more.
    kUnsupported,       ///< A newer format or a feature this build does not have.
    kLimitExceeded,     ///< A documented limit; the message names it.
    kGone,              ///< The fork was merged, discarded or has expired; the message says when.
};

/// Stable lower-case name, e.g. "version_conflict".
std::string_view error_code_name(ErrorCode code);

/// What is known about an append that did not answer with success.
enum class Outcome : std::uint8_t {
    kNotAppended,  ///< Nothing of it is in the store, now or later.
    kUnknown,      ///< It may be there after a restart.
};

struct AppendFailure;  // defined in chronos/append.h

/// An error: what was wrong, where, and what to do.
struct Error {
    ErrorCode code = ErrorCode::kIo;
    std::string message;
    Outcome outcome = Outcome::kNotAppended;
    /// Set by failed appends: every failed condition, or the known and unknown ids.
    std::shared_ptr<const AppendFailure> append_failure = nullptr;
};

/// Either a T or an Error. `value()` of an error aborts: check first.
template <typename T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

    [[nodiscard]] bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }

    T& value() & {
        if (!ok()) std::abort();
        return *std::get_if<0>(&state_);
    }
    const T& value() const& {
        if (!ok()) std::abort();
        return *std::get_if<0>(&state_);
    }
    T&& value() && { return std::move(value()); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    [[nodiscard]] const Error& error() const& {
        if (ok()) std::abort();
        return *std::get_if<1>(&state_);
    }
    [[nodiscard]] Error&& error() && {
        if (ok()) std::abort();
        return std::move(*std::get_if<1>(&state_));
    }

private:
    std::variant<T, Error> state_;
};

/// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

    [[nodiscard]] bool ok() const { return !error_.has_value(); }
    explicit operator bool() const { return ok(); }
    [[nodiscard]] const Error& error() const& {
        if (ok()) std::abort();
        return *error_;
    }
    [[nodiscard]] Error&& error() && {
        if (ok()) std::abort();
        return std::move(*error_);
    }

private:
    std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace chronos
