// Commits as `git log` prints them with the arguments of `git_log_arguments`.
//
//     \x01 sha NUL parents NUL author NUL email NUL seconds NUL subject NUL body NUL
//     [\n] :oldmode newmode oldblob newblob status NUL path NUL [new path NUL]      for each file
//     added TAB deleted TAB path NUL   or, renamed:   added TAB deleted TAB NUL old path NUL new
//     path NUL
//
// Source: git-log(1), git-diff(1) "RAW OUTPUT FORMAT" and "OTHER DIFF FORMATS" with -z.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/result.h"

namespace chronos::app {

struct GitFile {
    char status = 'M';     ///< A, M, D, R or T, as git says it.
    std::string old_path;  ///< Of a renamed file.
    std::string path;
    std::string mode, blob;  ///< After the commit; zeros for a deleted file.
    std::uint64_t lines_added = 0;
    std::uint64_t lines_deleted = 0;
    bool is_binary = false;
};

struct GitCommit {
    std::string sha;
    std::vector<std::string> parents;
    std::string author, email;
    std::int64_t author_time_s = 0;
    std::string subject, body;
    std::vector<GitFile> files;
};

/// Of the log of `commit` in `repository`, oldest first, parents before children. `max_commits` 0:
/// all, else the newest.
std::vector<std::string> git_log_arguments(const std::string& repository, const std::string& commit,
                                           std::uint64_t max_commits);

class GitLogReader {
public:
    using Read = std::function<Result<std::size_t>(std::span<char>)>;
    explicit GitLogReader(Read read) : read_(std::move(read)) {}

    /// The next commit; nothing at the end. Errors: kInvalidArgument — git printed something else;
    /// kLimitExceeded.
    Result<std::optional<GitCommit>> next();

private:
    Result<std::optional<std::string_view>> peek_token();
    Result<std::string> take_token();
    Result<GitFile> read_raw_file(std::string_view token);
    Status read_line_counts(const std::string& token, GitCommit& commit, std::size_t& next_file);

    Read read_;
    std::string buffer_;
    std::size_t begin_ = 0;
    bool at_end_ = false;
};

}  // namespace chronos::app
