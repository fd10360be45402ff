// Errors of the simulated file system, worded as those of the real one.
//
// Threads: free functions, from any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace chronos::io {

inline constexpr std::string_view kPowerCutText = "power cut";
inline constexpr std::string_view kCrashedText = "crashed";
inline constexpr std::string_view kIoErrorText = "Input/output error";
inline constexpr std::string_view kNoSpaceText = "No space left on device";
inline constexpr std::string_view kNotFoundText = "No such file or directory";
inline constexpr std::string_view kExistsText = "File exists";
inline constexpr std::string_view kIsDirectoryText = "Is a directory";
inline constexpr std::string_view kNotDirectoryText = "Not a directory";

/// Makes "<call> <path>: <text>".
inline Error sim_error(ErrorCode code, std::string_view call, std::string_view path, std::string_view text) {
    std::string message(call);
    message.append(" ").append(path).append(": ").append(text);
    return base::fail(code, std::move(message));
}

inline Error sim_io_error(std::string_view call, std::string_view path, std::string_view text) {
    return sim_error(ErrorCode::kIo, call, path, text);
}

/// For a path that cannot be used so: kIsDirectoryText or kNotDirectoryText.
inline Error sim_path_error(std::string_view call, std::string_view path, std::string_view text) {
    return sim_error(ErrorCode::kInvalidArgument, call, path, text);
}

}  // namespace chronos::io
