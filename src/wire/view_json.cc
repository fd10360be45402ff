#include "wire/view_json.h"

#include "json/writer.h"

namespace chronos::wire {

std::string view_as_json(const ViewInfo& info) {
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("branch", info.branch);
    if (info.expires_at) writer.field("expires_at", info.expires_at->to_string());
    if (info.at) writer.field("at", info.at->value);
    if (info.known_at) writer.field("known_at", info.known_at->to_string());
    if (info.as_of) writer.field("as_of", info.as_of->to_string());
    writer.field("settled", info.settled).end();
    return out;
}

}  // namespace chronos::wire
