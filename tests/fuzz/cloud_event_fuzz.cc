// CloudEvents in headers and bodies: refused, or one event whose id depends on source and id alone.
//
//     input: lines "name: value" as headers, an empty line, the body
#include "event/batch_content.h"
#include "fuzz/fuzz.h"
#include "json/validate.h"
#include "server/cloud_event_request.h"

namespace chronos::fuzz {
namespace {

server::Request request_of(std::string_view text) {
    server::Request request;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line.empty()) break;
        const std::size_t colon = std::min(line.find(':'), line.size());
        std::string name(line.substr(0, colon));
        for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        std::string value(line.substr(std::min(colon + 1, line.size())));
        while (value.starts_with(' ')) value.erase(0, 1);
        request.headers.push_back({.name = std::move(name), .value = std::move(value)});
    }
    request.body = text;
    return request;
}

}  // namespace

Seeds seeds() {
    return {
        {"binary",
         "content-type: application/json\nce-specversion: 1.0\nce-id: 1\nce-source: /s\nce-type: t\n"
         "ce-subject: a%20b\n\n{\"x\":1}"},
        {"bytes", "content-type: image/png\nce-specversion: 1.0\nce-id: 1\nce-source: /s\nce-type: t\n\n\x01\x02"},
        {"text", "content-type: text/plain\nce-specversion: 1.0\nce-id: 1\nce-source: /s\nce-type: t\n\nhello"},
        {"structured",
         "content-type: application/cloudevents+json\n\n{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":"
         "\"/s\",\"type\":\"t\",\"data\":[1]}"},
        {"batch",
         "content-type: application/cloudevents-batch+json\n\n[{\"specversion\":\"1.0\",\"id\":\"1\","
         "\"source\":\"/s\",\"type\":\"t\"}]"},
        {"twice", "ce-specversion: 1.0\nce-id: 1\nce-id: 2\nce-source: /s\nce-type: t\nce-data: x\n\n{}"},
    };
}

}  // namespace chronos::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace chronos;
    const server::Request request = fuzz::request_of(std::string_view(reinterpret_cast<const char*>(data), size));
    if (!server::is_cloud_event(request)) return 0;
    const Result<BatchBuilder> batch = server::read_cloud_events(request);
    if (!batch.ok()) {
        FUZZ_CHECK(!batch.error().message.empty(), "refused without a reason");
        return 0;
    }
    batch->content().for_each_event([](const event::EventBytes& event) {
        FUZZ_CHECK(event.has(event::kExplicitId), "an event without an id");
        FUZZ_CHECK(json::validate_json(event.payload()).ok(), std::string(event.payload()));
        FUZZ_CHECK(event.metadata().empty() || json::validate_json(event.metadata()).ok(),
                   std::string(event.metadata()));
        FUZZ_CHECK(!event.entity().empty() && !event.type().empty(), "an event without a name");
    });
    const Result<BatchBuilder> again = server::read_cloud_events(request);
    FUZZ_CHECK(again.ok() && again->event_count() == batch->event_count(), "another answer to the same request");
    return 0;
}
