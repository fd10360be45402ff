#include "app/server_config.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <set>
#include <utility>

#include "app/input.h"
#include "base/result.h"
#include "embedded/memory_budget.h"

namespace chronos::app {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{1} << 20;

Result<std::string> read_text(const std::string& path) {
    ASSIGN_OR_RETURN(const std::unique_ptr<Input> input, Input::open(path));
    std::string text;
    std::array<char, 4'096> piece;
    for (;;) {
        ASSIGN_OR_RETURN(const std::size_t size, input->read(piece));
        if (size == 0) return text;
        text.append(piece.data(), size);
        if (text.size() > kFileBytesMax) return base::fail(ErrorCode::kLimitExceeded, path + " is larger than 1 MiB");
    }
}

/// One table of the file: each name that is read is known, what is left over is a mistake.
class Table {
public:
    Table(std::string name, const toml::table* table) : name_(std::move(name)), table_(table) {}

    Status text(std::string_view key, std::string& to) {
        const toml::node* node = find(key);
        if (node == nullptr) return {};
        const auto value = node->value_exact<std::string>();
        if (!value || value->empty()) return wrong(*node, key, "a text that is not empty");
        to = *value;
        return {};
    }

    Status texts(std::string_view key, std::vector<std::string>& to) {
        const toml::node* node = find(key);
        if (node == nullptr) return {};
        const toml::array* array = node->as_array();
        if (array == nullptr) return wrong(*node, key, "a list of texts");
        to.clear();
        for (const toml::node& element : *array) {
            const auto value = element.value_exact<std::string>();
            if (!value) return wrong(element, key, "a list of texts");
            to.push_back(*value);
        }
        return {};
    }

    Status flag(std::string_view key, bool& to) {
        const toml::node* node = find(key);
        if (node == nullptr) return {};
        const auto value = node->value_exact<bool>();
        if (!value) return wrong(*node, key, "true or false");
        to = *value;
        return {};
    }

