#include "projection/event_metadata.h"

#include "json/pointer.h"
#include "json/scan.h"

namespace chronos::projection {

std::string metadata_text(std::string_view metadata, const char* key) {
    if (metadata.empty()) return {};
    const auto value = json::find_value(metadata, {{.key = key}});
    if (!value || !value->starts_with('"')) return {};
    std::string scratch;
    return std::string(json::unescaped(json::string_body(*value), scratch));
}

}  // namespace chronos::projection
