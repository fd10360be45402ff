#include "app/compressed_output.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <span>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/result.h"

namespace chronos::app {
namespace {

constexpr std::size_t kWriteSize = std::size_t{256} << 10;
constexpr const char* kUnfinished = ".part";

}  // namespace

class CompressedOutput::Encoder {
public:
    Encoder() = default;
    Encoder(const Encoder&) = delete;
    Encoder& operator=(const Encoder&) = delete;
    virtual ~Encoder() = default;
    /// Appends to `out` what `bytes` become; with `last`, all that is left.
    virtual void encode(std::string_view bytes, bool last, std::string& out) = 0;
};

class CompressedOutput::GzipEncoder final : public Encoder {
public:
    GzipEncoder() {
        ASSERT(deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    }
    ~GzipEncoder() override { deflateEnd(&stream_); }
    GzipEncoder(const GzipEncoder&) = delete;
    GzipEncoder& operator=(const GzipEncoder&) = delete;

    void encode(std::string_view bytes, bool last, std::string& out) override {
        std::vector<char> input(bytes.begin(), bytes.end());  // zlib's pointer is not const
        stream_.next_in = reinterpret_cast<Bytef*>(input.data());
        stream_.avail_in = static_cast<uInt>(input.size());
        std::vector<char> buffer(kWriteSize);
        do {
            stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
            stream_.avail_out = static_cast<uInt>(buffer.size());
            ASSERT(deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH) != Z_STREAM_ERROR);
            out.append(buffer.data(), buffer.size() - stream_.avail_out);
        } while (stream_.avail_out == 0);
    }

private:
    z_stream stream_{};
};

class CompressedOutput::ZstdEncoder final : public Encoder {
public:
    ZstdEncoder() : context_(ZSTD_createCCtx(), ZSTD_freeCCtx) { ASSERT(context_ != nullptr); }

    void encode(std::string_view bytes, bool last, std::string& out) override {
        ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
        std::vector<char> buffer(kWriteSize);
        for (;;) {
            ZSTD_outBuffer output{buffer.data(), buffer.size(), 0};
            const std::size_t left =
                ZSTD_compressStream2(context_.get(), &output, &input, last ? ZSTD_e_end : ZSTD_e_continue);
            ASSERT(ZSTD_isError(left) == 0);
            out.append(buffer.data(), output.pos);
            if (last ? left == 0 : input.pos == input.size) return;
        }
    }

private:
    std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context_;
};

CompressedOutput::CompressedOutput(Program& program) : program_(program) {}
CompressedOutput::~CompressedOutput() {
    if (file_) (void)program_.world.files.remove_file(path_ + kUnfinished);
}

Result<std::unique_ptr<CompressedOutput>> CompressedOutput::create(Program& program, const std::string& path,
                                                                   Compression compression) {
    std::unique_ptr<CompressedOutput> output(new CompressedOutput(program));
    if (!path.empty() && path != "-") {
        output->path_ = path;
        RETURN_IF_ERROR(output->check_is_free());
        ASSIGN_OR_RETURN(output->file_, program.world.files.open(path + kUnfinished, io::OpenMode::kCreate));
    }
    if (compression == Compression::kGzip) output->encoder_ = std::make_unique<GzipEncoder>();
    if (compression == Compression::kZstd) output->encoder_ = std::make_unique<ZstdEncoder>();
    return output;
}

Status CompressedOutput::write(std::string_view bytes) {
    if (encoder_)
        encoder_->encode(bytes, false, encoded_);
    else
        encoded_ += bytes;
    if (encoded_.size() < kWriteSize) return {};
    return write_plain(std::exchange(encoded_, {}));
}

Status CompressedOutput::finish() {
    if (encoder_) encoder_->encode({}, true, encoded_);
    RETURN_IF_ERROR(write_plain(std::exchange(encoded_, {})));
    return file_ ? give_name() : program_.out.flush();
}

Status CompressedOutput::check_is_free() const {
    ASSIGN_OR_RETURN(const bool exists, program_.world.files.exists(path_));
    if (!exists) return {};
    return base::fail(ErrorCode::kAlreadyExists, path_ + " is there already");
}

Status CompressedOutput::give_name() {
    RETURN_IF_ERROR(file_->sync());
    RETURN_IF_ERROR(check_is_free());
    RETURN_IF_ERROR(program_.world.files.rename(path_ + kUnfinished, path_));
    file_.reset();
    const std::size_t slash = path_.rfind('/');
    return program_.world.files.sync_directory(
        slash == std::string::npos ? "." : path_.substr(0, std::max<std::size_t>(slash, 1)));
}

Status CompressedOutput::write_plain(std::string_view bytes) {
    if (file_) {
        RETURN_IF_ERROR(file_->write_at(offset_, base::as_bytes(bytes)));
        offset_ += bytes.size();
        return {};
    }
    program_.out.write(bytes);
    return program_.out.broken() ? program_.out.flush() : Status();
}

}  // namespace chronos::app
