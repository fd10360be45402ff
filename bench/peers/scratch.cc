#include "peers/scratch.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "peers/failure.h"

namespace chronos::bench {

ScratchDirectory::ScratchDirectory(const std::filesystem::path& parent) {
    std::string name = (parent / "chronos-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
        throw Failure("no directory can be made in " + parent.string() + ": " + std::strerror(errno));
    path_ = name;
    ::chmod(name.c_str(), 0711);
}

ScratchDirectory::~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace chronos::bench
