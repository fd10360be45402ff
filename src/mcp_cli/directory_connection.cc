// The tools over a store of this machine, without a protocol between.
#include <utility>

#include "base/result.h"
#include "mcp_cli/connection.h"

namespace chronos::mcp_cli {
namespace {

class DirectoryConnection final : public Connection {
public:
    explicit DirectoryConnection(std::unique_ptr<client::Endpoint> endpoint) : endpoint_(std::move(endpoint)) {
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
    /// A plan is confirmed as over the protocol: by calling again with its token.
    CallResult run(const mcp::Tool& tool, Json arguments) {
        std::optional<std::string> confirmed;
        if (arguments.contains("plan_token") && arguments["plan_token"].is_string()) {
            confirmed = arguments["plan_token"].get<std::string>();
            arguments.erase("plan_token");
        }
        mcp::CallContext context{.principal = principal_, .endpoint = *endpoint_, .progress = {}, .is_cancelled = {}};
        mcp::ToolAnswer answer = tool.run(arguments, confirmed, context);
        CallResult result{
            .structured = std::move(answer.structured), .text = std::move(answer.text), .is_error = answer.is_error};
        if (answer.confirm)
            result.structured = {{"confirmation_required", true},
                                 {"message", answer.confirm->message},
                                 {"plan", answer.confirm->plan},
                                 {"plan_token", answer.confirm->binding}};
        return result;
    }

    mcp::Catalog catalog_ = mcp::store_catalog();
    std::unique_ptr<client::Endpoint> endpoint_;
    access::Principal principal_;
};

}  // namespace

Result<std::unique_ptr<Connection>> open_directory(app::Program& program) {
    ASSIGN_OR_RETURN(Store store, app::open_for_reading(program));
    return std::unique_ptr<Connection>(
        std::make_unique<DirectoryConnection>(client::endpoint_of(std::move(store), program.common.directory)));
}

}  // namespace chronos::mcp_cli
