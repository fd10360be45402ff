#include "app/upload_lines.h"

#include <memory>
#include <span>

#include "app/failure.h"
#include "app/input.h"
#include "app/interrupt.h"
#include "app/progress.h"
#include "base/result.h"
#include "client/http_client.h"

namespace chronos::app {
namespace {

/// The files' bytes one after the other, a line break between them where one is missing.
class Files {
public:
    Files(Program& program, const std::vector<std::string>& paths) : paths_(paths), progress_(program, "ingest") {}

    Result<std::size_t> read(char* buffer, std::size_t size) {
        for (;;) {
            if (interrupted_by() != 0) return std::size_t{0};
            if (!input_) {
                if (next_ == paths_.size()) return std::size_t{0};
                ASSIGN_OR_RETURN(input_, Input::open(paths_[next_++]));
            }
            ASSIGN_OR_RETURN(const std::size_t got, input_->read(std::span(buffer, size)));
            if (got > 0) {
                bytes_ += got;
                last_ = buffer[got - 1];
                progress_.update({.done = input_->raw_bytes(), .bytes = bytes_});
                return got;
            }
            input_.reset();
            if (last_ == '\n' || bytes_ == 0) continue;
            last_ = buffer[0] = '\n';
            return std::size_t{1};
        }
    }
    void finish() { progress_.finish(); }

private:
    const std::vector<std::string>& paths_;
    ProgressBar progress_;
    std::unique_ptr<Input> input_;
    std::size_t next_ = 0;
    std::uint64_t bytes_ = 0;
    char last_ = '\n';
};

std::string target_of(const UploadOptions& options) {
    std::string target =
        "/api/v1/events/bulk?batch=" + std::to_string(std::min<std::uint64_t>(options.batch_events, 10'000));
    if (options.branch != "main") target += "&fork=" + client::percent_encoded(options.branch);
    if (options.is_import) target += "&mode=import";
    return target;
}

}  // namespace

Result<int> upload_lines(Program& program, const std::vector<std::string>& files, const UploadOptions& options) {
    ASSIGN_OR_RETURN(const client::ClientOptions where, client_options(program));
    ASSIGN_OR_RETURN(const auto http, client::HttpClient::open(where));
    Files input(program, files);
    client::HttpRequest request{.method = "POST", .target = target_of(options)};
    request.headers = {"Content-Type: application/x-ndjson"};
    if (options.durability == Durability::kOs) request.headers.push_back("Prefer: durability=os");
    request.upload = [&input](char* buffer, std::size_t size) { return input.read(buffer, size); };
    ASSIGN_OR_RETURN(const client::HttpReply reply, http->send(request));
    input.finish();
    // The last line is the summary; before it stands what went wrong.
    std::string_view rest = reply.body;
    std::string_view first;
    std::string_view last;
    while (!rest.empty()) {
        last = rest.substr(0, rest.find('\n'));
        if (first.empty()) first = last;
        rest.remove_prefix(std::min(rest.size(), last.size() + 1));
    }
    const bool has_summary = last.starts_with("{\"summary\":");
    if (has_summary) program.out.line(last);
    if (reply.status != 200) return client::error_of({.status = reply.status, .body = std::string(first), .etag = {}});
    if (!has_summary)
        return Error{.code = ErrorCode::kIndeterminate,
                     .message = "the server's answer broke off; ingest the same lines again with ids to go on",
                     .outcome = Outcome::kUnknown};
    return interrupted_by() != 0 ? interrupted_exit_code() : kExitOk;
}

}  // namespace chronos::app
