#include "server/http/content_coding.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>

#include "base/assert.h"
#include "base/result.h"

namespace chronos::server {
namespace {

constexpr std::size_t kStepBytes = 64 << 10;
/// A window of 8 MiB, as RFC 8878 asks decoders to have.
constexpr int kZstdWindowLogMax = 23;

Error damaged(std::string_view format) {
    return base::fail(ErrorCode::kInvalidArgument, "the body is not valid " + std::string(format));
}

Error too_large() {
    return base::fail(
        ErrorCode::kLimitExceeded,
        "the body becomes more than 20 times as large when it is decompressed (limits.inflation), or larger than a "
        "body may be; send it uncompressed, or in parts");
}

class GzipDecoder final : public ContentDecoder {
public:
    GzipDecoder() {
        constexpr int kGzipOnly = 15 + 16;  // the largest window, gzip's header required
        ASSERT(inflateInit2(&stream_, kGzipOnly) == Z_OK);
    }
    ~GzipDecoder() override { inflateEnd(&stream_); }

    Status take(std::string_view bytes, std::string& out, std::size_t size_max) override {
        // zlib does not write to its input.
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
        stream_.avail_in = static_cast<uInt>(bytes.size());
        while (stream_.avail_in > 0 || is_full_) {
            if (at_end_) {
                if (inflateReset(&stream_) != Z_OK) return damaged("gzip");
                at_end_ = false;
            }
            if (out.size() >= size_max) return too_large();
            const std::size_t held = out.size();
            out.resize(held + std::min(kStepBytes, size_max - held));
            const std::size_t room = out.size() - held;
            stream_.next_out = reinterpret_cast<Bytef*>(out.data() + held);
            stream_.avail_out = static_cast<uInt>(room);
            const int answer = inflate(&stream_, Z_NO_FLUSH);
            out.resize(held + room - stream_.avail_out);
            is_full_ = stream_.avail_out == 0 && answer == Z_OK;
            if (answer == Z_STREAM_END) {
                at_end_ = true;
            } else if (answer == Z_BUF_ERROR) {
                is_full_ = false;
                break;
            } else if (answer != Z_OK) {
                return damaged("gzip");
            }
        }
        return {};
    }
    [[nodiscard]] bool is_at_end() const override { return at_end_; }

private:
    z_stream stream_{};
    bool at_end_ = false;
    bool is_full_ = false;  ///< More may come out without more going in.
};

class ZstdDecoder final : public ContentDecoder {
public:
    ZstdDecoder() : stream_(ZSTD_createDStream()) {
        ASSERT(stream_ != nullptr);
        ASSERT(ZSTD_isError(ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kZstdWindowLogMax)) == 0);
    }
    ~ZstdDecoder() override { ZSTD_freeDStream(stream_); }

    Status take(std::string_view bytes, std::string& out, std::size_t size_max) override {
        ZSTD_inBuffer in{.src = bytes.data(), .size = bytes.size(), .pos = 0};
        bool is_full = false;
        while (in.pos < in.size || is_full) {
            if (out.size() >= size_max) return too_large();
            const std::size_t held = out.size();
            out.resize(held + std::min(kStepBytes, size_max - held));
            ZSTD_outBuffer piece{.dst = out.data() + held, .size = out.size() - held, .pos = 0};
            const std::size_t answer = ZSTD_decompressStream(stream_, &piece, &in);
            out.resize(held + piece.pos);
            if (ZSTD_isError(answer) != 0) return damaged("zstd");
            at_end_ = answer == 0;
            is_full = piece.pos == piece.size && !at_end_;
        }
        return {};
    }
    [[nodiscard]] bool is_at_end() const override { return at_end_; }

private:
    ZSTD_DStream* stream_;
    bool at_end_ = false;
};

}  // namespace

Result<std::unique_ptr<ContentDecoder>> decoder_for(std::string_view coding) {
    if (coding.empty() || coding == "identity") return std::unique_ptr<ContentDecoder>();
    if (coding == "gzip" || coding == "x-gzip") return std::unique_ptr<ContentDecoder>(std::make_unique<GzipDecoder>());
    if (coding == "zstd") return std::unique_ptr<ContentDecoder>(std::make_unique<ZstdDecoder>());
    return base::fail(ErrorCode::kUnsupported, "Content-Encoding may be gzip, zstd or identity");
}

Status decode_body(Request& request, std::size_t size_max, std::size_t inflation_max) {
    ASSIGN_OR_RETURN(const std::unique_ptr<ContentDecoder> decoder, decoder_for(request.header("content-encoding")));
    if (!decoder) return {};
    std::string plain;
    // A few bytes may become a little more than their multiple.
    const std::size_t inflated_max = request.body.size() * inflation_max + (4 << 10);
    RETURN_IF_ERROR(decoder->take(request.body, plain, std::min(size_max, inflated_max)));
    if (!decoder->is_at_end()) return base::fail(ErrorCode::kInvalidArgument, "the compressed body is cut off");
    request.body = std::move(plain);
    return {};
}

}  // namespace chronos::server
