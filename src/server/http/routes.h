// The table of routes: which method and path, what it does to what, the scope it needs, and who answers.
// There is no way past it: a request that no row matches is refused, and each row says what a caller must be allowed.
// The same table is what /openapi.json is made from.
//
// Threads: filled before the server starts; read by all threads afterwards.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/principal.h"
#include "server/http/message.h"
#include "server/http/socket_session.h"

namespace chronos {
class Store;
}

namespace chronos::server {

struct Services;

/// A request that was let through, on its way to a handler.
struct Call {
    const Request& request;
    /// What stands for the {parameter} of the path, decoded; empty where there is none.
    std::string id;
    const access::Principal& principal;
    /// The caller's database.
    Store& store;
    Services& services;
};

/// Answers at once, or after reading.
using Handler = std::function<Response(Call&)>;
/// Answers later, on any thread.
using AsyncHandler = std::function<void(Call&, std::function<void(Response)>)>;
using UploadHandler = std::function<Result<std::unique_ptr<Upload>>(Call&)>;
using SocketHandler = std::function<SocketOpening(Call&)>;

/// An answer that a route may give; what the schema says stands in api_schemas.cc.
struct Answer {
    int status = 200;
    std::string_view schema;
    std::string_view media_type = "application/json";
};

struct Route {
    std::string method;
    /// "/api/v1/forks/{fork}/merge"; {id*} may contain slashes. At most one parameter.
    std::string pattern;
    /// What it does to what, for the log and for people: "append", "events".
    std::string action;
    std::string resource;
    /// Absent: anybody may.
    std::optional<access::Scope> scope;
    /// One sentence for /openapi.json.
    std::string summary;
    /// Bytes of the request's body at most; for uploads of one piece at a time there is no limit.
    std::size_t body_max = 0;
    /// Appends to the branch of its parameters: to main takes the scope write, whatever `scope` says.
    bool appends_to_branch = false;
    /// Names of what may stand in the query string, besides tenant_id, which all with a scope take; others are refused.
    /// What they mean is in api_parameters.cc. Absent: the handler looks after it.
    std::optional<std::vector<std::string_view>> parameters = {};
    /// Headers that change what it does.
    std::vector<std::string_view> request_headers = {};
    /// Of the body; others are refused. Empty: it has none, or takes any.
    std::vector<std::string_view> request_types = {};
    std::string_view request_schema = {};
    std::vector<Answer> answers = {};
    /// Statuses of problems, besides those that every route may answer.
    std::vector<int> problems = {};
    /// Path of what says which credentials it takes (RFC 9728), for callers who have none; empty: there is no such
    /// path.
    std::string_view resource_metadata = {};
    /// Exactly one of these.
    Handler here = {};    ///< On the thread that read the socket: must not wait for long.
    Handler worker = {};  ///< On a worker thread, but for what is_brief allows.
    AsyncHandler later = {};
    UploadHandler upload = {};
    /// Whether HEAD is GET without the body: not where getting changes something.
    bool takes_head = true;
    /// Besides: whether this request, meant for `worker`, is answered so soon that it is done on the thread that read
    /// the socket.
    bool (*is_brief)(const Call&) = nullptr;
    /// Besides: for requests that ask to go on as a WebSocket, on a worker thread.
    SocketHandler socket = {};
};

class Routes {
public:
    /// Requires: every row has an action, a resource and one handler; checked when the server starts.
    void add(Route route);

    struct Match {
        const Route* route = nullptr;
        std::string id;  ///< As sent.
        /// When no row matches: methods that would, as "GET, POST"; empty when the path is unknown.
        std::string allowed;
    };
    [[nodiscard]] Match find(std::string_view method, std::string_view path) const;
    [[nodiscard]] const std::vector<Route>& all() const { return routes_; }

private:
    std::vector<Route> routes_;
};

}  // namespace chronos::server
