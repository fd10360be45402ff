#include "app/scratch_directory.h"

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "app/program.h"
#include "base/result.h"

namespace chronos::app {
namespace {

/// Removes what it can; what cannot be removed stays.
void remove_all(io::FileSystem& files, const std::string& directory) {
    const auto entries = files.list(directory);
    if (!entries.ok()) return;
    for (const io::DirectoryEntry& entry : *entries) {
        const std::string path = directory + "/" + entry.name;
        if (entry.is_directory)
            remove_all(files, path);
        else
            (void)files.remove_file(path);
    }
    (void)files.remove_directory(directory);
}

}  // namespace

Result<std::unique_ptr<ScratchDirectory>> ScratchDirectory::make(io::FileSystem& files) {
    std::string path = environment_variable("TMPDIR").value_or("/tmp") + "/chronos-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr)
        return base::fail(ErrorCode::kIo,
                          "cannot make a directory like " + path + ": " + std::generic_category().message(errno));
    return std::unique_ptr<ScratchDirectory>(new ScratchDirectory(files, std::move(path)));
}

ScratchDirectory::~ScratchDirectory() {
    if (!kept_) remove_all(files_, path_);
}

}  // namespace chronos::app
