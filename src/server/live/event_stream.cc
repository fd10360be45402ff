#include "server/live/event_stream.h"

#include <algorithm>
#include <utility>

#include "base/result.h"
#include "json/writer.h"
#include "server/http/problem.h"
#include "server/live/event_source.h"
#include "server/live/live_count.h"
#include "server/services.h"
#include "wire/parameters.h"

namespace chronos::server {
namespace {

constexpr std::uint32_t kPageEvents = 256;
constexpr std::size_t kPieceBytes = std::size_t{32} << 10;

std::string text_of(const std::optional<Position>& position) {
    return position ? std::to_string(position->value) : std::string();
}

class EventStreamBody final : public BodyStream {
public:
    EventStreamBody(EventSource source, LiveCount count) : source_(std::move(source)), count_(std::move(count)) {}

    Step next(std::string& out) override {
        // A line of the first message: some clients make an empty message of a blank line of its own.
        if (!std::exchange(is_greeted_, true)) out += "retry: 1000\n";
        Page page;
        while (out.size() < kPieceBytes) {
            if (Status read = source_.next(kPageEvents, page); !read.ok()) {
                write_sse_message(out, {}, "error", problem_json(read.error()));
                return Step::kEnd;
            }
            if (page.events().empty()) {
                if (!page.has_more() && !std::exchange(is_caught_up_, true)) write_caught_up(out);
                set_heartbeat();
                return Step::kWait;
            }
            for (const EventView& event : page.events()) {
                write_sse_message(out, std::to_string(event.position.value), {}, to_json(event));
                told_ = event.position;
            }
        }
        return Step::kMore;
    }
    [[nodiscard]] int descriptor() const override { return source_.descriptor(); }
    [[nodiscard]] std::string_view heartbeat() const override { return heartbeat_; }
    [[nodiscard]] bool is_live() const override { return true; }
    [[nodiscard]] std::string farewell(Ending ending) const override {
        std::string out;
        write_sse_message(out, {}, "error", ending_problem(ending == Ending::kDraining));
        return out;
    }

private:
    void write_caught_up(std::string& out) {
        write_place(out, "caught-up");
        told_ = source_.position();
    }
    /// Where the stream stands, behind events that did not match too.
    void write_place(std::string& out, std::string_view name) const {
        std::string data;
        json::ObjectWriter writer(data);
        const std::optional<Position> position = source_.position();
        if (position)
            writer.field("position", position->value);
        else
            writer.raw_field("position", "null");
        writer.end();
        write_sse_message(out, text_of(position), name, data);
    }
    /// A comment; or a message whose id is where the client resumes, if that has moved without one.
    void set_heartbeat() {
        heartbeat_.clear();
        if (source_.position() == told_)
            heartbeat_ = ": heartbeat\n";
        else
            write_place(heartbeat_, "position");
    }

    EventSource source_;
    LiveCount count_;
    std::string heartbeat_;
    std::optional<Position> told_;  ///< The id of the last message.
    bool is_greeted_ = false;
    bool is_caught_up_ = false;
};

/// What a browser sends when it connects again.
Status take_last_event_id(const Request& request, StreamStart& place) {
    const std::string_view id = request.header("last-event-id");
    if (id.empty()) return {};
    wire::Parameters header;
    header.add("Last-Event-ID", std::string(id));
    ASSIGN_OR_RETURN(place, take_after(header, "Last-Event-ID"));
    return {};
}

}  // namespace

void write_sse_message(std::string& out, std::string_view id, std::string_view name, std::string_view data) {
    if (!id.empty()) out.append("id: ").append(id) += '\n';
    if (!name.empty()) out.append("event: ").append(name) += '\n';
    out += "data: ";
    // White space of a payload may have line ends, which JSON does not care about and this format does.
    while (!data.empty()) {
        const std::size_t end = std::min(data.find_first_of("\r\n"), data.size());
        out += data.substr(0, end);
        data.remove_prefix(end);
        if (data.empty()) break;
        data.remove_prefix(data.starts_with("\r\n") ? 2 : 1);
        out += "\ndata: ";
    }
    out += "\n\n";
}

Result<Response> open_event_stream(Call& call) {
    ASSIGN_OR_RETURN(wire::Parameters parameters, wire::Parameters::from_query(call.request.query));
    ASSIGN_OR_RETURN(StreamStart place, take_after(parameters));
    ASSIGN_OR_RETURN(const SourceOptions options, take_source(parameters, call.services.now()));
    RETURN_IF_ERROR(parameters.check_all_taken());
    RETURN_IF_ERROR(take_last_event_id(call.request, place));
    ASSIGN_OR_RETURN(LiveCount count, LiveCount::take(call.services));
    ASSIGN_OR_RETURN(EventSource source, EventSource::open(call.store, options, place));
    Response response{.content_type = "text/event-stream"};
    response.add_header("Cache-Control", "no-store");
    // Proxies that gather answers before they pass them on would hold events back.
    response.add_header("X-Accel-Buffering", "no");
    response.stream = std::make_unique<EventStreamBody>(std::move(source), std::move(count));
    return response;
}

}  // namespace chronos::server
