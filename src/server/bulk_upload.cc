#include "server/bulk_upload.h"

#include <algorithm>
#include <utility>

#include "base/result.h"
#include "event/batch_content.h"
#include "ingest/append_pipeline.h"
#include "ingest/event_lines.h"
#include "json/writer.h"
#include "server/http/content_coding.h"
#include "server/http/held_bytes.h"
#include "server/http/problem.h"
#include "server/request_options.h"
#include "server/services.h"
#include "wire/parameters.h"
#include "wire/read_request.h"

namespace chronos::server {
namespace {

constexpr std::size_t kBatchBytesMax = std::size_t{4} << 20;
constexpr std::size_t kLineBytesMax = std::size_t{18} << 20;  // a payload of 16 MiB with what is around it
constexpr std::uint64_t kBatchEventsDefault = 1'000;
constexpr std::uint64_t kBatchEventsMax = 10'000;
constexpr std::size_t kSliceBytes = std::size_t{16} << 10;     // of a compressed body
constexpr std::size_t kPlainBytesMax = std::size_t{20} << 20;  // of one slice, decompressed

/// Of lines that wait for their batch to fill up, when more come.
constexpr std::int64_t kBatchAgeNs = 1'000'000'000;
/// Room that is kept from one piece, or line, to the next.
constexpr std::size_t kKeptBytesMax = std::size_t{1} << 20;

constexpr std::string_view kTooLarge = "content-too-large";

struct BulkOptions {
    ingest::LineMode mode = ingest::LineMode::kStrict;
    std::uint64_t batch_events = kBatchEventsDefault;
    AppendOptions append;
    std::optional<Timestamp> expires_at;  ///< Of the fork that it goes to.
};

class BulkUpload final : public Upload {
public:
    BulkUpload(Call& call, BulkOptions options, std::unique_ptr<ContentDecoder> decoder)
        : services_(call.services),
          options_(std::move(options)),
          pipeline_(call.store),
          lines_(options_.mode, call.principal.tenant),
          decoder_(std::move(decoder)),
          inflation_max_(call.services.limits.inflation_max),
          held_(call.services.body_bytes_held, call.services.limits.body_bytes_in_flight_max) {}

    bool take(std::string_view bytes) override {
        status_ = take_bytes(bytes);
        // Of a stream that comes slowly, nothing waits for long.
        const bool is_old =
            !batch_.lines.empty() && services_.world.clock.monotonic_ns() - batch_began_ns_ > kBatchAgeNs;
        if (status_.ok() && is_old) status_ = submit();
        // What one piece became is held no longer than it takes.
        if (plain_.capacity() > kKeptBytesMax) std::string().swap(plain_);
        return status_.ok();
    }

    Response finish(End end) override {
        const bool complete = end == End::kComplete;
        if (status_.ok() && complete && decoder_ && !decoder_->is_at_end())
            status_ = refuse_body(base::fail(ErrorCode::kInvalidArgument, "the compressed body is cut off"));
        if (status_.ok() && complete && !rest_.empty()) status_ = take_line(std::exchange(rest_, {}));
        Status submitted = submit();
        Status finished = pipeline_.finish();
        for (const Status* of_batches : {&submitted, &finished})
            is_unknown_ = is_unknown_ || (!of_batches->ok() && of_batches->error().outcome == Outcome::kUnknown);
        // What is wrong with a line comes before what there was no room for.
        if (is_without_room_) status_ = submitted.ok() && finished.ok() ? without_room() : Status();
        if (status_.ok()) status_ = submitted.ok() ? std::move(finished) : std::move(submitted);
        if (status_.ok() && !complete) status_ = ended_early(end);
        Response response{.content_type = "application/x-ndjson"};
        if (!status_.ok() && status_.error().code == ErrorCode::kReadOnly) services_.is_read_only.store(true);
        if (!status_.ok()) {
            Response refusal = refusal_of(status_.error());
            response.status = refusal.status;
            response.headers = std::move(refusal.headers);
            response.body = std::move(refusal.body) + "\n";
        }
        response.body += summary() + "\n";
        return response;
    }

private:
    [[nodiscard]] Error without_room() const {
        const std::uint64_t through = pipeline_.counts().committed_through;
        return base::fail(ErrorCode::kWouldBlock,
                          "the server holds as many bytes of unfinished lines as it may; what stands before line " +
                              std::to_string(through + 1) + " is in the store: send again from there on, later");
    }

