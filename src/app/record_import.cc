#include "app/record_import.h"

#include <utility>

#include "app/failure.h"
#include "app/interrupt.h"
#include "app/terminal.h"
#include "base/result.h"
#include "event/batch_content.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

constexpr std::size_t kBatchEventsMax = 1000;
constexpr std::size_t kBatchBytesMax = std::size_t{4} << 20;

}  // namespace

RecordImport::RecordImport(Program& program, client::Endpoint& store, std::string branch, const Input& input)
    : program_(program),
      branch_(std::move(branch)),
      input_(input),
      target_(client::append_target(store)),
      pipeline_(*target_),
      progress_(program, "import", input.raw_total()) {}

Status RecordImport::added(std::uint64_t line) {
    batch_.lines.push_back(line);
    batch_.last_line = line;
    ++events_;
    if (batch_.lines.size() < kBatchEventsMax && batch_.events.content().events.size() < kBatchBytesMax) return {};
    progress_.update({.done = input_.raw_bytes(), .events = events_});
    return submit();
}

Status RecordImport::submit() {
    ingest::AppendPipeline::Batch batch = std::move(batch_);
    batch_ = {};
    batch.options.branch = branch_;
    return pipeline_.submit(std::move(batch));
}

Result<int> RecordImport::finish(Status read) {
    batch_.events.content().drop_error();  // what could not be added is in `read`
    Status appended = submit();
    if (Status finished = pipeline_.finish(); appended.ok()) appended = std::move(finished);
    progress_.finish();
    const ingest::AppendPipeline::Counts& counts = pipeline_.counts();
    if (program_.common.json) {
        std::string out;
        json::ObjectWriter(out)
            .field("appended", counts.appended)
            .field("duplicates", counts.duplicates)
            .field("committed_through", counts.committed_through)
            .end();
        program_.out.line(out);
    } else {
        program_.out.line(counted(counts.appended, "event") + " appended, " + with_separators(counts.duplicates) +
                          " were there");
    }
    if (!appended.ok()) return std::move(appended).error();
    if (!read.ok()) return std::move(read).error();
    return interrupted_by() != 0 ? interrupted_exit_code() : kExitOk;
}

}  // namespace chronos::app
