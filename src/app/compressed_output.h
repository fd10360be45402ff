// Bytes into a file or standard output, plain or compressed.
//
// Use: create, write as often as needed, finish once; without finish the file is not complete.
// Threads: one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "app/program.h"

namespace chronos::app {

enum class Compression : std::uint8_t { kNone, kGzip, kZstd };

class CompressedOutput {
public:
    /// Empty `path`: standard output. Errors: kAlreadyExists — an export never overwrites a file;
    /// kIo.
    static Result<std::unique_ptr<CompressedOutput>> create(Program& program,
                                                            const std::string& path,
                                                            Compression compression);
    ~CompressedOutput();

    Status write(std::string_view bytes);
    /// Writes what is left; a file is then on disk.
    Status finish();

private:
    class Encoder;
    class GzipEncoder;
    class ZstdEncoder;
    explicit CompressedOutput(Program& program);
    Status write_plain(std::string_view bytes);

    Program& program_;
    std::unique_ptr<io::File> file_;
    std::uint64_t offset_ = 0;
    std::unique_ptr<Encoder> encoder_;
    std::string encoded_;
};

}  // namespace chronos::app
