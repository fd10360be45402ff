// A directory that is gone afterwards, whatever happened.
//
// Threads: one.
#pragma once

#include <filesystem>
#include <string>

namespace chronos::bench {

class ScratchDirectory {
public:
    /// Makes a fresh directory in `parent`, which others may enter (PostgreSQL runs as another
    /// user).
    explicit ScratchDirectory(const std::filesystem::path& parent);
    ~ScratchDirectory();
    ScratchDirectory(const ScratchDirectory&) = delete;
    ScratchDirectory& operator=(const ScratchDirectory&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace chronos::bench
