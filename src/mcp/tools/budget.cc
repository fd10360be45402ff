#include "mcp/tools/budget.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "mcp/json_rpc.h"
#include "mcp/tools/answer.h"
#include "mcp/tools/request.h"

namespace chronos::mcp {
namespace {

constexpr std::string_view kCutBegin = "…(+";
constexpr std::string_view kCutEnd = " bytes)";
/// Ids that the store gave and times are not longer.
constexpr std::size_t kIdBytes = 60;

/// Cuts a text, which may have been cut before, and counts all that is gone.
void cut_text(Json& value, std::size_t bytes_max) {
    std::string_view text = value.get_ref<const std::string&>();
    std::uint64_t gone = 0;
    const std::size_t mark = text.rfind(kCutBegin);
    if (mark != std::string_view::npos && text.ends_with(kCutEnd)) {
        const std::string_view count = text.substr(mark + kCutBegin.size());
        std::from_chars(count.data(), count.data() + count.size() - kCutEnd.size(), gone);
        text = text.substr(0, mark);
    }
    const std::string_view begin = base::utf8_prefix(text, bytes_max);
    gone += text.size() - begin.size();
    std::string out(begin);
    out += kCutBegin;
    out += std::to_string(gone);
    out += kCutEnd;
    value = std::move(out);
}

class Squeeze {
public:
    Squeeze(Json& answer, std::size_t bytes_max) : answer_(answer), bytes_max_(bytes_max) {}

    void run() {
        for (const std::size_t bytes : {1'000, 500, 250}) {
            for (auto& [name, member] : answer_.items()) {
                if (name != "cursor") cut_texts(member, bytes);
            }
            if (fits()) return;
        }
        Json& stored = answer_["untrusted"];
        cut_texts(stored, kIdBytes * 2);
        if (fits()) return;
        for (const std::size_t count : {50, 20, 10, 5}) {
            cut_members(stored, count, 0);
            if (fits()) return;
        }
        cut_texts(stored, kIdBytes);
        if (fits()) return;
        cut_members(stored, 2, 0);
        if (fits()) return;
        cut_texts(stored, kIdBytes / 2);
        cut_members(stored, 1, 0);
    }

    [[nodiscard]] std::uint64_t cut_count() const { return cut_count_; }

private:
    [[nodiscard]] bool fits() const { return json_size(answer_) <= bytes_max_; }

    void cut_texts(Json& value, std::size_t bytes) {
        // The mark that something is gone takes room itself.
        constexpr std::size_t kMarkBytes = 16;
        if (value.is_string() && value.get_ref<const std::string&>().size() > bytes + kMarkBytes) {
            cut_text(value, bytes);
            ++cut_count_;
        }
        if (!value.is_structured()) return;
        for (Json& inner : value) cut_texts(inner, bytes);
    }

    /// Of what is inside of rows, which stand in members of `untrusted`; the columns of a table's row stay.
    void cut_members(Json& value, std::size_t count, int depth) {
        if (!value.is_structured()) return;
        const bool is_table = depth == 1 && value.is_object() && value.contains("columns") && value.contains("rows");
        const int inner_depth = is_table ? depth : depth + 1;
        for (Json& inner : value) cut_members(inner, count, inner_depth);
        constexpr int kInsideOfRows = 3;
        if (depth < kInsideOfRows || value.size() <= count) return;
        cut_count_ += value.size() - count;
        while (value.size() > count) value.erase(std::prev(value.end()));
    }

    Json& answer_;
    std::size_t bytes_max_;
    std::uint64_t cut_count_ = 0;
};

}  // namespace

std::size_t budget_of(const Json& arguments) {
    const auto tokens = arguments.is_object() ? arguments.find("max_tokens") : arguments.end();
    if (!arguments.is_object() || tokens == arguments.end() || !tokens->is_number_unsigned())
        return kMaxTokensDefault * kTokenBytes;
    return tokens->get<std::size_t>() * kTokenBytes;
}

void keep_to_budget(Json& answer, std::size_t bytes_max) {
    if (!answer.is_object() || json_size(answer) <= bytes_max) return;
    expand_raw_json(answer);
    constexpr std::string_view kTry = "long values were cut: raise max_tokens";
    // What is said about it takes room too.
    constexpr std::size_t kForWords = 90;
    Squeeze squeeze(answer, bytes_max - std::min(bytes_max, kForWords));
    squeeze.run();
    if (squeeze.cut_count() == 0) return;
    answer["values_cut"] = answer.value("values_cut", std::uint64_t{0}) + squeeze.cut_count();
    mark_incomplete(answer, kTry);
}

}  // namespace chronos::mcp
