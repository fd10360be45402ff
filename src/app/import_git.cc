#include "app/import_git.h"

#include <charconv>
#include <limits>
#include <memory>
#include <set>
#include <unordered_map>

#include "app/git_log.h"
#include "app/interrupt.h"
#include "app/name_text.h"
#include "app/progress.h"
#include "app/subprocess.h"
#include "base/result.h"
#include "base/utf8.h"
#include "client/append_target.h"
#include "event/batch_content.h"
#include "event/ids.h"
#include "ingest/append_pipeline.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

/// Space of the ids that are derived from commits: the UUIDv5 of "git" in the nil space, fixed for
/// ever.
const Uuid& git_space() {
    static const Uuid space = event::uuid_v5(Uuid{}, "git");
    return space;
}

/// `what`: empty for the commit itself, else the file.
Uuid event_id(const std::string& sha, const std::string& what) {
    return event::uuid_v5(git_space(), sha + '\0' + what);
}

/// A larger commit becomes several batches.
constexpr std::size_t kBatchEventsMax = 10'000;
constexpr std::size_t kBatchBytesMax = std::size_t{8} << 20;
constexpr std::size_t kMessageSizeMax = std::size_t{256} << 10;

std::string entity_of(std::string_view path) { return "file:" + valid_name(path, event::kEntitySizeMax - 5); }

