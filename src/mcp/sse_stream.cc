#include "mcp/sse_stream.h"

#include <algorithm>

#include "base/result.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kKeptEvents = 256;
constexpr std::size_t kKeptBytes = std::size_t{1} << 20;
/// A client that takes less than it is sent is given up on.
constexpr std::size_t kPendingBytesMax = std::size_t{8} << 20;
constexpr std::size_t kPieceBytes = std::size_t{64} << 10;

}  // namespace

SseStream::SseStream(Options options) : options_(std::move(options)) {
    if (options_.primes) append("retry: 1000\ndata: \n\n");
}

void SseStream::append(std::string event) {
    if (!options_.name.empty())
        event.insert(0, "id: " + options_.name + "_" + std::to_string(first_ + events_.size()) + "\n");
    bytes_ += event.size();
    events_.push_back(std::move(event));
    const bool is_kept = !options_.name.empty();
    if (!is_kept && bytes_ > kPendingBytesMax) has_overflowed_ = true;
    while (is_kept && (events_.size() > kKeptEvents || (bytes_ > kKeptBytes && events_.size() > 1))) {
        bytes_ -= events_.front().size();
        events_.pop_front();
        ++first_;
    }
    if (reader_) reader_->wake->signal();
}

void SseStream::send(const Json& message) {
    const std::lock_guard lock(mutex_);
    if (is_ended_ || has_overflowed_) return;
    append("event: message\ndata: " + text_of(message) + "\n\n");
}

void SseStream::end() {
    const std::lock_guard lock(mutex_);
    is_ended_ = true;
    if (reader_) reader_->wake->signal();
}

void SseStream::pause() {
    const std::lock_guard lock(mutex_);
    if (!reader_) return;
    reader_->is_ended = true;
    reader_->wake->signal();
    reader_.reset();
}

Result<std::shared_ptr<SseStream::Reader>> SseStream::attach(std::uint64_t from) {
    auto reader = std::make_shared<Reader>();
    ASSIGN_OR_RETURN(reader->wake, io::EventFd::create());
    const std::lock_guard lock(mutex_);
    if (reader_) {
        reader_->is_ended = true;
        reader_->wake->signal();
    }
    reader->next = from;
    reader_ = reader;
    return reader;
}

server::BodyStream::Step SseStream::take(Reader& reader, std::string& out) {
    using Step = server::BodyStream::Step;
    const std::lock_guard lock(mutex_);
    reader.wake->clear();
    if (has_overflowed_) return Step::kEnd;
    reader.next = std::max(reader.next, first_);
    while (reader.next < first_ + events_.size() && out.size() < kPieceBytes) {
        std::string& event = events_[reader.next - first_];
        out += event;
        ++reader.next;
        if (!options_.name.empty()) continue;
        bytes_ -= event.size();
        events_.pop_front();
        ++first_;
    }
    if (reader.next < first_ + events_.size()) return Step::kMore;
    return is_ended_ || reader.is_ended ? Step::kEnd : Step::kWait;
}

std::string SseBody::farewell(Ending ending) const {
    if (ending != Ending::kDraining || options_.farewell.empty()) return {};
    return "event: message\ndata: " + options_.farewell + "\n\n";
}

}  // namespace chronos::mcp
