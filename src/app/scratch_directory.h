// A fresh directory that is removed with everything in it, unless it is kept.
//
// Threads: one.
#pragma once

#include <memory>
#include <string>

#include "io/file_system.h"

namespace chronos::app {

class ScratchDirectory {
public:
    /// Below $TMPDIR, or /tmp. Errors: kIo.
    static Result<std::unique_ptr<ScratchDirectory>> make(io::FileSystem& files);
    ~ScratchDirectory();
    ScratchDirectory(const ScratchDirectory&) = delete;
    ScratchDirectory& operator=(const ScratchDirectory&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }
    void keep() { kept_ = true; }

private:
    ScratchDirectory(io::FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}

    io::FileSystem& files_;
    std::string path_;
    bool kept_ = false;
};

}  // namespace chronos::app