std::optional<Timestamp> time_of(const GitCommit& commit) {
    std::int64_t ns = 0;
    if (__builtin_mul_overflow(commit.author_time_s, std::int64_t{1'000'000'000}, &ns)) return std::nullopt;
    return Timestamp{ns};
}

std::string commit_payload(const GitCommit& commit, bool is_whole) {
    std::uint64_t lines_added = 0;
    std::uint64_t lines_deleted = 0;
    for (const GitFile& file : commit.files) {
        lines_added += file.lines_added;
        lines_deleted += file.lines_deleted;
    }
    std::string parents = "[";
    for (const std::string& parent : commit.parents) parents += (parents.size() > 1 ? ",\"" : "\"") + parent + "\"";
    std::string out;
    json::ObjectWriter writer(out);
    const std::string body = valid_utf8(commit.body);
    writer.field("sha", commit.sha)
        .field("author", valid_utf8(commit.author))
        .field("email", valid_utf8(commit.email))
        .field("subject", base::utf8_prefix(valid_utf8(commit.subject), kMessageSizeMax))
        .field("body", base::utf8_prefix(body, kMessageSizeMax))
        .raw_field("parents", parents + "]")
        .field("files", commit.files.size())
        .field("lines_added", lines_added)
        .field("lines_deleted", lines_deleted);
    if (!is_whole) writer.field("in_several_batches", true);
    writer.end();
    return out;
}

std::string_view status_word(char status) {
    switch (status) {
        case 'A':
        case 'C': return "added";
        case 'D': return "deleted";
        case 'R': return "renamed";
        default: return "modified";
    }
}

/// Folds to what is true of the file now: null takes away what an earlier event said.
std::string file_payload(const GitCommit& commit, const GitFile& file, std::string_view status) {
    const bool exists = status != "deleted";
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("path", valid_utf8(file.path)).field("exists", exists).field("status", status);
    if (status == "renamed")
        writer.field("old_path", valid_utf8(file.old_path));
    else
        writer.raw_field("old_path", "null");
    writer.raw_field("renamed_to", "null");
    writer.field("commit", commit.sha).field("author", valid_utf8(commit.author));
    if (exists)
        writer.field("mode", file.mode).field("blob", file.blob);
    else
        writer.raw_field("mode", "null").raw_field("blob", "null");
    writer.field("lines_added", file.lines_added)
        .field("lines_deleted", file.lines_deleted)
        .field("binary", file.is_binary);
    writer.end();
    return out;
}

/// The file under its old name is gone.
std::string renamed_away_payload(const GitCommit& commit, const GitFile& file) {
    std::string out;
    json::ObjectWriter(out)
        .field("path", valid_utf8(file.old_path))
        .field("exists", false)
        .field("status", "deleted")
        .field("renamed_to", valid_utf8(file.path))
        .field("commit", commit.sha)
        .field("author", valid_utf8(commit.author))
        .raw_field("mode", "null")
        .raw_field("blob", "null")
        .raw_field("old_path", "null")
        .raw_field("lines_added", "null")
        .raw_field("lines_deleted", "null")
        .raw_field("binary", "null")
        .end();
    return out;
}

/// How many events each file had, to find one with a long history.
class FileCounts {
public:
    void saw(const std::string& entity, bool exists) {
        Count& count = counts_[entity];
        ++count.events;
        count.exists = exists;
    }
    [[nodiscard]] std::string busiest() const {
        const std::pair<const std::string, Count>* best = nullptr;
        for (const auto& entry : counts_) {
            if (!entry.second.exists) continue;
            const bool more = best == nullptr || entry.second.events > best->second.events ||
                              (entry.second.events == best->second.events && entry.first < best->first);
            if (more) best = &entry;
        }
        return best == nullptr ? std::string() : best->first;
    }

private:
    struct Count {
        std::uint64_t events = 0;
        bool exists = false;
    };
    std::unordered_map<std::string, Count> counts_;
};

/// Turns commits into batches and hands them on.
class CommitImport {
public:
    CommitImport(ingest::AppendTarget& target, AppendOptions options)
        : pipeline_(target, 32), options_(std::move(options)) {}

    Status append(const GitCommit& commit) {
        ++commits_;
        part_ = 0;
        tags_.clear();
        const std::string author = valid_name(commit.author, event::kTagSizeMax - 7);
        if (!author.empty()) tags_.push_back("author:" + author);
        tags_.push_back("commit:" + commit.sha.substr(0, 12));
        add("commit:" + commit.sha, "commit.created", commit_payload(commit, commit.files.size() < kBatchEventsMax / 2),
            commit, "");
        for (const GitFile& file : commit.files) {
            RETURN_IF_ERROR(add_file(commit, file));
            const auto& content = batch_.content();
            if (content.event_count < kBatchEventsMax && content.events.size() < kBatchBytesMax) continue;
            RETURN_IF_ERROR(submit(commit));
        }
        return submit(commit);
    }

    Result<GitImportResult> finish() {
        RETURN_IF_ERROR(pipeline_.finish());
        return GitImportResult{.commits = commits_,
                               .duplicate_commits = pipeline_.counts().duplicate_batches,
                               .appended_events = pipeline_.counts().appended,
                               .busiest_file = files_.busiest()};
    }

    [[nodiscard]] std::uint64_t commits() const { return commits_; }
    [[nodiscard]] std::uint64_t events() const { return events_; }

private:
    Status add_file(const GitCommit& commit, const GitFile& file) {
        const std::string_view status = status_word(file.status);
        if (status == "renamed") {
            const std::string old_entity = entity_of(file.old_path);
            files_.saw(old_entity, false);
            add(old_entity, "file.deleted", renamed_away_payload(commit, file), commit,
                "from:" + file.old_path + '\0' + file.path);
        }
        const std::string entity = entity_of(file.path);
        files_.saw(entity, status != "deleted");
        add(entity, "file." + std::string(status), file_payload(commit, file, status), commit, "file:" + file.path);
        return {};
    }

    void add(const std::string& entity, const std::string& type, const std::string& payload, const GitCommit& commit,
             const std::string& what) {
        const std::vector<std::string_view> tags(tags_.begin(), tags_.end());
        batch_.add({.entity_id = entity,
                    .event_type = type,
                    .payload = payload,
                    .tags = tags,
                    .id = event_id(commit.sha, what),
                    .occurred_at = time_of(commit)});
        ++events_;
    }

    Status submit(const GitCommit& commit) {
        ingest::AppendPipeline::Batch batch{.events = std::move(batch_), .options = options_};
        batch_ = BatchBuilder();
        batch.options.batch_id = event::uuid_v5(git_space(), "batch:" + commit.sha + ":" + std::to_string(part_++));
        Status status = pipeline_.submit(std::move(batch));
        if (!status.ok()) return base::with_context(std::move(status).error(), "at or before commit " + commit.sha);
        return {};
    }

    ingest::AppendPipeline pipeline_;
    AppendOptions options_;
    BatchBuilder batch_;
    std::vector<std::string> tags_;
    FileCounts files_;
    std::uint64_t commits_ = 0;
    std::uint64_t events_ = 0;
    unsigned part_ = 0;
};

std::uint64_t commit_count(const GitImportOptions& options, const std::string& commit) {
    const Result<std::string> text =
        run_and_read({"git", "-C", options.repository, "rev-list", "--count", "--end-of-options", commit, "--"});
    std::uint64_t count = 0;
    if (text.ok()) std::from_chars(text->data(), text->data() + text->size(), count);
    return options.max_commits > 0 ? std::min(count, options.max_commits) : count;
}

/// Calls `visit` for each line that the program prints, until it says false.
template <typename Visit>
Status for_each_line(const std::vector<std::string>& arguments, const Visit& visit) {
    ASSIGN_OR_RETURN(const auto process, Subprocess::start(arguments));
    std::string text;
    std::vector<char> buffer(std::size_t{64} << 10);
    for (;;) {
        ASSIGN_OR_RETURN(const std::size_t size, process->read(buffer));
        if (size == 0) return interrupted_by() != 0 ? Status() : process->finish();
        text.append(buffer.data(), size);
        std::size_t begin = 0;
        for (std::size_t end = text.find('\n'); end != std::string::npos;
             begin = end + 1, end = text.find('\n', begin)) {
            if (!visit(std::string_view(text).substr(begin, end - begin))) return {};
        }
        text.erase(0, begin);
    }
}

/// Ids of the events of all commits in the store.
Result<std::set<Uuid>> known_commits(const client::EndpointView& view) {
    std::set<Uuid> known;
    ReadOptions options{.filter = {.event_types = {"commit.created"}}, .limit = 1'000};
    client::EventPage page;
    do {
        RETURN_IF_ERROR(view.read(options, page));
        for (const EventView& event : page.events()) known.insert(event.id);
        options.cursor = page.next_cursor();
    } while (page.has_more());
    return known;
}

/// Refuses commits that are new and come before one that is in the store: the events of files would
/// stand in another order than the commits.
Status check_order(const client::EndpointView& view, const GitImportOptions& options, const std::string& head) {
    ASSIGN_OR_RETURN(const std::set<Uuid> known, known_commits(view));
    if (known.empty()) return {};
    std::vector<std::string> arguments{"git", "-C", options.repository, "rev-list", "--topo-order", "--parents"};
    if (options.max_commits > 0) arguments.push_back("--max-count=" + std::to_string(options.max_commits));
    arguments.insert(arguments.end(), {"--end-of-options", head, "--"});

    std::set<std::string, std::less<>> parents_of_known;  // children come before parents
    std::string older;
    RETURN_IF_ERROR(for_each_line(arguments, [&](std::string_view line) {
        const std::string sha(line.substr(0, line.find(' ')));
        if (known.contains(event_id(sha, ""))) {
            line.remove_prefix(sha.size());
            while (!line.empty()) {
                line.remove_prefix(1);
                parents_of_known.emplace(line.substr(0, line.find(' ')));
                line.remove_prefix(std::min(line.find(' '), line.size()));
            }
        } else if (parents_of_known.contains(sha)) {
            older = sha;
        }
        parents_of_known.erase(sha);
        return older.empty();
    }));
    if (older.empty()) return {};
    return base::fail(ErrorCode::kInvalidArgument,
                      "commit " + older.substr(0, 12) +
                          " is new, and one that builds on it is in the store already: appended behind it, it "
                          "would make the states of files wrong; import into a new store, or say --accept-older "
                          "and ask for states with --fold-order occurred");
}

/// The commit that the branch stands for.
Result<std::string> resolve(const GitImportOptions& options) {
    Result<std::string> inside = run_and_read({"git", "-C", options.repository, "rev-parse", "--git-dir"});
    if (!inside.ok()) {
        if (inside.error().code == ErrorCode::kNotFound) return inside;
        return base::with_context(std::move(inside).error(), options.repository + " is not a git repository");
    }
    Result<std::string> commit = run_and_read({"git", "-C", options.repository, "rev-parse", "--verify", "--quiet",
                                               "--end-of-options", options.branch + "^{commit}"});
    if (!commit.ok()) {
        return base::fail(ErrorCode::kInvalidArgument,
                          "there is no commit at " + options.branch + " in " + options.repository);
    }
    // Some versions repeat the marker of the end of options.
    return commit->substr(commit->rfind('\n') + 1);
}

}  // namespace

Status check_repository(const GitImportOptions& options) {
    const Result<std::string> head = resolve(options);
    return head.ok() ? Status() : Status(head.error());
}

Result<GitImportResult> import_git(Program& program, client::Endpoint& store, const GitImportOptions& options) {
    ASSIGN_OR_RETURN(const std::string head, resolve(options));
    if (!options.accept_older) {
        ASSIGN_OR_RETURN(const auto view, store.view({.branch = options.into}));
        RETURN_IF_ERROR(check_order(*view, options, head));
    }
    ProgressBar progress(program, "import", program.shows_progress() ? commit_count(options, head) : 0);
    ASSIGN_OR_RETURN(const auto git,
                     Subprocess::start(git_log_arguments(options.repository, head, options.max_commits)));
    GitLogReader log([&git = *git](std::span<char> out) { return git.read(out); });
    const auto target = client::append_target(store);
    CommitImport import(*target, {.branch = options.into, .durability = options.durability});
    bool complete = false;
    while (interrupted_by() == 0) {
        Result<std::optional<GitCommit>> next = log.next();
        if (!next.ok()) {
            // An incomplete answer of a git that failed: its own words say more.
            if (interrupted_by() != 0) break;
            RETURN_IF_ERROR(git->finish());
            return std::move(next).error();
        }
        const std::optional<GitCommit> commit = std::move(*next);
        complete = !commit;
        if (!commit) break;
        RETURN_IF_ERROR(import.append(*commit));
        progress.update({.done = import.commits(), .events = import.events()});
    }
    progress.finish();
    if (complete && interrupted_by() == 0) RETURN_IF_ERROR(git->finish());
    return import.finish();
}

}  // namespace chronos::app
