// The look at a request's head as bytes, before a parser makes anything of it: its limits, and forms that two readers
// could understand differently, by which requests are smuggled past a proxy. Source: RFC 9112 §2.2, §5.2, §6.3, §11.2.
//
// Threads: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "server/http/limits.h"

namespace chronos::server {

class HeadCheck {
public:
    enum class Verdict : std::uint8_t { kIncomplete, kComplete, kRefused };

    explicit HeadCheck(const HttpLimits& limits) : limits_(limits) {}

    /// `bytes`: all that came so far, from the request's first byte on.
    Verdict look(std::string_view bytes);

    /// Of a complete head, the empty line included.
    [[nodiscard]] std::size_t size() const { return size_; }
    /// Of a refused one.
    [[nodiscard]] int status() const { return status_; }
    [[nodiscard]] std::string_view name() const { return name_; }
    [[nodiscard]] std::string_view detail() const { return detail_; }

private:
    Verdict refuse(int status, std::string_view name, std::string_view detail);
    bool is_request_line_good(std::string_view line);
    bool is_field_good(std::string_view line);

    const HttpLimits& limits_;
    std::size_t size_ = 0;
    int status_ = 0;
    std::string_view name_;
    std::string_view detail_;
    bool has_length_ = false;
    bool has_coding_ = false;
    std::uint32_t seen_ = 0;  ///< Which of the headers that may stand there once did.
};

}  // namespace chronos::server
