// What stops a row: thrown where it happens, caught by the runner, shown in the row.
#pragma once

#include <stdexcept>
#include <string>

#include "chronos/result.h"

namespace chronos::bench {

/// Something did not work. The message says what, with what the peer said about it.
struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The peer is not on this machine, or was not when this program was built.
struct Absent : Failure {
    using Failure::Failure;
};

/// The value, or a Failure.
template <typename T>
T must(Result<T> result) {
    if (!result.ok()) throw Failure(result.error().message);
    return std::move(result).value();
}
inline void must(const Status& status) {
    if (!status.ok()) throw Failure(status.error().message);
}

}  // namespace chronos::bench
