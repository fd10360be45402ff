#include "peers/chronos_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "peers/failure.h"
#include "peers/loopback.h"

namespace chronos::bench {
namespace {

constexpr auto kStartPatience = std::chrono::seconds(30);
constexpr std::size_t kReadSize = std::size_t{256} << 10;

/// The port in the line that the server writes when it listens.
std::uint16_t port_in(const std::filesystem::path& log, ServerProcess& server) {
    const auto until = std::chrono::steady_clock::now() + kStartPatience;
    while (std::chrono::steady_clock::now() < until && !server.ended()) {
        std::stringstream text;
        text << std::ifstream(log).rdbuf();
        constexpr std::string_view kBefore = "\"url\":\"http://127.0.0.1:";
        const std::string said = text.str();
        const auto at = said.find(kBefore);
        std::uint16_t port = 0;
        if (at != std::string::npos && said.find('\n', at) != std::string::npos &&
            std::from_chars(said.data() + at + kBefore.size(), said.data() + said.size(), port).ec == std::errc())
            return port;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    throw Failure("chronos serve did not start: " + server.last_output());
}

ServerProcess::Launch nginx_launch(const std::filesystem::path& directory, std::uint16_t port,
                                   std::string_view content) {
    const std::filesystem::path nginx = find_program("nginx", {"/usr/sbin"});
    if (nginx.empty()) throw Absent("nginx is not installed (nginx-light)");
    std::ofstream(directory / "file") << content;
    std::ofstream(directory / "nginx.conf")
        << "daemon off; worker_processes 2; pid " << (directory / "pid").string()
        << "; error_log stderr; events {} http { access_log off; sendfile on; tcp_nopush on; keepalive_requests "
           "100000000; "
        << "client_body_temp_path " << directory.string() << "; proxy_temp_path " << directory.string()
        << "; fastcgi_temp_path " << directory.string() << "; uwsgi_temp_path " << directory.string()
        << "; scgi_temp_path " << directory.string() << "; server { listen 127.0.0.1:" << port << "; root "
        << directory.string() << "; } }";
    return {.arguments = {nginx, "-c", directory / "nginx.conf", "-p", directory}, .log = directory / "log"};
}

}  // namespace

std::filesystem::path find_chronos() {
    const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    if (!std::filesystem::exists(folder / "chronos")) throw Absent("the program chronos is not built");
    return folder / "chronos";
}

ChronosServer::ChronosServer(const std::filesystem::path& scratch)
    : directory_(scratch),
      process_({.arguments = {find_chronos(), "serve", "--dir", directory_.path() / "data", "--port", "0", "--no-auth",
                              "--json"},
                .log = directory_.path() / "log"}),
      port_(port_in(directory_.path() / "log", process_)) {}

NginxServer::NginxServer(const std::filesystem::path& scratch, std::string_view content)
    : directory_(scratch), port_(free_port()), process_(nginx_launch(directory_.path(), port_, content)) {
    wait_until_it_listens(port_, process_);
}

HttpClient::HttpClient(std::uint16_t port) : socket_(connect_to(port)) {
    if (socket_ < 0) throw Failure("no connection to port " + std::to_string(port));
}

HttpClient::~HttpClient() { ::close(socket_); }

void HttpClient::send(std::string_view bytes) const {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) throw Failure("the server ended the connection while it was sent to");
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

void HttpClient::read_more() {
    const std::size_t size = buffer_.size();
    buffer_.resize(size + kReadSize);
    const ssize_t got = ::recv(socket_, buffer_.data() + size, kReadSize, 0);
    buffer_.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got <= 0) throw Failure("the server ended the connection before its answer");
}

std::string HttpClient::read_line() {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n", used_)) == std::string::npos) read_more();
    std::string line = buffer_.substr(used_, end - used_);
    used_ = end + 2;
    return line;
}

std::string_view HttpClient::read() {
    buffer_.erase(0, used_);
    used_ = 0;
    std::string status = read_line();
    while (status.starts_with("HTTP/1.1 1")) {
        while (!read_line().empty()) {
        }
        status = read_line();
    }
    std::size_t length = 0;
    bool is_chunked = false;
    for (std::string line = read_line(); !line.empty(); line = read_line()) {
        for (char& c : line)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        if (line.starts_with("content-length: ")) length = std::stoul(line.substr(16));
        if (line.starts_with("transfer-encoding: chunked")) is_chunked = true;
    }
    body_.clear();
    const auto take = [&](std::size_t size) {
        while (buffer_.size() - used_ < size) read_more();
        body_.append(buffer_, used_, size);
        used_ += size;
    };
    if (!is_chunked) take(length);
    while (is_chunked) {
        const std::size_t size = std::stoul(read_line(), nullptr, 16);
        take(size);
        read_line();
        if (size == 0) break;
    }
    if (!status.starts_with("HTTP/1.1 2")) throw Failure(status + ": " + body_);
    return body_;
}

std::string get_request(std::string_view target) {
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
}

std::string post_request(std::string_view target, std::string_view content_type, std::string_view body) {
    return "POST " + std::string(target) +
           " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: " + std::string(content_type) +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace chronos::bench
