#include "json/byte_search.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace chronos::json {
namespace {

/// What find_special_in_string is a faster version of.
const char* find_one_by_one(const char* at, const char* end) {
    while (at != end && *at != '"' && *at != '\\' && static_cast<signed char>(*at) >= 0x20) ++at;
    return at;
}

TEST(ByteSearchTest, FindsWhatIsSpecialInAStringWhereverItIs) {
    for (const char special : {'"', '\\', '\x1F', '\0', '\x80', '\xFF', '\x7F', ' '}) {
        for (std::size_t size = 0; size <= 140; ++size) {
            for (std::size_t place = 0; place <= size; ++place) {
                std::string text(size, 'a');
                if (place < size) text[place] = special;
                if (place + 3 < size) text[place + 3] = '"';
                const char* end = text.data() + size;
                for (std::size_t from = 0; from <= std::min<std::size_t>(size, 40); from += 19) {
                    ASSERT_EQ(find_special_in_string(text.data() + from, text.data(), end) - text.data(),
                              find_one_by_one(text.data() + from, end) - text.data())
                        << "size " << size << ", place " << place << ", from " << from;
                }
            }
        }
    }
}

}  // namespace
}  // namespace chronos::json
