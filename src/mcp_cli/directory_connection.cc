// The tools over a store of this machine, without a protocol between.
#include <utility>

#include "base/result.h"
#include "mcp/argument_check.h"
#include "mcp/tools/answer.h"
#include "mcp_cli/connection.h"
#include "mcp_cli/plan_key.h"

namespace chronos::mcp_cli {
namespace {

class DirectoryConnection final : public Connection {
public:
    DirectoryConnection(std::unique_ptr<client::Endpoint> endpoint, const app::Program& program)
        : endpoint_(std::move(endpoint)), world_(program.world), directory_(program.common.directory) {
        principal_.name = "mcp-cli";
        // Whoever has the files may do anything with them.
        principal_.scopes.add(access::Scope::kAdmin);
    }
    ~DirectoryConnection() override { (void)endpoint_->close(); }
    DirectoryConnection(const DirectoryConnection&) = delete;
    DirectoryConnection& operator=(const DirectoryConnection&) = delete;

    Result<Json> tools() override {
        Json list = Json::array();
        for (const mcp::Tool& tool : catalog_.tools)
            list.push_back({{"name", tool.name},
                            {"title", tool.title},
                            {"description", tool.description},
                            {"inputSchema", tool.input_schema}});
        return list;
    }

    Result<CallResult> call(const std::string& name, const Json& arguments) override {
        std::pair<std::string, Json> wanted{name, arguments};
        for (const auto& [old_name, translate] : catalog_.aliases) {
            if (old_name == name) wanted = translate(arguments);
        }
        for (const mcp::Tool& tool : catalog_.tools) {
            if (tool.name == wanted.first) return run(tool, std::move(wanted.second));
        }
        return base::fail(ErrorCode::kNotFound, "there is no tool " + name + "; `mcp-cli tools` lists those there are");
    }

private:
    static CallResult result_of(mcp::ToolAnswer answer) {
        return {
            .structured = std::move(answer.structured), .text = std::move(answer.text), .is_error = answer.is_error};
    }

    static CallResult refused(std::string message, std::string try_next) {
        return result_of(mcp::failed("invalid_argument", std::move(message), std::move(try_next)));
    }

    /// Arguments are checked and plans are confirmed as over the protocol.
    Result<CallResult> run(const mcp::Tool& tool, Json arguments) {
        std::string plan_token;
        if (tool.is_destructive && arguments.contains("plan_token") && arguments["plan_token"].is_string()) {
            plan_token = arguments["plan_token"].get<std::string>();
            arguments.erase("plan_token");
        }
        if (auto mistake = mcp::mistake_in(arguments, tool.input_schema))
            return refused(std::move(*mistake), "call again as the message says");
        const auto bound = mcp::Seal::binding_of(principal_, "plan", {{"name", tool.name}, {"arguments", arguments}});
        std::optional<std::string> confirmed;
        if (!plan_token.empty()) {
            ASSIGN_OR_RETURN(mcp::Seal * seal, this->seal());
            const Result<Json> binding = seal->open(plan_token, bound);
            if (!binding.ok())
                return refused("plan_token: " + binding.error().message,
                               "call again without plan_token, and look at the new plan");
            confirmed = binding->get<std::string>();
        }
        mcp::CallContext context{.principal = principal_, .endpoint = *endpoint_, .progress = {}, .is_cancelled = {}};
        mcp::ToolAnswer answer = tool.run(arguments, confirmed, context);
        if (!answer.confirm) return result_of(std::move(answer));
        ASSIGN_OR_RETURN(mcp::Seal * seal, this->seal());
        CallResult plan;
        plan.structured = {{"confirmation_required", true},
                           {"message", answer.confirm->message},
                           {"plan", answer.confirm->plan},
                           {"plan_token", seal->seal(bound, answer.confirm->binding)},
                           {"expires_in_seconds", mcp::Seal::kLifetimeSeconds}};
        return plan;
    }

    /// Made when a plan is first made or confirmed.
    Result<mcp::Seal*> seal() {
        if (!seal_) {
            ASSIGN_OR_RETURN(const mcp::Seal::Key key, plan_key(world_, directory_));
            seal_.emplace(world_, key);
        }
        return &*seal_;
    }

    mcp::Catalog catalog_ = mcp::store_catalog();
    std::unique_ptr<client::Endpoint> endpoint_;
    access::Principal principal_;
    io::Environment world_;
    std::string directory_;
    std::optional<mcp::Seal> seal_;
};

}  // namespace

Result<std::unique_ptr<Connection>> open_directory(app::Program& program) {
    ASSIGN_OR_RETURN(Store store, app::open_for_reading(program));
    return std::unique_ptr<Connection>(std::make_unique<DirectoryConnection>(
        client::endpoint_of(std::move(store), program.common.directory), program));
}

}  // namespace chronos::mcp_cli