    Error ended_early(End end) {
        const std::string again = "; send again from line " + std::to_string(committed_through() + 1) + " on";
        if (end == End::kRevoked) {
            early_ = {.status = 401, .name = "unauthorized"};
            return base::fail(ErrorCode::kInvalidArgument,
                              "the API key was revoked or has expired, and the rest of the body was not read" + again);
        }
        if (end == End::kTooSlow) {
            early_ = {.status = 408, .name = "request-timeout"};
            return base::fail(ErrorCode::kInvalidArgument, "the request's body did not come in time" + again);
        }
        return base::fail(ErrorCode::kInvalidArgument, "the body broke off" + again);
    }

    /// The problem. Where it names no line, some of what came may be in the store all the same.
    [[nodiscard]] Response refusal_of(Error error) const {
        const bool is_of_a_line = failed_line_ != 0 || pipeline_.counts().failed_line || is_without_room_;
        if (!is_of_a_line && pipeline_.counts().appended > 0) error.outcome = Outcome::kUnknown;
        // A batch before the one that failed may be in the store or not.
        if (is_unknown_) error.outcome = Outcome::kUnknown;
        if (body_problem_.empty() && early_.name.empty())
            return problem_of(error, {.is_append = true, .is_repeatable = true});
        Response response = early_.name.empty()
                                ? problem(body_problem_ == kTooLarge ? 413 : 400, body_problem_, error.message)
                                : problem(early_.status, early_.name, error.message);
        say_outcome(response, error.outcome);
        return response;
    }

    /// What came is not what it says, rather than a line of it.
    Error refuse_body(Error error) {
        body_problem_ = error.code == ErrorCode::kLimitExceeded ? kTooLarge : "malformed-body";
        return error;
    }

    Status take_bytes(std::string_view bytes) {
        if (!decoder_) return take_plain(bytes);
        // A little at a time, so that what it becomes is never much.
        while (!bytes.empty()) {
            const std::string_view slice = bytes.substr(0, kSliceBytes);
            bytes.remove_prefix(slice.size());
            received_ += slice.size();
            plain_.clear();
            const std::size_t allowed = received_ * inflation_max_ + (64 << 10);
            const std::size_t room = allowed > inflated_ ? allowed - inflated_ : 0;
            if (Status taken = decoder_->take(slice, plain_, std::min(room, kPlainBytesMax)); !taken.ok())
                return refuse_body(std::move(taken).error());
            inflated_ += plain_.size();
            RETURN_IF_ERROR(take_plain(plain_));
        }
        return {};
    }

    Status take_plain(std::string_view bytes) {
        while (!bytes.empty()) {
            const std::size_t end = bytes.find('\n');
            if (end == std::string_view::npos) {
                if (rest_.size() + bytes.size() > kLineBytesMax)
                    return fail_line(++line_count_, base::fail(ErrorCode::kLimitExceeded, "the line is too long"));
                if (!held_.add(bytes.size())) {
                    is_without_room_ = true;
                    return without_room();
                }
                rest_ += bytes;
                return {};
            }
            if (rest_.empty()) {
                RETURN_IF_ERROR(take_line(bytes.substr(0, end)));
            } else {
                rest_ += bytes.substr(0, end);
                RETURN_IF_ERROR(take_line(rest_));
                if (rest_.capacity() > kKeptBytesMax) std::string().swap(rest_);
                rest_.clear();
                held_.release();
            }
            bytes.remove_prefix(end + 1);
        }
        return {};
    }

    Status take_line(std::string_view line) {
        ++line_count_;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.find_first_not_of(" \t") == std::string_view::npos) return {};
        if (Status added = lines_.add(line, batch_.events); !added.ok()) {
            batch_.events.content().drop_error();
            return fail_line(line_count_, std::move(added).error());
        }
        if (batch_.lines.empty()) batch_began_ns_ = services_.world.clock.monotonic_ns();
        batch_.lines.push_back(line_count_);
        batch_bytes_ += line.size();
        if (batch_.lines.size() < options_.batch_events && batch_bytes_ < kBatchBytesMax) return {};
        return submit();
    }

    /// What stands before the line is appended all the same; an error of that comes first.
    Error fail_line(std::uint64_t line, Error error) {
        failed_line_ = line;
        if (Status submitted = submit(); !submitted.ok()) return std::move(submitted).error();
        return base::with_context(std::move(error), "line " + std::to_string(line));
    }

