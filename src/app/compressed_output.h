// Bytes into a file or standard output, plain or compressed.
//
// Use: create, write as often as needed, finish once. Until then the file is called FILE.part;
// without finish it is removed, so that what has the file's name is always whole. Threads: one.
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
    static Result<std::unique_ptr<CompressedOutput>> create(Program& program, const std::string& path,
                                                            Compression compression);
    ~CompressedOutput();

    Status write(std::string_view bytes);
    /// Writes what is left and gives the file its name; it is then on disk.
    ///
    /// Errors: kAlreadyExists — somebody else made the file meanwhile.
    Status finish();

private:
    class Encoder;
    class GzipEncoder;
    class ZstdEncoder;
    explicit CompressedOutput(Program& program);
    Status write_plain(std::string_view bytes);
    Status check_is_free() const;
    Status give_name();

    Program& program_;
    std::string path_;
    std::unique_ptr<io::File> file_;
    std::uint64_t offset_ = 0;
    std::unique_ptr<Encoder> encoder_;
    std::string encoded_;
};

}  // namespace chronos::app
