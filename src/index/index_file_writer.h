// The bytes of one index file on their way to disk, from front to back: what writing and merging
// share. Format: docs/formats/index.md.
//
//     head | sections of the body … | finish: resident part, footer, sync, rename, sync of the folder
//
// The first error is kept and what follows is ignored, so callers look at `status` now and then. A
// file that was not finished is removed by the destructor.
//
// Threads: one thread.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "cache/image_file_writer.h"
#include "index/id_filter.h"
#include "index/index_content.h"
#include "index/index_format.h"
#include "io/file_system.h"

namespace chronos::index {

/// What goes into the resident part beside the block checksums.
struct ResidentContent {
    std::span<const IndexedSegment> segments;
    std::span<const std::uint32_t> log_crcs;
    std::span<const IndexedRun> runs;
    std::span<const TimeStripe> stripes;
    const IdFilter* id_filter = nullptr;
    const IdFilter* batch_filter = nullptr;
};

class IndexFileWriter {
public:
    /// Begins `<name>.tmp` in `directory`, in place of one that was left over, with the head.
    static Result<std::unique_ptr<IndexFileWriter>> create(io::FileSystem& files, std::string directory,
                                                           const std::string& name);

    void append(std::span<const std::byte> bytes) { out_->append(bytes); }
    template <typename T>
    void append_value(const T& value) {
        out_->append_value(value);
    }
    template <typename T>
    void append_values(std::span<const T> values) {
        out_->append_values(values);
    }
    /// Zeros up to where the next section begins.
    void end_section() { out_->pad_to(kSectionAlignment); }

    [[nodiscard]] std::uint64_t offset() const { return out_->offset(); }
    [[nodiscard]] const Status& status() const { return out_->status(); }

    /// Writes what follows the body and makes the file durable under its name. `footer` has the
    /// counts. Returns the path.
    Result<std::string> finish(IndexFooter footer, const ResidentContent& resident);

private:
    explicit IndexFileWriter(std::unique_ptr<cache::ImageFileWriter> out) : out_(std::move(out)) {}

    std::unique_ptr<cache::ImageFileWriter> out_;
};

}  // namespace chronos::index
