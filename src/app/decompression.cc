#include "app/decompression.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "base/assert.h"
#include "base/result.h"

namespace chronos::app {
namespace {

constexpr std::size_t kRawChunkSize = std::size_t{128} << 10;
constexpr int kZstdWindowLogMax = 27;

Error damaged(std::string_view format, std::string_view what) {
    return base::fail(ErrorCode::kInvalidArgument, "the " + std::string(format) + " data " + std::string(what));
}

/// The compressed bytes that were read but not used yet.
class RawBytes {
public:
    explicit RawBytes(ByteSource& source) : source_(source), buffer_(kRawChunkSize) {}

    /// Whether there are bytes, reading more when there are none.
    Result<bool> available() {
        if (used_ < size_) return true;
        ASSIGN_OR_RETURN(size_, source_.read(buffer_));
        used_ = 0;
        return size_ > 0;
    }
    [[nodiscard]] std::span<char> bytes() { return std::span(buffer_).subspan(used_, size_ - used_); }
    void use(std::size_t count) { used_ += count; }

private:
    ByteSource& source_;
    std::vector<char> buffer_;
    std::size_t used_ = 0;
    std::size_t size_ = 0;
};

class GzipSource final : public ByteSource {
public:
    explicit GzipSource(ByteSource& raw) : raw_(raw) {
        constexpr int kGzipOnly = 15 + 16;  // the largest window, gzip's header required
        ASSERT(inflateInit2(&stream_, kGzipOnly) == Z_OK);
    }
    ~GzipSource() override { inflateEnd(&stream_); }
    GzipSource(const GzipSource&) = delete;
    GzipSource& operator=(const GzipSource&) = delete;

    Result<std::size_t> read(std::span<char> out) override {
        const std::size_t out_size = std::min<std::size_t>(out.size(), std::numeric_limits<uInt>::max());
        stream_.next_out = reinterpret_cast<Bytef*>(out.data());
        stream_.avail_out = static_cast<uInt>(out_size);
        while (stream_.avail_out == out_size) {
            ASSIGN_OR_RETURN(const bool has_input, raw_.available());
            if (!has_input) {
                if (inside_member_) return damaged("gzip", "ends too early: the file is cut off");
                return std::size_t{0};
            }
            RETURN_IF_ERROR(step());
        }
        return out_size - stream_.avail_out;
    }

private:
    Status step() {
        const std::span<char> input = raw_.bytes();
        stream_.next_in = reinterpret_cast<Bytef*>(input.data());
        stream_.avail_in = static_cast<uInt>(input.size());
        inside_member_ = true;
        const int answer = inflate(&stream_, Z_NO_FLUSH);
        raw_.use(input.size() - stream_.avail_in);
        if (answer == Z_STREAM_END) {
            inside_member_ = false;
            inflateReset(&stream_);
        } else if (answer != Z_OK && answer != Z_BUF_ERROR) {
            return damaged("gzip",
                           std::string("is damaged: ") + (stream_.msg != nullptr ? stream_.msg : "no reason given"));
        }
        return {};
    }

    RawBytes raw_;
    z_stream stream_{};
    bool inside_member_ = true;
};

class ZstdSource final : public ByteSource {
public:
    explicit ZstdSource(ByteSource& raw) : raw_(raw), context_(ZSTD_createDCtx(), ZSTD_freeDCtx) {
        ASSERT(context_ != nullptr);
        ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kZstdWindowLogMax);
    }

    Result<std::size_t> read(std::span<char> out) override {
        ZSTD_outBuffer output{out.data(), out.size(), 0};
        while (output.pos == 0) {
            ASSIGN_OR_RETURN(const bool has_input, raw_.available());
            if (!has_input && !inside_frame_) return std::size_t{0};
            const std::span<char> bytes = raw_.bytes();
            ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
            const std::size_t hint = ZSTD_decompressStream(context_.get(), &output, &input);
            raw_.use(input.pos);
            if (ZSTD_isError(hint) != 0) return damaged("zstd", std::string("is damaged: ") + ZSTD_getErrorName(hint));
            inside_frame_ = hint != 0;
            if (!has_input && inside_frame_ && output.pos == 0)
                return damaged("zstd", "ends too early: the file is cut off");
        }
        return output.pos;
    }

private:
    RawBytes raw_;
    std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context_;
    bool inside_frame_ = true;
};

}  // namespace

bool is_gzip(std::string_view head) { return head.starts_with("\x1F\x8B"); }
bool is_zstd(std::string_view head) { return head.starts_with("\x28\xB5\x2F\xFD"); }

std::unique_ptr<ByteSource> decompress_gzip(ByteSource& raw) { return std::make_unique<GzipSource>(raw); }
std::unique_ptr<ByteSource> decompress_zstd(ByteSource& raw) { return std::make_unique<ZstdSource>(raw); }

}  // namespace chronos::app
