#include "client/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "client/decode.h"

namespace chronos::client {
namespace {

constexpr long kConnectTimeoutMs = 10'000;
constexpr std::size_t kErrorBodyMax = std::size_t{1} << 20;

struct CloseCurl {
    void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

void add_header(HeaderList& list, const std::string& header) {
    curl_slist* longer = curl_slist_append(list.get(), header.c_str());
    if (longer == nullptr) return;
    (void)list.release();
    list.reset(longer);
}

/// What the callbacks of one transfer work on.
struct Transfer {
    CURL* curl = nullptr;
    const HttpRequest* request = nullptr;
    const std::function<bool(std::string_view)>* take = nullptr;
    HttpReply reply;
    Status upload_status;
    bool was_ended = false;

    [[nodiscard]] bool is_good() {
        long status = 0;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        return status >= 200 && status < 300;
    }
};

std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* context) {
    auto& transfer = *static_cast<Transfer*>(context);
    const std::string_view piece(bytes, size * count);
    if (transfer.take != nullptr && transfer.is_good()) {
        transfer.was_ended = !(*transfer.take)(piece);
        return transfer.was_ended ? 0 : piece.size();
    }
    if (transfer.take != nullptr && transfer.reply.body.size() > kErrorBodyMax) return 0;
    transfer.reply.body += piece;
    return piece.size();
}

/// The value of the header `name` (in lower case), if this is its line.
std::optional<std::string> header_value(std::string_view line, std::string_view name) {
    const bool is_it = line.size() > name.size() && line[name.size()] == ':' &&
                       std::equal(name.begin(), name.end(), line.begin(), [](char want, char got) {
                           return want == (got >= 'A' && got <= 'Z' ? got + 32 : got);
                       });
    if (!is_it) return std::nullopt;
    line.remove_prefix(name.size() + 1);
    while (line.starts_with(' ')) line.remove_prefix(1);
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    return std::string(line);
}

std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* context) {
    auto& transfer = *static_cast<Transfer*>(context);
    const std::string_view line(bytes, size * count);
    if (auto etag = header_value(line, "etag")) transfer.reply.etag = std::move(*etag);
    if (auto session = header_value(line, "mcp-session-id")) transfer.reply.mcp_session = std::move(*session);
    return size * count;
}

std::size_t on_upload(char* buffer, std::size_t size, std::size_t count, void* context) {
    auto& transfer = *static_cast<Transfer*>(context);
    const Result<std::size_t> filled = transfer.request->upload(buffer, size * count);
    if (filled.ok()) return *filled;
    transfer.upload_status = filled.error();
    return CURL_READFUNC_ABORT;
}

int on_progress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    auto& transfer = *static_cast<Transfer*>(context);
    if (transfer.take == nullptr) return 0;
    transfer.was_ended = transfer.was_ended || !(*transfer.take)({});
    return transfer.was_ended ? 1 : 0;
}

}  // namespace

struct HttpClient::Impl {
    ClientOptions options;
    std::unique_ptr<CURL, CloseCurl> curl;
    int last_status = 0;

    Result<HttpReply> perform(const HttpRequest& request, const std::function<bool(std::string_view)>* take);
};

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;

const std::string& HttpClient::url() const { return impl_->options.url; }

int HttpClient::take_status() { return std::exchange(impl_->last_status, 0); }

Result<std::unique_ptr<HttpClient>> HttpClient::open(const ClientOptions& options) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    auto impl = std::make_unique<Impl>();
    impl->options = options;
    std::string& url = impl->options.url;
    while (url.ends_with('/')) url.pop_back();
    const std::size_t scheme = url.find("://");
    const bool is_known = url.starts_with("http://") || url.starts_with("https://");
    if (!is_known || url.size() <= scheme + 3 || url.find_first_of("/?#@ ", scheme + 3) != std::string::npos)
        return base::fail(
            ErrorCode::kInvalidArgument,
            "'" + base::shortened(url) + "' is no address of a server; write it as http://127.0.0.1:3900");
    impl->curl.reset(curl_easy_init());
    if (!impl->curl) return base::fail(ErrorCode::kIo, "no HTTP client could be made");
    return std::unique_ptr<HttpClient>(new HttpClient(std::move(impl)));
}

Result<HttpReply> HttpClient::Impl::perform(const HttpRequest& request,
                                            const std::function<bool(std::string_view)>* take) {
    Transfer transfer{.curl = curl.get(), .request = &request, .take = take};
    curl_easy_reset(curl.get());
    const auto set = [this](CURLoption option, auto value) { curl_easy_setopt(curl.get(), option, value); };
    const std::string url = options.url + request.target;
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
    if (options.answer_timeout_ms > 0) set(CURLOPT_TIMEOUT_MS, static_cast<long>(options.answer_timeout_ms));
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    // The key goes where the user said, and nowhere else.
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_WRITEFUNCTION, &on_body);
    set(CURLOPT_WRITEDATA, &transfer);
    set(CURLOPT_HEADERFUNCTION, &on_header);
    set(CURLOPT_HEADERDATA, &transfer);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &on_progress);
    set(CURLOPT_XFERINFODATA, &transfer);
    if (!options.ca_file.empty()) set(CURLOPT_CAINFO, options.ca_file.c_str());
    HeaderList headers;
    if (!options.api_key.empty()) add_header(headers, "Authorization: Bearer " + options.api_key);
    for (const std::string& header : request.headers) add_header(headers, header);
    if (request.upload) {
        set(CURLOPT_POST, 1L);
        set(CURLOPT_READFUNCTION, &on_upload);
        set(CURLOPT_READDATA, &transfer);
        add_header(headers, "Transfer-Encoding: chunked");
        add_header(headers, "Expect: 100-continue");
    } else if (request.method == "POST" || !request.body.empty()) {
        set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        set(CURLOPT_POSTFIELDS, request.body.c_str());
        add_header(headers, "Content-Type: application/json");
        add_header(headers, "Expect:");
    }
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    set(CURLOPT_HTTPHEADER, headers.get());
    const CURLcode code = curl_easy_perform(curl.get());
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    transfer.reply.status = static_cast<int>(status);
    last_status = transfer.reply.status;
    if (transfer.was_ended || code == CURLE_OK) return std::move(transfer.reply);
    if (!transfer.upload_status.ok()) return std::move(transfer.upload_status).error();
    // A server that has heard enough answers before the body is sent.
    if (status >= 400 && !transfer.reply.body.empty()) return std::move(transfer.reply);
    Error error = base::fail(ErrorCode::kIo, options.url + ": " + curl_easy_strerror(code));
    const bool was_sent = code != CURLE_COULDNT_CONNECT && code != CURLE_COULDNT_RESOLVE_HOST &&
                          code != CURLE_SSL_CONNECT_ERROR && code != CURLE_PEER_FAILED_VERIFICATION;
    if (code == CURLE_COULDNT_CONNECT) error.message += "; is the server running there?";
    if (was_sent && request.method != "GET") error.outcome = Outcome::kUnknown;
    return error;
}

Result<HttpReply> HttpClient::send(const HttpRequest& request) { return impl_->perform(request, nullptr); }

Result<HttpReply> HttpClient::stream(const HttpRequest& request, const std::function<bool(std::string_view)>& take) {
    return impl_->perform(request, &take);
}

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                              c == '.' || c == '_' || c == '~';
        if (is_plain) {
            out += c;
        } else {
            out += '%';
            out += kDigits[byte >> 4];
            out += kDigits[byte & 15];
        }
    }
    return out;
}

Error error_of(const HttpReply& reply) { return decode_problem(reply.status, reply.body); }

}  // namespace chronos::client
