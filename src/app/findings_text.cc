#include "app/findings_text.h"

#include "base/utf8.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

std::string range_text(const Finding& finding) {
    if (!finding.first_position) return {};
    std::string text = ", from position " + std::to_string(finding.first_position->value);
    if (finding.end_position) text += " to before " + std::to_string(finding.end_position->value);
    return text;
}

}  // namespace

std::string findings_as_json(const std::vector<Finding>& findings) {
    std::string out = "[";
    for (const Finding& finding : findings) {
        if (out.size() > 1) out += ',';
        json::ObjectWriter writer(out);
        writer.field("file", finding.file).field("offset", finding.offset).field("what", finding.what);
        if (finding.first_position) writer.field("first_position", finding.first_position->value);
        if (finding.end_position) writer.field("end_position", finding.end_position->value);
        writer.end();
    }
    return out + "]";
}

void write_findings(Output& out, const std::vector<Finding>& findings) {
    for (const Finding& finding : findings) {
        const std::string place =
            finding.file.empty() ? "" : finding.file + " at byte " + std::to_string(finding.offset) + ": ";
        out.line("  " + base::harmless(place + finding.what) + range_text(finding));
    }
}

}  // namespace chronos::app