    Status submit() {
        if (batch_.lines.empty()) return {};
        ingest::AppendPipeline::Batch batch = std::exchange(batch_, {});
        batch.last_line = failed_line_ != 0 ? failed_line_ - 1 : line_count_;
        batch.options = options_.append;
        batch_bytes_ = 0;
        return pipeline_.submit(std::move(batch));
    }

    [[nodiscard]] std::uint64_t committed_through() const {
        return status_.ok() ? line_count_ : pipeline_.counts().committed_through;
    }

    [[nodiscard]] std::string summary() const {
        const ingest::AppendPipeline::Counts& counts = pipeline_.counts();
        const std::uint64_t failed = failed_line_ != 0 ? failed_line_ : counts.failed_line.value_or(0);
        std::string object;
        json::ObjectWriter writer(object);
        writer.field("lines", line_count_).field("appended", counts.appended).field("duplicates", counts.duplicates);
        if (!status_.ok() && failed != 0)
            writer.field("failed_line", failed);
        else
            writer.raw_field("failed_line", "null");
        writer.field("committed_through", status_.ok() ? line_count_ : counts.committed_through);
        if (options_.expires_at)
            writer.field("branch", options_.append.branch).field("expires_at", options_.expires_at->to_string());
        writer.end();
        return "{\"summary\":" + object + "}";
    }

    Services& services_;
    BulkOptions options_;
    ingest::AppendPipeline pipeline_;
    ingest::EventLines lines_;
    std::unique_ptr<ContentDecoder> decoder_;
    std::size_t inflation_max_;
    std::string plain_;
    std::size_t received_ = 0;
    std::size_t inflated_ = 0;
    HeldBytes held_;    ///< Those of rest_.
    std::string rest_;  ///< The beginning of a line whose end has not come yet.
    ingest::AppendPipeline::Batch batch_;
    std::size_t batch_bytes_ = 0;
    std::int64_t batch_began_ns_ = 0;
    std::uint64_t line_count_ = 0;
    std::uint64_t failed_line_ = 0;
    std::string_view body_problem_;
    struct Early {
        int status = 0;
        std::string_view name;  ///< Empty: it was not the server that ended it.
    };
    Early early_;
    bool is_without_room_ = false;  ///< For the line whose end has not come yet.
    bool is_unknown_ = false;       ///< Of a batch it is not known whether it is in the store.
    Status status_;
};

/// Headers that are about one batch, of which an upload is many.
Status check_no_condition(const Request& request) {
    for (const std::string_view name : {"if-match", "if-none-match", "idempotency-key"}) {
        if (!request.has_header(name)) continue;
        return base::fail(ErrorCode::kInvalidArgument,
                          "If-Match, If-None-Match and Idempotency-Key are not for bulk uploads; give events ids, so "
                          "that lines which are sent again are duplicates, and expected_version");
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<Upload>> open_bulk_upload(Call& call) {
    BulkOptions options;
    ASSIGN_OR_RETURN(wire::Parameters parameters, wire::Parameters::from_query(call.request.query));
    ASSIGN_OR_RETURN(options.append.branch, wire::take_branch(parameters));
    ASSIGN_OR_RETURN(const std::string mode, parameters.take_word("mode", {"strict", "import"}));
    if (mode == "import") options.mode = ingest::LineMode::kImport;
    ASSIGN_OR_RETURN(const auto batch, parameters.take_number("batch"));
    if (batch && (*batch == 0 || *batch > kBatchEventsMax))
        return base::fail(ErrorCode::kInvalidArgument, "batch is 1 to 10000 events");
    options.batch_events = batch.value_or(kBatchEventsDefault);
    RETURN_IF_ERROR(parameters.check_all_taken());
    options.expires_at = resolve_fork(call.store, options.append.branch);
    RETURN_IF_ERROR(check_no_condition(call.request));
    ASSIGN_OR_RETURN(options.append.durability, read_durability(call.request));
    ASSIGN_OR_RETURN(auto decoder, decoder_for(call.request.header("content-encoding")));
    // Found out now, not after a gigabyte.
    ASSIGN_OR_RETURN(const View view, call.store.view({.branch = options.append.branch}));
    (void)view;
    return std::unique_ptr<Upload>(std::make_unique<BulkUpload>(call, std::move(options), std::move(decoder)));
}

}  // namespace chronos::server
