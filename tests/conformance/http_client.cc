#include "conformance/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

namespace chronos::conformance {
namespace {

std::string lower(std::string text) {
    for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return text;
}

}  // namespace

std::string HttpAnswer::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (key == name) return value;
    }
    return {};
}

HttpConnection::HttpConnection(std::uint16_t port, const std::string& address_text) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    (void)::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    (void)::inet_pton(AF_INET, address_text.c_str(), &address.sin_addr);
    (void)::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return;
    ::close(socket_);
    socket_ = -1;
}

HttpConnection::~HttpConnection() {
    if (socket_ >= 0) ::close(socket_);
}

bool HttpConnection::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

void HttpConnection::finish_sending() { (void)::shutdown(socket_, SHUT_WR); }

bool HttpConnection::read_more() {
    std::array<char, 65'536> piece;
    const ssize_t size = ::recv(socket_, piece.data(), piece.size(), 0);
    if (size <= 0) return false;
    buffer_.append(piece.data(), static_cast<std::size_t>(size));
    return true;
}

HttpAnswer HttpConnection::read(bool of_head) {
    HttpAnswer answer;
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
        if (!read_more()) return answer;
    }
    std::string_view head = std::string_view(buffer_).substr(0, end + 2);
    const int status = std::atoi(std::string(head.substr(std::min<std::size_t>(9, head.size()), 3)).c_str());
    head.remove_prefix(head.find("\r\n") + 2);
    while (!head.empty()) {
        const std::string_view line = head.substr(0, head.find("\r\n"));
        head.remove_prefix(line.size() + 2);
        const std::size_t colon = line.find(": ");
        if (colon == std::string_view::npos) return answer;
        answer.headers.emplace_back(lower(std::string(line.substr(0, colon))), line.substr(colon + 2));
    }
    buffer_.erase(0, end + 4);
    answer.status = status;
    if (of_head || status == 204 || status == 304 || status == 100) return answer;
    if (answer.header("transfer-encoding") == "chunked") {
        for (;;) {
            std::size_t line = 0;
            while ((line = buffer_.find("\r\n")) == std::string::npos) {
                if (!read_more()) return {};
            }
            const std::size_t size = std::strtoull(buffer_.c_str(), nullptr, 16);
            while (buffer_.size() < line + 2 + size + 2) {
                if (!read_more()) return {};
            }
            answer.body += buffer_.substr(line + 2, size);
            buffer_.erase(0, line + 2 + size + 2);
            if (size == 0) return answer;
        }
    }
    if (answer.header("content-length").empty()) {
        while (read_more()) {
        }
        answer.body = std::exchange(buffer_, {});
        return answer;
    }
    const std::size_t size = std::strtoull(answer.header("content-length").c_str(), nullptr, 10);
    while (buffer_.size() < size) {
        if (!read_more()) return {};
    }
    answer.body = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return answer;
}

bool HttpConnection::is_at_end() {
    if (!buffer_.empty()) return false;
    char byte = 0;
    const ssize_t size = ::recv(socket_, &byte, 1, 0);
    return size == 0 || (size < 0 && errno == ECONNRESET);
}

std::string request_bytes(const HttpRequest& request) {
    std::string bytes = request.method + " " + request.target + " HTTP/1.1\r\n";
    bool has_host = false;
    for (const auto& [name, value] : request.headers) {
        bytes += name + ": " + value + "\r\n";
        has_host = has_host || lower(name) == "host";
    }
    if (!has_host) bytes += "Host: localhost\r\n";
    if (!request.body.empty() || request.method == "POST")
        bytes += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
    return bytes + "\r\n" + request.body;
}

HttpAnswer ask(std::uint16_t port, const HttpRequest& request, const std::string& address) {
    HttpConnection connection(port, address);
    // An answer may come before all was sent, and nothing more is taken then.
    (void)connection.send(request_bytes(request));
    return connection.read(request.method == "HEAD");
}

}  // namespace chronos::conformance
