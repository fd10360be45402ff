// The loop that every import of records shares: batches, lines, progress, what to say at the end.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "app/input.h"
#include "app/program.h"
#include "app/progress.h"
#include "client/append_target.h"
#include "ingest/append_pipeline.h"

namespace chronos::app {

class RecordImport {
public:
    /// Appends to `branch` of the store, which outlives this.
    RecordImport(Program& program, client::Endpoint& store, std::string branch, const Input& input);

    /// Where the next event goes.
    BatchBuilder& batch() { return batch_.events; }
    /// The event of `line` is in `batch()`. Errors: of appending.
    Status added(std::uint64_t line);
    /// Appends what is left and prints how it went. `read` is the error that ended reading, if one
    /// did: what came before it is appended all the same.
    Result<int> finish(Status read);

private:
    Status submit();

    Program& program_;
    std::string branch_;
    const Input& input_;
    std::unique_ptr<ingest::AppendTarget> target_;
    ingest::AppendPipeline pipeline_;
    ProgressBar progress_;
    ingest::AppendPipeline::Batch batch_;
    std::uint64_t events_ = 0;
};

}  // namespace chronos::app