    template <typename Number>
    Status number(std::string_view key, std::int64_t min, std::int64_t max, Number& to) {
        const toml::node* node = find(key);
        if (node == nullptr) return {};
        const auto value = node->value_exact<std::int64_t>();
        if (!value || *value < min || *value > max)
            return wrong(*node, key, "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
        to = static_cast<Number>(*value);
        return {};
    }

    /// The same, or 0.
    template <typename Number>
    Status number_or_zero(std::string_view key, std::int64_t min, std::int64_t max, Number& to) {
        const toml::node* node = find(key);
        if (node != nullptr && node->value_exact<std::int64_t>() == 0) {
            to = 0;
            return {};
        }
        return number(key, min, max, to);
    }

    Status word(std::string_view key, const std::vector<std::string>& words, std::string& to) {
        RETURN_IF_ERROR(text(key, to));
        const toml::node* node = find(key);
        if (node == nullptr || std::find(words.begin(), words.end(), to) != words.end()) return {};
        std::string listed;
        for (const std::string& word : words) listed += (listed.empty() ? "" : ", ") + word;
        return wrong(*node, key, "one of " + listed);
    }

    [[nodiscard]] Status finish() const {
        if (table_ == nullptr) return {};
        for (const auto& [key, node] : *table_) {
            if (known_.contains(std::string(key.str()))) continue;
            std::string listed;
            for (const std::string& name : known_) listed += (listed.empty() ? "" : ", ") + name;
            return base::fail(ErrorCode::kInvalidArgument, "line " + std::to_string(node.source().begin.line) +
                                                               ": there is no setting " + name_ + "." +
                                                               std::string(key.str()) + "; known: " + listed);
        }
        return {};
    }

private:
    const toml::node* find(std::string_view key) {
        known_.emplace(key);
        return table_ == nullptr ? nullptr : table_->get(key);
    }
    [[nodiscard]] Error wrong(const toml::node& node, std::string_view key, const std::string& expected) const {
        return base::fail(ErrorCode::kInvalidArgument, "line " + std::to_string(node.source().begin.line) + ": " +
                                                           name_ + "." + std::string(key) + " is " + expected);
    }

    std::string name_;
    const toml::table* table_;
    std::set<std::string> known_;
};

constexpr std::int64_t kBytesMax = std::int64_t{1} << 50;

Status read_server(Table table, ServerConfig& config) {
    server::ServerOptions& options = config.server;
    RETURN_IF_ERROR(table.text("directory", options.directory));
    RETURN_IF_ERROR(table.text("address", options.listen.address));
    if (options.listen.address == kLoopbackName) options.listen.address = kLoopbackAddress;
    RETURN_IF_ERROR(table.number("port", 0, 65'535, options.listen.port));
    RETURN_IF_ERROR(table.number("io_threads", 1, 64, options.listen.io_threads));
    RETURN_IF_ERROR(table.number("worker_threads", 1, 256, options.listen.worker_threads));
    RETURN_IF_ERROR(table.text("backup_directory", options.backup_directory));
    RETURN_IF_ERROR(table.texts("hosts", options.gate.hosts));
    RETURN_IF_ERROR(table.texts("origins", options.gate.origins));
    std::string fold = options.default_fold == Fold::kShallow ? "shallow" : "merge";
    RETURN_IF_ERROR(table.word("default_fold", {"merge", "shallow"}, fold));
    options.default_fold = fold == "shallow" ? Fold::kShallow : Fold::kMergePatch;
    return table.finish();
}

Status read_store(Table table, ServerConfig& config) {
    OpenOptions& store = config.server.store;
    RETURN_IF_ERROR(table.number_or_zero("memory_budget", embedded::kMemoryBudgetMin, kBytesMax, store.memory_budget));
    RETURN_IF_ERROR(table.number("spare_bytes", 0, kBytesMax, store.spare_bytes));
    RETURN_IF_ERROR(table.number("fork_limit", 1, 10'000'000, store.fork_limit));
    RETURN_IF_ERROR(table.number("max_merge_events", 1, 1'000'000'000, store.max_merge_events));
    return table.finish();
}

Status read_limits(Table table, server::HttpLimits& limits) {
    constexpr std::int64_t kBodyMax = std::int64_t{1} << 30;
    constexpr std::int64_t kTimeMax = 3'600'000;
    RETURN_IF_ERROR(table.number("body_bytes", 1'024, kBodyMax, limits.body_max));
    RETURN_IF_ERROR(table.number("batch_bytes", 1'024, kBodyMax, limits.batch_max));
    RETURN_IF_ERROR(table.number("inflation", 1, 1'000, limits.inflation_max));
    RETURN_IF_ERROR(table.number("header_timeout_ms", 100, kTimeMax, limits.header_timeout_ms));
    RETURN_IF_ERROR(table.number("body_timeout_ms", 100, kTimeMax, limits.body_timeout_ms));
    RETURN_IF_ERROR(table.number("idle_timeout_ms", 100, kTimeMax, limits.idle_timeout_ms));
    RETURN_IF_ERROR(table.number("drain_timeout_ms", 0, kTimeMax, limits.drain_timeout_ms));
    RETURN_IF_ERROR(table.number("connections", 1, 1'000'000, limits.connections_max));
    RETURN_IF_ERROR(table.number("connections_per_address", 1, 1'000'000, limits.connections_per_address_max));
    RETURN_IF_ERROR(table.number("append_bytes_in_flight", 1'024, kBytesMax, limits.append_bytes_in_flight_max));
    RETURN_IF_ERROR(table.number("body_bytes_in_flight", 1'024, kBytesMax, limits.body_bytes_in_flight_max));
    RETURN_IF_ERROR(table.number("answer_bytes_in_flight", 1'024, kBytesMax, limits.answer_bytes_in_flight_max));
    RETURN_IF_ERROR(table.number("requests_per_second_per_key", 0, 1'000'000'000, limits.requests_per_second_per_key));
    RETURN_IF_ERROR(table.number("uploads", 1, 10'000, limits.uploads_max));
    RETURN_IF_ERROR(table.number("worker_queue", 1, 1'000'000, limits.worker_queue_max));
    RETURN_IF_ERROR(table.number("events_examined", 1, 1'000'000'000'000, limits.events_examined_max));
    RETURN_IF_ERROR(table.number("heartbeat_ms", 100, kTimeMax, limits.heartbeat_ms));
    RETURN_IF_ERROR(table.number("live_streams", 1, 1'000'000, limits.live_streams_max));
    RETURN_IF_ERROR(table.number("socket_message_bytes", 1'024, kBodyMax, limits.socket_message_max));
    RETURN_IF_ERROR(table.number("socket_ping_ms", 100, kTimeMax, limits.socket_ping_ms));
    RETURN_IF_ERROR(table.number("socket_pong_ms", 100, kTimeMax, limits.socket_pong_ms));
    return table.finish();
}

Status read_log(Table table, server::LogOptions& log) {
    std::string level = "info";
    std::string format = log.as_json ? "json" : "text";
    RETURN_IF_ERROR(table.word("level", {"debug", "info", "warning", "error"}, level));
    RETURN_IF_ERROR(table.word("format", {"text", "json"}, format));
    RETURN_IF_ERROR(table.flag("requests", log.with_access));
    log.level = level == "debug"     ? server::LogLevel::kDebug
                : level == "warning" ? server::LogLevel::kWarning
                : level == "error"   ? server::LogLevel::kError
                                     : server::LogLevel::kInfo;
    log.as_json = format == "json";
    return table.finish();
}

Status read_tables(const toml::table& file, ServerConfig& config) {
    std::set<std::string, std::less<>> known = {"server", "tls", "store", "limits", "log"};
    for (const auto& [key, node] : file) {
        if (known.contains(key.str()) && node.is_table()) continue;
        return base::fail(ErrorCode::kInvalidArgument, "line " + std::to_string(node.source().begin.line) +
                                                           ": there is no table " + std::string(key.str()) +
                                                           "; known: server, tls, store, limits, log");
    }
    const auto table = [&file](const char* name) { return Table(name, file[name].as_table()); };
    RETURN_IF_ERROR(read_server(table("server"), config));
    Table tls = table("tls");
    RETURN_IF_ERROR(tls.text("certificate", config.server.listen.tls_certificate_file));
    RETURN_IF_ERROR(tls.text("key", config.server.listen.tls_key_file));
    RETURN_IF_ERROR(tls.finish());
    RETURN_IF_ERROR(read_store(table("store"), config));
    RETURN_IF_ERROR(read_limits(table("limits"), config.server.limits));
    return read_log(table("log"), config.log);
}

}  // namespace

Status read_server_config(const std::string& path, ServerConfig& config) {
    ASSIGN_OR_RETURN(const std::string text, read_text(path));
    const toml::parse_result parsed = toml::parse(text);
    if (!parsed) {
        return base::fail(ErrorCode::kInvalidArgument, path + ": line " +
                                                           std::to_string(parsed.error().source().begin.line) + ": " +
                                                           std::string(parsed.error().description()));
    }
    if (Status read = read_tables(parsed.table(), config); !read.ok())
        return base::with_context(std::move(read).error(), path);
    return {};
}

}  // namespace chronos::app
