// Answers of tools: one shape for all of them.
//
//     {"complete": false, "cursor": {"after": 41, "at": 103}, "count": 812, …, "view": {…}, "untrusted": {…}}
//
// What comes from stored events stands under `untrusted` and nowhere else. Outside of it are numbers, times, ids that
// the store gave, sentences of the program, and what the caller said.
//
// Threads: values and free functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "chronos/read.h"
#include "event/time_span.h"
#include "mcp/tool.h"

namespace chronos::mcp {

/// An error as an answer: what was wrong and what to try next.
ToolAnswer failed(const Error& error);
/// The same for what no error code of the store stands for, such as "forbidden".
ToolAnswer failed(std::string_view code, std::string message, std::string try_next);

/// Errors: as an answer, if the caller may not do it. `what`: "append to main".
std::optional<ToolAnswer> forbidden(const CallContext& context, access::Scope needed, std::string_view what);

/// A word of the caller's, as answers repeat it: what cannot be seen written out, what is long cut.
std::string shown_word(std::string_view word);

/// "1 event", "2 events".
std::string counted(std::uint64_t count, std::string_view noun);

/// The answer of a tool that gives nothing but JSON.
ToolAnswer answered(Json structured);

/// What a view resolved to, and how to cite an event of it.
Json view_json(const ViewInfo& info);

using event::span_ns;

/// {"seconds": 93784, "text": "26h 3m"}; nothing is rounded in `seconds`.
Json duration_json(std::int64_t ns);

using ToolRun = std::function<ToolAnswer(const Json&, const std::optional<std::string>&, CallContext&)>;
using FallibleRun = std::function<Result<ToolAnswer>(const Json& arguments, CallContext& context)>;
using ConfirmableRun = std::function<Result<ToolAnswer>(
    const Json& arguments, const std::optional<std::string>& confirmed, CallContext& context)>;
/// A tool's function made of one that can fail: its errors are answers, nothing is thrown, and answers keep to their
/// budget.
ToolRun answering(FallibleRun run);
ToolRun answering(ConfirmableRun run);

/// Rows as long as they fit.
class Rows {
public:
    /// `bytes_max`: of all rows together as JSON.
    explicit Rows(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    /// Whether the row went in, with `others` bytes that stand elsewhere; the first one always does.
    bool add(Json row, std::size_t others = 0);
    /// The same, and the first one only if it fits.
    bool add_if_it_fits(Json row, std::size_t others = 0);
    /// Whether `others` bytes that stand elsewhere fit too.
    [[nodiscard]] bool has_room_for(std::size_t others) const { return bytes_ + others <= bytes_max_; }
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    [[nodiscard]] std::size_t size() const { return rows_.size(); }
    Json take() { return std::move(rows_); }

private:
    std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    Json rows_ = Json::array();
};

/// What is left of a budget beside what an answer has already, for its rows.
std::size_t bytes_left(const Json& answer, std::size_t bytes_max);

/// Bytes as JSON.
std::size_t json_size(const Json& value);

/// The beginning of every answer that can go on: complete and cursor stand first.
Json begun_answer();

/// Says that not everything is there, and what to do about it besides what was said before.
void mark_incomplete(Json& answer, std::string_view try_next);

/// The arguments that keep the next page in the view of the first: put into a cursor.
void pin_view(Json& cursor, const ViewInfo& info);

/// Errors: as Result — the caller went away.
Status check_not_cancelled(const CallContext& context);

}  // namespace chronos::mcp
