// chronos tail: the events of a server as they come.
#include <memory>
#include <string>

#include "app/commands.h"
#include "app/event_table.h"
#include "app/failure.h"
#include "app/fork_option.h"
#include "app/interrupt.h"
#include "app/options.h"
#include "app/read_options.h"
#include "base/result.h"
#include "client/decode.h"
#include "client/http_client.h"
#include "client/request_json.h"

namespace chronos::app {
namespace {

struct TailFlags {
    FilterFlags filter;
    ForkFlag fork;
    std::string after;
    bool from_start = false;
    std::uint64_t limit = 0;
};

/// Events out of a stream of server-sent events, which comes in pieces of any size.
/// Source: WHATWG HTML, "Server-sent events", "Interpreting an event stream".
class EventStream {
public:
    EventStream(Program& program, std::uint64_t limit) : table_(program), program_(program), limit_(limit) {}

    /// False: enough was seen, or it was wrong.
    bool take(std::string_view bytes) {
        if (bytes.empty()) return interrupted_by() == 0 && !program_.out.broken();
        buffer_ += bytes;
        std::size_t begin = 0;
        bool goes_on = true;
        for (std::size_t end = buffer_.find('\n'); goes_on && end != std::string::npos;
             end = buffer_.find('\n', begin)) {
            std::string_view line(buffer_.data() + begin, end - begin);
            if (line.ends_with('\r')) line.remove_suffix(1);
            goes_on = take_line(line);
            begin = end + 1;
        }
        buffer_.erase(0, begin);
        if (!program_.out.flush().ok()) return false;
        return goes_on && interrupted_by() == 0;
    }

    [[nodiscard]] const std::optional<Error>& error() const { return error_; }
    /// Where to go on after the connection was lost.
    [[nodiscard]] const std::optional<Position>& last() const { return last_; }
    [[nodiscard]] bool is_enough() const { return limit_ != 0 && count_ >= limit_; }

private:
    bool take_line(std::string_view line) {
        if (line.empty()) return dispatch();
        if (line.starts_with("event:")) name_ = value_of(line, 6);
        if (line.starts_with("data:")) data_ += (data_.empty() ? "" : "\n") + value_of(line, 5);
        return true;
    }
    static std::string value_of(std::string_view line, std::size_t skipped) {
        line.remove_prefix(skipped);
        if (line.starts_with(' ')) line.remove_prefix(1);
        return std::string(line);
    }
    bool dispatch() {
        const std::string name = std::exchange(name_, {});
        const std::string data = std::exchange(data_, {});
        if (name == "caught-up") program_.note("caught up; waiting for more");
        if (name == "error") {
            error_ = client::decode_problem(500, data);
            return false;
        }
        if (!name.empty() || data.empty()) return true;
        Result<Event> event = client::decode_event(data);
        if (!event.ok()) {
            error_ = std::move(event).error();
            return false;
        }
        last_ = event->position;
        page_.hold({std::move(*event)}, {}, false);
        table_.print(page_.events());
        ++count_;
        return !is_enough();
    }

    EventTable table_;
    Program& program_;
    std::uint64_t limit_;
    std::uint64_t count_ = 0;
    client::EventPage page_;
    std::string buffer_, name_, data_;
    std::optional<Error> error_;
    std::optional<Position> last_;
};

Result<int> run_tail(Program& program, const TailFlags& flags) {
    if (program.common.url.empty()) {
        return base::fail(ErrorCode::kInvalidArgument,
                          "tail follows a server: give --url. A directory is open in one process at a time, so nothing "
                          "could come in; `chronos serve` it");
    }
    ASSIGN_OR_RETURN(const Filter filter, flags.filter.resolve(program.now()));
    std::optional<Position> after;
    if (!flags.after.empty()) {
        ASSIGN_OR_RETURN(after, parse_position(flags.after, "--after"));
    }
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, *endpoint, flags.fork));
    ASSIGN_OR_RETURN(const client::ClientOptions where, client_options(program));
    ASSIGN_OR_RETURN(const auto http, client::HttpClient::open(where));
    catch_interrupts();
    EventStream stream(program, flags.limit);
    std::string from = "head";
    if (flags.from_start) from.clear();
    if (after) from = std::to_string(after->value);
    const std::string target = "/api/v1/events/sse" + client::follow_query(branch.name, filter, from);
    ASSIGN_OR_RETURN(const client::HttpReply reply,
                     http->stream({.target = target}, [&](std::string_view bytes) { return stream.take(bytes); }));
    if (reply.status != 200) return client::error_of(reply);
    if (stream.error()) return *stream.error();
    if (interrupted_by() != 0) return interrupted_exit_code();
    if (stream.is_enough() || program.out.broken()) return kExitOk;
    std::string message = "the server ended the stream";
    if (stream.last()) message += "; go on with --after " + std::to_string(stream.last()->value);
    return base::fail(ErrorCode::kIo, message);
}

}  // namespace

void add_tail_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<TailFlags>();
    CLI::App* command = add_command(parent, program,
                                    {.name = "tail",
                                     .about = "Show the events of a server as they come",
                                     .example = "chronos tail --url http://127.0.0.1:3900 --type-prefix order."});
    flags->filter.add_to(command);
    flags->fork.add_to(command);
    CLI::Option* after =
        command->add_option("--after", flags->after, "Begin behind this position (default: from now on)")
            ->type_name("POSITION");
    command->add_flag("--from-start", flags->from_start, "Begin with the first event")->excludes(after);
    command->add_option("--limit", flags->limit, "End after so many events")->check(whole_number(1, kCountMax));
    on_chosen(command, program, [flags](Program& p) { return run_tail(p, *flags); });
}

}  // namespace chronos::app
