#include "store/database_folder.h"

#include "base/result.h"
#include "event/ids.h"

namespace chronos::store {
namespace {

bool is_database_folder(const io::DirectoryEntry& entry) { return entry.is_directory && Uuid::parse(entry.name).ok(); }

}  // namespace

Result<std::string> find_database(io::FileSystem& files, const std::string& directory) {
    ASSIGN_OR_RETURN(const auto entries, files.list(directory));
    std::string found;
    for (const io::DirectoryEntry& entry : entries) {
        if (!is_database_folder(entry)) continue;
        if (!found.empty())
            return base::fail(ErrorCode::kUnsupported,
                              directory + " holds more than one database; this version opens one");
        found = directory + "/" + entry.name;
    }
    return found;
}

Status remove_unfinished(io::FileSystem& files, const std::string& directory) {
    ASSIGN_OR_RETURN(const auto entries, files.list(directory));
    for (const io::DirectoryEntry& entry : entries) {
        if (!entry.is_directory || !entry.name.ends_with(".new")) continue;
        if (!Uuid::parse(std::string_view(entry.name).substr(0, entry.name.size() - 4)).ok()) continue;
        const std::string path = directory + "/" + entry.name;
        for (const char* folder : {"/log", ""}) {
            auto inside = files.list(path + folder);
            if (!inside.ok()) continue;
            for (const io::DirectoryEntry& file : *inside)
                if (!file.is_directory) RETURN_IF_ERROR(files.remove_file(path + folder + "/" + file.name));
            RETURN_IF_ERROR(files.remove_directory(path + folder));
        }
    }
    return {};
}

Status make_directories(io::FileSystem& files, const std::string& directory) {
    for (std::size_t at = 1; at <= directory.size(); ++at) {
        if (at != directory.size() && directory[at] != '/') continue;
        const std::string part = directory.substr(0, at);
        ASSIGN_OR_RETURN(const bool exists, files.exists(part));
        if (exists) continue;
        RETURN_IF_ERROR(files.make_directory(part));
        RETURN_IF_ERROR(files.sync_directory(parent_of(part)));
    }
    return {};
}

std::string parent_of(const std::string& path) {
    const std::size_t end = path.find_last_not_of('/');
    const std::size_t slash = end == std::string::npos ? std::string::npos : path.rfind('/', end);
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

Uuid new_uuid(io::Environment& env) {
    std::array<std::byte, 10> random;
    env.random.fill(random);
    return event::uuid_v7(env.clock.wall_ns(), random);
}

}  // namespace chronos::store
