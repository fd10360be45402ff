#include "chronos/types.h"

#include <array>

#include "base/result.h"
#include "base/utf8.h"

namespace chronos {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

// Days since 1970-01-01 of a proleptic Gregorian date. Source: H. Hinnant, "chrono-Compatible Low-Level Date
// Algorithms".
constexpr std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) {
    year -= month <= 2 ? 1 : 0;
    const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
    const auto year_of_era = static_cast<unsigned>(year - era * 400);
    const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146'097 + static_cast<std::int64_t>(day_of_era) - 719'468;
}

struct Civil {
    std::int64_t year;
    unsigned month, day;
};

constexpr Civil civil_from_days(std::int64_t days) {
    days += 719'468;
    const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
    const auto day_of_era = static_cast<unsigned>(days - era * 146'097);
    const unsigned year_of_era = (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const unsigned shifted_month = (5 * day_of_year + 2) / 153;
    const unsigned day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    const unsigned month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    return {static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

static_assert(days_from_civil(1970, 1, 1) == 0);
static_assert(days_from_civil(2000, 3, 1) == 11'017);

unsigned days_in_month(std::int64_t year, unsigned month) {
    constexpr std::array<unsigned, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : kDays[month - 1];
}

/// Takes fixed-width pieces off the front of a text.
class Scanner {
public:
    explicit Scanner(std::string_view text) : text_(text) {}
    bool digits(unsigned count, unsigned& out) {
        if (text_.size() < count) return false;
        out = 0;
        for (unsigned i = 0; i < count; ++i) {
            if (text_[i] < '0' || text_[i] > '9') return false;
            out = out * 10 + static_cast<unsigned>(text_[i] - '0');
        }
        text_.remove_prefix(count);
        return true;
    }
    bool one_of(std::string_view set, char& out) {
        if (text_.empty() || set.find(text_[0]) == std::string_view::npos) return false;
        out = text_[0];
        text_.remove_prefix(1);
        return true;
    }
    bool is(char c) {
        char ignored;
        return one_of({&c, 1}, ignored);
    }
    [[nodiscard]] bool done() const { return text_.empty(); }
    [[nodiscard]] bool at_digit() const { return !text_.empty() && text_[0] >= '0' && text_[0] <= '9'; }

private:
    std::string_view text_;
};

bool scan_fraction(Scanner& scan, std::int64_t& ns) {
    unsigned digit = 0;
    std::int64_t scale = kNsPerSecond / 10;
    if (!scan.at_digit()) return false;
    while (scan.at_digit()) {
        if (scale == 0 || !scan.digits(1, digit)) return false;
        ns += digit * scale;
        scale /= 10;
    }
    return true;
}

bool scan_offset(Scanner& scan, std::int64_t& offset_s) {
    char sign = 0;
    if (!scan.one_of("Zz+-", sign)) return false;
    if (sign == 'Z' || sign == 'z') return true;
    unsigned hours = 0;
    unsigned minutes = 0;
    if (!scan.digits(2, hours) || !scan.is(':') || !scan.digits(2, minutes) || hours > 23 || minutes > 59) return false;
    offset_s = (sign == '-' ? -1 : 1) * static_cast<std::int64_t>(hours * 3600 + minutes * 60);
    return true;
}

Error not_a_time(std::string_view text) {
    return base::fail(ErrorCode::kInvalidArgument,
                      "not a time: '" + base::shortened(text) +
                          "'; use RFC 3339 with an offset (2026-01-31T12:00:00Z) or a date "
                          "(2026-01-31), year 1678 to 2261");
}

}  // namespace

Result<Timestamp> Timestamp::parse(std::string_view text) {
    Scanner scan(text);
    unsigned year = 0;
    unsigned month = 0;
    unsigned day = 0;
    if (!scan.digits(4, year) || !scan.is('-') || !scan.digits(2, month) || !scan.is('-') || !scan.digits(2, day))
        return not_a_time(text);
    if (year < 1678 || year > 2261 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return not_a_time(text);
    const std::int64_t day_s = days_from_civil(year, month, day) * 86'400;
    if (scan.done()) return Timestamp{day_s * kNsPerSecond};

    char separator = 0;
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
    std::int64_t ns = 0;
    std::int64_t offset_s = 0;
    if (!scan.one_of("Tt ", separator) || !scan.digits(2, hour) || !scan.is(':') || !scan.digits(2, minute) ||
        !scan.is(':') || !scan.digits(2, second))
        return not_a_time(text);
    if (hour > 23 || minute > 59 || second > 59) return not_a_time(text);
    if (scan.is('.') && !scan_fraction(scan, ns)) return not_a_time(text);
    if (!scan_offset(scan, offset_s) || !scan.done()) return not_a_time(text);
    return Timestamp{(day_s + hour * 3600 + minute * 60 + second - offset_s) * kNsPerSecond + ns};
}

std::string Timestamp::to_string() const {
    std::int64_t seconds = ns / kNsPerSecond;
    std::int64_t fraction = ns % kNsPerSecond;
    if (fraction < 0) {
        fraction += kNsPerSecond;
        --seconds;
    }
    std::int64_t days = seconds / 86'400;
    std::int64_t rest = seconds % 86'400;
    if (rest < 0) {
        rest += 86'400;
        --days;
    }
    const Civil date = civil_from_days(days);
    // "2261-12-31T23:59:59.123456789Z"; nanoseconds in 64 bits have years of four digits. By hand: answers are full of
    // times, and snprintf took a sixth of what a state costs.
    std::array<char, 30> text;
    char* at = text.data();
    const auto digits = [&at](std::uint64_t value, int count) {
        for (int i = count - 1; i >= 0; --i, value /= 10) at[i] = static_cast<char>('0' + value % 10);
        at += count;
    };
    const auto part = [&](char separator, std::uint64_t value) {
        *at++ = separator;
        digits(value, 2);
    };
    digits(static_cast<std::uint64_t>(date.year), 4);
    part('-', date.month);
    part('-', date.day);
    part('T', static_cast<std::uint64_t>(rest / 3600));
    part(':', static_cast<std::uint64_t>(rest / 60 % 60));
    part(':', static_cast<std::uint64_t>(rest % 60));
    if (fraction != 0) {
        const int count = fraction % 1'000'000 == 0 ? 3 : fraction % 1'000 == 0 ? 6 : 9;
        *at++ = '.';
        digits(static_cast<std::uint64_t>(count == 3   ? fraction / 1'000'000
                                          : count == 6 ? fraction / 1'000
                                                       : fraction),
               count);
    }
    *at++ = 'Z';
    return {text.data(), at};
}

Result<Uuid> Uuid::parse(std::string_view text) {
    const auto nibble = [](char c) -> int {
        if (c >= '0' && c <= '9') return c - '0';
        if (c >= 'a' && c <= 'f') return c - 'a' + 10;
        if (c >= 'A' && c <= 'F') return c - 'A' + 10;
        return -1;
    };
    Uuid uuid;
    std::size_t at = 0;
    bool valid = text.size() == 36;
    for (std::size_t i = 0; valid && i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) valid = text[at++] == '-';
        if (!valid) break;
        const int high = nibble(text[at]);
        const int low = nibble(text[at + 1]);
        valid = high >= 0 && low >= 0;
        uuid.bytes[i] = static_cast<std::byte>(high * 16 + low);
        at += 2;
    }
    if (!valid)
        return base::fail(ErrorCode::kInvalidArgument, "not a UUID: '" + base::shortened(text) +
                                                           "'; use the form 0190b8a0-0000-7000-8000-000000000000");
    return uuid;
}

std::string Uuid::to_string() const {
    constexpr char kHex[] = "0123456789abcdef";
    std::array<char, 36> text;
    char* at = text.data();
    for (std::size_t i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        *at++ = kHex[static_cast<unsigned>(bytes[i]) >> 4];
        *at++ = kHex[static_cast<unsigned>(bytes[i]) & 15];
    }
    return {text.data(), at};
}

std::string_view durability_name(Durability durability) {
    switch (durability) {
        case Durability::kDurable: return "durable";
        case Durability::kOs: return "os";
        case Durability::kMemory: return "memory";
    }
    return "unknown";
}

std::string_view error_code_name(ErrorCode code) {
    switch (code) {
        case ErrorCode::kInvalidArgument: return "invalid_argument";
        case ErrorCode::kNotFound: return "not_found";
        case ErrorCode::kAlreadyExists: return "already_exists";
        case ErrorCode::kVersionConflict: return "version_conflict";
        case ErrorCode::kIdConflict: return "id_conflict";
        case ErrorCode::kPartialDuplicate: return "partial_duplicate";
        case ErrorCode::kIndeterminate: return "indeterminate";
        case ErrorCode::kWouldBlock: return "would_block";
        case ErrorCode::kClosed: return "closed";
        case ErrorCode::kReadOnly: return "read_only";
        case ErrorCode::kClockSuspect: return "clock_suspect";
        case ErrorCode::kCursorMismatch: return "cursor_mismatch";
        case ErrorCode::kLocked: return "locked";
        case ErrorCode::kNoSpace: return "no_space";
        case ErrorCode::kIo: return "io";
        case ErrorCode::kCorrupt: return "corrupt";
        case ErrorCode::kUnsupported: return "unsupported";
        case ErrorCode::kLimitExceeded: return "limit_exceeded";
        case ErrorCode::kGone: return "gone";
    }
    return "unknown";
}

}  // namespace chronos
