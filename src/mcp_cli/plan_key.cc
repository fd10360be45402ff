#include "mcp_cli/plan_key.h"

#include <optional>

#include "base/result.h"

namespace chronos::mcp_cli {
namespace {

/// Nothing if the file was not written to its end.
Result<std::optional<mcp::Seal::Key>> read_key(io::FileSystem& files, const std::string& path) {
    mcp::Seal::Key key{};
    ASSIGN_OR_RETURN(const auto file, files.open(path, io::OpenMode::kRead));
    ASSIGN_OR_RETURN(const std::uint64_t size, file->size());
    ASSIGN_OR_RETURN(const std::size_t read, file->read_at(0, key));
    if (size != key.size() || read != key.size()) return std::optional<mcp::Seal::Key>();
    return std::optional(key);
}

}  // namespace

Result<mcp::Seal::Key> plan_key(const io::Environment& world, const std::string& directory) {
    const std::string path = directory + "/mcp-cli.key";
    ASSIGN_OR_RETURN(const bool is_there, world.files.exists(path));
    if (is_there) {
        ASSIGN_OR_RETURN(const auto key, read_key(world.files, path));
        if (key) return *key;
        RETURN_IF_ERROR(world.files.remove_file(path));
    }
    mcp::Seal::Key key{};
    world.random.fill(key);
    ASSIGN_OR_RETURN(const auto file, world.files.open(path, io::OpenMode::kCreatePrivate));
    RETURN_IF_ERROR(file->write_at(0, key));
    RETURN_IF_ERROR(file->sync());
    return key;
}

}  // namespace chronos::mcp_cli
