// The program as a server: started in a fresh directory on any free port, ended with the test.
//
// Threads: one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "conformance/http_client.h"

namespace chronos::conformance {

class ServerProcess {
public:
    /// `options`: further ones of `chronos serve`. `settings`: a file of settings in TOML, if it is not empty.
    explicit ServerProcess(const std::vector<std::string>& options = {}, const std::string& settings = {});
    ~ServerProcess();
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;

    [[nodiscard]] bool is_running() const { return port_ != 0; }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] const std::string& admin_key() const { return admin_key_; }
    /// Makes a key with these scopes; `more`: further members of the request, as in `,"name":"x"`.
    std::string make_key(const std::string& scopes_json, const std::string& more = {});
    /// The admin's and one of each scope: "admin", "write", "forks", "read", as the cases name them.
    std::map<std::string, std::string> make_keys() {
        return {{"admin", admin_key_},
                {"write", make_key(R"(["write"])")},
                {"forks", make_key(R"(["write:forks"])")},
                {"read", make_key(R"(["read"])")}};
    }
    /// Asks with a key; none when it is empty.
    [[nodiscard]] HttpAnswer ask_as(const std::string& key, HttpRequest request) const;
    /// As the admin.
    [[nodiscard]] HttpAnswer ask(HttpRequest request) const { return ask_as(admin_key_, std::move(request)); }
    /// Bytes of memory the process has now.
    [[nodiscard]] std::uint64_t resident_bytes() const;
    /// Whether the process still lives.
    [[nodiscard]] bool is_alive();
    /// Ends it with SIGTERM; answers its exit code.
    int stop();

private:
    std::filesystem::path directory_;
    pid_t pid_ = -1;
    int out_ = -1;
    std::uint16_t port_ = 0;
    std::string admin_key_;
};

}  // namespace chronos::conformance
