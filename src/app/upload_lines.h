// Lines of JSON sent to a server: `ingest --url`.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/program.h"

namespace chronos::app {

struct UploadOptions {
    std::string branch = "main";
    std::uint64_t batch_events = 1'000;
    bool is_import = false;
    Durability durability = Durability::kDurable;
};

/// Sends the files, one after the other as one stream, and prints the server's summary. Answers the exit code.
///
/// Errors: kIo, and what the server refused; its summary is printed then too.
Result<int> upload_lines(Program& program, const std::vector<std::string>& files, const UploadOptions& options);

}  // namespace chronos::app
