#include "mcp/http_call.h"

#include "server/http/problem.h"

namespace chronos::mcp {
namespace {

constexpr std::int64_t kSlowNs = 300'000'000;

/// Says which scope is missing, for clients that can ask for more.
void add_challenge(server::Response& response, const Json& error, const std::string& metadata_url) {
    const std::string scope = string_member(member(error, "data"), "requiredScope").value_or("");
    response.add_header("WWW-Authenticate", "Bearer error=\"insufficient_scope\", scope=\"" + scope +
                                                "\", resource_metadata=\"" + metadata_url + "\"");
}

}  // namespace

server::Response json_response(int status, const Json& message) {
    server::Response response{.status = status};
    response.add_header("Cache-Control", "no-store");
    response.body = text_of(message);
    return response;
}

int status_of(const Json& message, Era era) {
    const Json& code = member(member(message, "error"), "code");
    if (!code.is_number_integer()) return 200;
    switch (code.get<std::int32_t>()) {
        case kParseError:
        case kInvalidRequest:
        case kHeaderMismatch:
        case kMissingCapability:
        case kUnsupportedVersion: return 400;
        case kMethodNotFound: return era == Era::kModern ? 404 : 200;
        case kScopeMissing: return 403;
        case kTooManyRequests: return 429;
        default: return 200;
    }
}

void HttpCall::send(const Json& message) {
    const std::lock_guard lock(mutex_);
    if (!options_.may_stream || is_cancelled()) return;
    if (done_) begin_stream();
    stream_->send(message);
}

void HttpCall::finish(const Json& message) {
    const std::lock_guard lock(mutex_);
    if (stream_) {
        stream_->send(message);
        stream_->end();
    }
    if (!done_) return;
    const int status = status_of(message, options_.era);
    server::Response response = json_response(status, message);
    response.is_of_read = options_.is_read;
    if (status == 403) add_challenge(response, member(message, "error"), options_.metadata_url);
    if (status == 429) response.add_header("Retry-After", "1");
    const Done done = std::exchange(done_, nullptr);
    done(std::move(response));
}

bool HttpCall::begin_if_slow(std::int64_t now_ns) {
    const std::lock_guard lock(mutex_);
    if (!done_ || !options_.may_stream) return false;
    if (now_ns - began_ns_ < kSlowNs) return true;
    begin_stream();
    return false;
}

void HttpCall::pause() {
    const std::lock_guard lock(mutex_);
    if (!options_.may_stream) return;
    if (done_) begin_stream();
    stream_->pause();
}

void HttpCall::begin_stream() {
    const Done done = std::exchange(done_, nullptr);
    stream_ = std::make_shared<SseStream>(options_.stream);
    Result<std::shared_ptr<SseStream::Reader>> reader = stream_->attach(0);
    if (!reader.ok()) {
        cancel();
        return done(server::problem_of(reader.error()));
    }
    if (options_.on_stream) options_.on_stream(stream_);
    server::Response response{.content_type = "text/event-stream"};
    response.add_header("Cache-Control", "no-store");
    response.add_header("X-Accel-Buffering", "no");
    // Closing the stream calls a request off; an old client may come back for it.
    const auto on_gone = [self = weak_from_this(), era = options_.era](bool complete) {
        if (const auto call = self.lock(); call && !complete && era == Era::kModern) call->cancel();
    };
    response.stream = std::make_unique<SseBody>(stream_, *std::move(reader),
                                                SseBody::Options{.is_live = false, .farewell = {}, .on_gone = on_gone});
    done(std::move(response));
}

}  // namespace chronos::mcp
