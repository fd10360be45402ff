#include "io/posix/posix_error.h"

#include <string>
#include <system_error>

#include "base/result.h"

namespace chronos::io {

namespace {

ErrorCode code_of(int error_number) {
    switch (error_number) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG: return ErrorCode::kNoSpace;
        case ENOENT: return ErrorCode::kNotFound;
        case EEXIST: return ErrorCode::kAlreadyExists;
        case EISDIR:
        case ENOTDIR:
        case EACCES:
        case EPERM:
        case EROFS:
        case ELOOP:
        case ENAMETOOLONG: return ErrorCode::kInvalidArgument;  // The path is wrong for this; the disk is not.
        default: return ErrorCode::kIo;
    }
}

}  // namespace

Error posix_error(std::string_view call, std::string_view path, int error_number) {
    std::string message(call);
    message.append(" ").append(path).append(": ");
    message += std::generic_category().message(error_number);  // strerror that threads may share
    return base::fail(code_of(error_number), std::move(message));
}

}  // namespace chronos::io
