#include "server/cloud_event_request.h"

#include <openssl/evp.h>

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/utf8.h"
#include "ingest/cloud_event.h"
#include "json/scan.h"
#include "json/validate.h"
#include "json/writer.h"
#include "wire/parameters.h"

namespace chronos::server {
namespace {

constexpr std::string_view kHeaderPrefix = "ce-";

/// Without parameters, in lower case.
std::string media_type(const Request& request) {
    std::string type(request.header("content-type"));
    type = type.substr(0, type.find(';'));
    while (type.ends_with(' ')) type.pop_back();
    for (char& c : type) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return type;
}

bool is_json(std::string_view type) { return type == "application/json" || type.ends_with("+json"); }

std::string base64(std::string_view bytes) {
    std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
}

/// The event that headers and body are, in its structured form.
Result<std::string> structured(const Request& request) {
    std::string out;
    json::ObjectWriter writer(out);
    for (const Header& header : request.headers) {
        if (!header.name.starts_with(kHeaderPrefix)) continue;
        ASSIGN_OR_RETURN(const std::string value, wire::percent_decoded(header.value, false));
        writer.field(std::string_view(header.name).substr(kHeaderPrefix.size()), value);
    }
    const std::string type = media_type(request);
    if (!type.empty()) writer.field("datacontenttype", request.header("content-type"));
    if (request.body.empty()) {
    } else if (is_json(type) || type.empty()) {
        if (Status valid = json::validate_json(request.body); !valid.ok())
            return base::with_context(std::move(valid).error(), "the event's data");
        writer.raw_field("data", request.body);
    } else if (type.starts_with("text/") && base::is_utf8(request.body)) {
        writer.field("data", request.body);
    } else {
        writer.field("data_base64", base64(request.body));
    }
    writer.end();
    return out;
}

}  // namespace

bool is_cloud_event(const Request& request) {
    const std::string type = media_type(request);
    return type.starts_with("application/cloudevents") || request.has_header("ce-specversion");
}

Result<BatchBuilder> read_cloud_events(const Request& request) {
    const std::string type = media_type(request);
    ingest::CloudEvents events(ingest::CloudEvents::Entity::kSubject);
    BatchBuilder batch;
    if (type == "application/cloudevents+json") {
        RETURN_IF_ERROR(events.add(request.body, batch));
    } else if (type == "application/cloudevents-batch+json") {
        const json::Limits limits{.depth_max = 128, .tokens_max = 10'000'000};
        RETURN_IF_ERROR(json::validate_json(request.body, limits));
        const std::string_view array = json::trimmed(request.body);
        if (!array.starts_with('['))
            return base::fail(ErrorCode::kInvalidArgument, "a batch of CloudEvents is a JSON array");
        json::ArrayScanner elements(array);
        for (std::size_t i = 0; elements.next(); ++i) {
            if (Status added = events.add(elements.value(), batch); !added.ok())
                return base::with_context(std::move(added).error(), "event " + std::to_string(i));
        }
    } else if (type.starts_with("application/cloudevents")) {
        return base::fail(ErrorCode::kInvalidArgument,
                          "CloudEvents come as application/cloudevents+json, application/cloudevents-batch+json, or "
                          "with their attributes in ce- headers");
    } else {
        ASSIGN_OR_RETURN(const std::string event, structured(request));
        RETURN_IF_ERROR(events.add(event, batch));
    }
    return batch;
}

}  // namespace chronos::server
