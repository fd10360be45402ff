#include "app/git_log.h"

#include <charconv>
#include <utility>

#include "base/result.h"

namespace chronos::app {
namespace {

constexpr std::size_t kChunkSize = std::size_t{256} << 10;
constexpr std::size_t kTokenSizeMax = std::size_t{64} << 20;

Error unexpected(std::string_view token) {
    return base::fail(ErrorCode::kInvalidArgument,
                      "git log printed something unexpected: '" + std::string(token.substr(0, 60)) + "'");
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(separator), text.size());
        parts.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

template <typename Number>
Number number_or_zero(std::string_view text) {
    Number number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

}  // namespace

std::vector<std::string> git_log_arguments(const std::string& repository, const std::string& commit,
                                           std::uint64_t max_commits) {
    std::vector<std::string> arguments{"git",
                                       "-C",
                                       repository,
                                       "-c",
                                       "core.quotePath=off",
                                       "-c",
                                       "i18n.logOutputEncoding=UTF-8",
                                       "log",
                                       "--reverse",
                                       "--topo-order",
                                       "-z",
                                       "--raw",
                                       "--numstat",
                                       "-M",
                                       "--diff-merges=first-parent",
                                       "--no-abbrev",
                                       "--no-color",
                                       "--no-ext-diff",
                                       "--no-textconv",
                                       "--no-show-signature",
                                       "--no-notes",
                                       "--no-mailmap",
                                       "--no-relative",
                                       "--ignore-submodules=none",
                                       "--format=%x01%H%x00%P%x00%an%x00%ae%x00%at%x00%s%x00%b"};
    if (max_commits > 0) arguments.push_back("--max-count=" + std::to_string(max_commits));
    arguments.insert(arguments.end(), {"--end-of-options", commit, "--"});
    return arguments;
}

Result<std::optional<std::string_view>> GitLogReader::peek_token() {
    std::size_t searched = 0;
    for (;;) {
        const std::size_t end = buffer_.find('\0', begin_ + searched);
        if (end != std::string::npos) return std::optional(std::string_view(buffer_).substr(begin_, end - begin_));
        if (at_end_) {
            if (begin_ == buffer_.size()) return std::optional<std::string_view>();
            return unexpected(std::string_view(buffer_).substr(begin_));
        }
        buffer_.erase(0, std::exchange(begin_, 0));
        searched = buffer_.size();
        if (searched > kTokenSizeMax)
            return base::fail(ErrorCode::kLimitExceeded, "a commit message is larger than 64 MiB");
        buffer_.resize(searched + kChunkSize);
        ASSIGN_OR_RETURN(const std::size_t size, read_(std::span(buffer_).subspan(searched)));
        buffer_.resize(searched + size);
        at_end_ = size == 0;
    }
}

Result<std::string> GitLogReader::take_token() {
    ASSIGN_OR_RETURN(const auto token, peek_token());
    if (!token) return unexpected("the end");
    std::string text(*token);
    begin_ += text.size() + 1;
    return text;
}

Result<std::optional<GitCommit>> GitLogReader::next() {
    ASSIGN_OR_RETURN(const auto first, peek_token());
    if (!first) return std::optional<GitCommit>();
    GitCommit commit;
    ASSIGN_OR_RETURN(commit.sha, take_token());
    if (!commit.sha.starts_with('\x01')) return unexpected(commit.sha);
    commit.sha.erase(0, 1);
    ASSIGN_OR_RETURN(const std::string parents, take_token());
    commit.parents = split(parents, ' ');
    ASSIGN_OR_RETURN(commit.author, take_token());
    ASSIGN_OR_RETURN(commit.email, take_token());
    ASSIGN_OR_RETURN(const std::string seconds, take_token());
    commit.author_time_s = number_or_zero<std::int64_t>(seconds);
    ASSIGN_OR_RETURN(commit.subject, take_token());
    ASSIGN_OR_RETURN(commit.body, take_token());

    std::size_t next_file = 0;
    for (;;) {
        ASSIGN_OR_RETURN(const auto ahead, peek_token());
        if (!ahead || ahead->starts_with('\x01')) return std::optional(std::move(commit));
        ASSIGN_OR_RETURN(std::string token, take_token());
        if (token.starts_with('\n')) token.erase(0, 1);
        if (token.starts_with(':')) {
            ASSIGN_OR_RETURN(GitFile file, read_raw_file(token));
            commit.files.push_back(std::move(file));
        } else {
            RETURN_IF_ERROR(read_line_counts(token, commit, next_file));
        }
    }
}

Result<GitFile> GitLogReader::read_raw_file(std::string_view token) {
    const std::vector<std::string> parts = split(token.substr(1), ' ');
    if (parts.size() != 5 || parts[4].empty()) return unexpected(token);
    GitFile file{.status = parts[4].front(), .mode = parts[1], .blob = parts[3]};
    ASSIGN_OR_RETURN(file.path, take_token());
    if (file.status == 'R' || file.status == 'C') {
        file.old_path = std::move(file.path);
        ASSIGN_OR_RETURN(file.path, take_token());
    }
    return file;
}

/// "12 TAB 3 TAB path", or without the path, which then follows in two tokens; "-" counts for a
/// binary file.
Status GitLogReader::read_line_counts(const std::string& token, GitCommit& commit, std::size_t& next_file) {
    const std::size_t first_tab = token.find('\t');
    const std::size_t second_tab = first_tab == std::string::npos ? first_tab : token.find('\t', first_tab + 1);
    if (second_tab == std::string::npos) return unexpected(token);
    std::string path = token.substr(second_tab + 1);
    if (path.empty()) {
        RETURN_IF_ERROR(take_token());  // the old path, known from the raw list
        ASSIGN_OR_RETURN(path, take_token());
    }
    // Both lists are in the same order, so the first look nearly always finds the file.
    for (std::size_t tries = 0; tries < commit.files.size(); ++tries) {
        GitFile& file = commit.files[next_file++ % commit.files.size()];
        if (file.path != path) continue;
        file.is_binary = token.starts_with('-');
        file.lines_added = number_or_zero<std::uint64_t>(std::string_view(token).substr(0, first_tab));
        file.lines_deleted =
            number_or_zero<std::uint64_t>(std::string_view(token).substr(first_tab + 1, second_tab - first_tab - 1));
        return {};
    }
    return unexpected(token);
}

}  // namespace chronos::app
