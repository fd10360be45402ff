#include "conformance/live_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>

namespace chronos::conformance {
namespace {

std::int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

std::string request_text(const std::string& method, const std::string& target, const std::string& body,
                         const Headers& headers) {
    std::string text = method + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
    for (const std::string& header : headers) text += header + "\r\n";
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + body;
}

int status_of(const std::string& head) { return head.size() < 12 ? 0 : std::atoi(head.c_str() + 9); }

std::map<std::string, std::string> headers_of(const std::string& head) {
    std::map<std::string, std::string> headers;
    std::size_t at = head.find("\r\n");
    while (at != std::string::npos && at + 2 < head.size()) {
        const std::size_t end = std::min(head.find("\r\n", at + 2), head.size());
        const std::string line = head.substr(at + 2, end - at - 2);
        const std::size_t colon = std::min(line.find(": "), line.size());
        std::string name = line.substr(0, colon);
        std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
        if (colon < line.size()) headers[name] = line.substr(colon + 2);
        at = end == head.size() ? std::string::npos : end;
    }
    return headers;
}

/// Moves whole chunks from `raw` to `body`. True: the last one came.
bool take_chunks_of(std::string& raw, std::string& body) {
    for (;;) {
        const std::size_t line = raw.find("\r\n");
        if (line == std::string::npos) return false;
        const std::size_t size = std::stoul(raw.substr(0, line), nullptr, 16);
        if (raw.size() < line + 2 + size + 2) return false;
        body.append(raw, line + 2, size);
        raw.erase(0, line + 2 + size + 2);
        if (size == 0) return true;
    }
}

}  // namespace

ClientSocket::ClientSocket(std::uint16_t port) {
    ::signal(SIGPIPE, SIG_IGN);
    descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_closed_ = ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0;
}

ClientSocket::~ClientSocket() { ::close(descriptor_); }

bool ClientSocket::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::string ClientSocket::receive(int timeout_ms) {
    pollfd watched{descriptor_, POLLIN, 0};
    if (is_closed_ || ::poll(&watched, 1, timeout_ms) <= 0) return {};
    std::string bytes(65'536, '\0');
    const ssize_t size = ::recv(descriptor_, bytes.data(), bytes.size(), 0);
    is_closed_ = size <= 0;
    bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return bytes;
}

HttpAnswer http(std::uint16_t port, const std::string& method, const std::string& target, const std::string& body,
                const Headers& headers) {
    ClientSocket socket(port);
    Headers all = headers;
    all.emplace_back("Connection: close");
    socket.send(request_text(method, target, body, all));
    std::string raw;
    const std::int64_t until = now_ms() + 2 * kPatienceMs;
    while (!socket.is_closed() && now_ms() < until) raw += socket.receive(kPatienceMs);
    HttpAnswer answer;
    const std::size_t end = raw.find("\r\n\r\n");
    if (end == std::string::npos) return answer;
    answer.status = status_of(raw);
    answer.headers = headers_of(raw.substr(0, end));
    raw.erase(0, end + 4);
    if (answer.headers.contains("transfer-encoding"))
        take_chunks_of(raw, answer.body);
    else
        answer.body = raw;
    return answer;
}

SseClient::SseClient(std::uint16_t port, const std::string& target, const Headers& headers) : socket_(port) {
    Headers all = headers;
    all.emplace_back("Accept: text/event-stream");
    socket_.send(request_text("GET", target, {}, all));
}

bool SseClient::read_more(int timeout_ms) {
    const std::string bytes = socket_.receive(timeout_ms);
    raw_ += bytes;
    if (status_ == 0) {
        const std::size_t end = raw_.find("\r\n\r\n");
        if (end == std::string::npos) return !bytes.empty();
        status_ = status_of(raw_);
        raw_.erase(0, end + 4);
    }
    if (status_ == 200) take_chunks();
    return !bytes.empty();
}

void SseClient::take_chunks() { is_complete_ = is_complete_ || take_chunks_of(raw_, body_); }

int SseClient::status() {
    const std::int64_t until = now_ms() + kPatienceMs;
    while (status_ == 0 && !socket_.is_closed() && now_ms() < until) read_more(100);
    return status_;
}

std::optional<SseMessage> SseClient::next(int timeout_ms) {
    const std::int64_t until = now_ms() + timeout_ms;
    for (;;) {
        const std::size_t end = body_.find("\n\n", parsed_);
        if (end == std::string::npos) {
            const std::int64_t left = until - now_ms();
            if (left <= 0 || socket_.is_closed() || is_complete_) return std::nullopt;
            read_more(static_cast<int>(std::min<std::int64_t>(left, 1'000)));
            continue;
        }
        SseMessage message;
        bool has_data = false;
        while (parsed_ < end) {
            const std::size_t line_end = std::min(body_.find('\n', parsed_), end);
            const std::string line = body_.substr(parsed_, line_end - parsed_);
            parsed_ = line_end + 1;
            if (line.starts_with("id: ")) message.id = line.substr(4);
            if (line.starts_with("event: ")) message.event = line.substr(7);
            if (line.starts_with("data: ")) message.data += (has_data ? "\n" : "") + line.substr(6);
            has_data = has_data || line.starts_with("data: ");
        }
        parsed_ = end + 2;
        if (has_data) return message;
    }
}

bool SseClient::wait_for_end(int timeout_ms) {
    const std::int64_t until = now_ms() + timeout_ms;
    while (!socket_.is_closed() && now_ms() < until) read_more(100);
    return socket_.is_closed();
}

int Frame::close_code() const {
    if (opcode != 8 || payload.size() < 2) return 0;
    return static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
}

SocketClient::SocketClient(std::uint16_t port, const std::string& target, const Headers& headers) : socket_(port) {
    Headers all = {"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="};
    all.insert(all.end(), headers.begin(), headers.end());
    socket_.send(request_text("GET", target, {}, all));
    const std::int64_t until = now_ms() + kPatienceMs;
    while (raw_.find("\r\n\r\n") == std::string::npos && !socket_.is_closed() && now_ms() < until)
        raw_ += socket_.receive(1'000);
    const std::size_t end = raw_.find("\r\n\r\n");
    if (end == std::string::npos) return;
    head_ = raw_.substr(0, end);
    status_ = status_of(head_);
    raw_.erase(0, end + 4);
}

void SocketClient::send_frame(std::uint8_t first, const std::string& payload, bool is_masked) {
    std::string frame(1, static_cast<char>(first));
    const char mask_bit = is_masked ? '\x80' : '\0';
    const auto put = [&frame](std::uint64_t value, int bytes) {
        for (int i = bytes - 1; i >= 0; --i) frame += static_cast<char>(value >> (8 * i) & 0xff);
    };
    if (payload.size() < 126) {
        frame += static_cast<char>(mask_bit | static_cast<char>(payload.size()));
    } else if (payload.size() < 65'536) {
        frame += static_cast<char>(mask_bit | 126);
        put(payload.size(), 2);
    } else {
        frame += static_cast<char>(mask_bit | 127);
        put(payload.size(), 8);
    }
    const std::string mask = "mask";
    if (is_masked) frame += mask;
    for (std::size_t i = 0; i < payload.size(); ++i)
        frame += is_masked ? static_cast<char>(payload[i] ^ mask[i % 4]) : payload[i];
    socket_.send(frame);
}

std::optional<Frame> SocketClient::take_frame() {
    const auto byte = [this](std::size_t at) { return static_cast<unsigned char>(raw_[at]); };
    if (raw_.size() < 2) return std::nullopt;
    std::size_t begin = 2;
    std::uint64_t size = byte(1) & 0x7f;
    const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (raw_.size() < begin + more) return std::nullopt;
    if (more > 0) size = 0;
    for (std::size_t i = 0; i < more; ++i) size = size << 8 | byte(begin + i);
    begin += more;
    if (raw_.size() < begin + size) return std::nullopt;
    Frame frame{.opcode = byte(0) & 0x0f, .payload = raw_.substr(begin, size)};
    raw_.erase(0, begin + size);
    return frame;
}

Frame SocketClient::next(int timeout_ms) {
    const std::int64_t until = now_ms() + timeout_ms;
    for (;;) {
        if (auto frame = take_frame()) {
            if (frame->opcode != 9) return *frame;
            if (answers_pings_) send_frame(0x8a, frame->payload);
            continue;
        }
        const std::int64_t left = until - now_ms();
        if (left <= 0 || socket_.is_closed()) return {};
        raw_ += socket_.receive(static_cast<int>(std::min<std::int64_t>(left, 1'000)));
    }
}

}  // namespace chronos::conformance
