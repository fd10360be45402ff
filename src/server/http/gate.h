// Whether a request may pass: the host it names, its origin, its route, its credential, how often that asks, its scope;
// in this order, and nothing of it is done before.
//
// Threads: any, after construction.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/principal.h"
#include "server/http/message.h"
#include "server/http/request_rate.h"
#include "server/http/routes.h"

namespace chronos::server {

struct GateOptions {
    /// Names under which the server may be addressed, besides those of loopback. "*": any.
    std::vector<std::string> hosts;
    /// Origins of browsers that may call, besides the server's own.
    std::vector<std::string> origins;
    bool is_tls = false;
};

class Gate {
public:
    Gate(const Routes& routes, Services& services, GateOptions options);

    struct Pass {
        const Route* route = nullptr;
        std::string id;
        /// The query string without tenant_id, if that was in it.
        std::optional<std::string> query;
        access::Principal principal;
        Store* store = nullptr;
    };
    struct Decision {
        std::optional<Response> refusal;
        Pass pass;
    };
    /// `request` has everything but its body.
    [[nodiscard]] Decision decide(const Request& request) const;

    [[nodiscard]] const GateOptions& options() const { return options_; }
    /// The origin if it may read answers: the value of Access-Control-Allow-Origin.
    [[nodiscard]] std::string cross_origin(const Request& request) const;

private:
    [[nodiscard]] std::optional<Response> check_addressee(const Request& request) const;
    [[nodiscard]] Decision decide(const Request& request, Routes::Match match) const;
    [[nodiscard]] Response options_of(const Request& request, const std::string& allowed) const;

    const Routes& routes_;
    Services& services_;
    GateOptions options_;
    std::unique_ptr<RequestRate> rate_;
};

}  // namespace chronos::server
