#include "wire/backup_json.h"

#include "json/writer.h"

namespace chronos::wire {

std::string backup_as_json(const BackupReport& report) {
    std::string out;
    json::ObjectWriter(out)
        .field("database", report.database.to_string())
        .field("segments", report.segment_count)
        .field("copied_segments", report.copied_segment_count)
        .field("bytes", report.bytes)
        .field("copied_bytes", report.copied_bytes)
        .end();
    return out;
}

}  // namespace chronos::wire
