// Cursors: where a paged read goes on, as a text that clients keep and hand back.
//
// A cursor pins the view of its first page. It works only in the store, branch, order and filter it came from; its
// MAC is keyed with the database's secret, so nobody else can make one.
//
//     base64url( version 1 | order 1 | branch 4 | store epoch 4 | database 16 | filter 8 | end_seq 8 | next_seq 8 |
//                as_of present 1, ns 8 | flags 1 | MAC 16 )
//
// Threads: functions without state.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "chronos/types.h"
#include "event/ids.h"
#include "wal/log.h"

namespace chronos::store {

struct Cursor {
    event::BranchNumber branch = event::kMainBranch;
    bool forward = true;
    std::uint64_t filter_fingerprint = 0;
    std::uint64_t view_end_seq = 0;  ///< The pinned view.
    std::uint64_t last_seq = 0;      ///< The last event given.
    std::optional<Timestamp> as_of;
    bool settled = false;
};

std::string encode_cursor(const Cursor& cursor, const wal::Log& log);

/// Errors: kCursorMismatch, saying what does not fit.
Result<Cursor> decode_cursor(std::string_view text, const wal::Log& log);

}  // namespace chronos::store
