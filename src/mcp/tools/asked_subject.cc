#include "mcp/tools/asked_subject.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>

#include "base/result.h"
#include "mcp/tools/guidance.h"
#include "mcp/tools/request.h"
#include "mcp/tools/searched.h"

namespace chronos::mcp {
namespace {

using Words = std::vector<std::string>;

constexpr std::size_t kNamesMax = 6;
constexpr std::size_t kKindsMax = 50;
/// Of a word that may stand anywhere in an id.
constexpr std::size_t kInsideBytesMin = 4;
constexpr std::string_view kArithmetic =
    "total|sum|how much|average|mean|minimum|lowest|maximum|highest|revenue|turnover|sales";
constexpr std::string_view kMoney = "revenue|turnover|sales|money|spent|spend|income|worth|earned";
constexpr std::string_view kDenials = "never|not|without|nor|isn|wasn|weren|haven|hasn|didn|no";

bool contains(const Words& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

Words words_of(const std::string& text) {
    Words words;
    std::string word;
    for (const char c : text + " ") {
        const bool belongs = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                             std::string_view(":/-_.@#").find(c) != std::string_view::npos ||
                             static_cast<unsigned char>(c) >= 0x80;
        if (belongs) {
            word += c;
            continue;
        }
        while (!word.empty() && std::string_view(".:-/").find(word.back()) != std::string_view::npos) word.pop_back();
        if (!word.empty()) words.push_back(std::exchange(word, {}));
    }
    return words;
}

bool is_date(const std::string& word) {
    return word.size() >= 10 && word[4] == '-' && word[7] == '-' && Timestamp::parse(word.substr(0, 10)).ok();
}

std::string last_part(const std::string& type) {
    const std::size_t separator = type.find_last_of(".:_-");
    return separator == std::string::npos ? type : type.substr(separator + 1);
}

/// Whether "orders" or "boxes" is what there is of "order" or "box".
bool is_one_of_several(const std::string& word, const std::string& name) {
    return word == name || word == name + "s" || word == name + "es";
}

/// "order.shipped" is nearly meant by "ship" and "shipping".
bool nearly_means_type(const std::string& word, const std::string& type) {
    const std::string last = last_part(type);
    if (word.size() < 4 || last.size() < 4) return false;
    const std::size_t stem = std::max<std::size_t>(4, std::min(word.size(), last.size()) - 2);
    return word.substr(0, stem) == last.substr(0, stem);
}

/// "changed" is in most questions about anything; it names "customer.tier_changed" beside "tier" or "customer" alone.
bool names_no_type(const Words& words, const std::string& word, const std::string& type) {
    if (!word.starts_with("chang") || word == type) return false;
    const auto at = std::find(words.begin(), words.end(), word) - words.begin();
    if (std::find(words.begin(), words.begin() + at, "what") != words.begin() + at) return true;
    const Words parts = [&type] {
        std::string text = type;
        std::replace_if(text.begin(), text.end(), [](char c) { return c == '.' || c == '_' || c == '-'; }, ' ');
        return words_of(text);
    }();
    return std::none_of(parts.begin(), parts.end(), [&](const std::string& part) {
        return part != last_part(type) && std::any_of(words.begin(), words.end(), [&part](const std::string& other) {
                   return is_one_of_several(other, part);
               });
    });
}

std::vector<std::string> types_named(const Stats& stats, const Words& words, const std::string& word) {
    std::vector<EventTypeCount> exact;
    std::vector<EventTypeCount> near;
    for (const EventTypeCount& type : stats.event_types) {
        if (names_no_type(words, word, type.event_type)) continue;
        if (word == type.event_type || word == last_part(type.event_type))
            exact.push_back(type);
        else if (nearly_means_type(word, type.event_type))
            near.push_back(type);
    }
    std::vector<EventTypeCount>& meant = exact.empty() ? near : exact;
    std::stable_sort(meant.begin(), meant.end(), [](const auto& a, const auto& b) { return a.count > b.count; });
    std::vector<std::string> types;
    for (const EventTypeCount& type : meant) types.push_back(type.event_type);
    return types;
}

void find_types(const Stats& stats, const Words& words, AskedSubject& subject) {
    for (const std::string& word : words) {
        if (mentions(word, kDenials)) subject.is_denied = true;
        NamedTypes named{.types = {}, .is_denied = subject.is_denied};
        for (std::string& type : types_named(stats, words, word)) {
            if (contains(subject.event_types, type) || subject.event_types.size() == kNamesMax) continue;
            subject.event_types.push_back(type);
            named.types.push_back(std::move(type));
        }
        if (!named.types.empty()) subject.named.push_back(std::move(named));
    }
}

/// Entities whose ids hold one of these words, the first of each.
Status find_inside_ids(const client::EndpointView& view, Words words, AskedSubject& subject) {
    constexpr std::size_t kIdsMax = 20'000;
    constexpr std::uint32_t kPage = 1'000;
    std::string after;
    for (std::size_t looked_at = 0; !words.empty() && looked_at < kIdsMax; looked_at += kPage) {
        ASSIGN_OR_RETURN(const auto ids, view.entities("", after, kPage));
        for (const std::string& id : ids) {
            const auto inside = std::find_if(words.begin(), words.end(), [&id](const std::string& word) {
                return id.find(word) != std::string::npos;
            });
            if (inside == words.end()) continue;
            if (subject.entities.size() < kNamesMax) subject.entities.push_back(id);
            words.erase(inside);
        }
        if (ids.size() < kPage) break;
        after = ids.back();
    }
    return {};
}

std::string name_of_kind(const std::string& kind) {
    std::string name = kind.substr(0, kind.find_first_of(":/-_"));
    return name.size() == kind.size() || name.size() < 2 ? std::string() : name;
}

/// "order", "orders" and "boxes" name kinds of entities.
std::string kind_in(const Words& kinds, const Words& words) {
    for (const std::string& kind : kinds) {
        const std::string name = name_of_kind(kind);
        const bool is_named = !name.empty() && std::any_of(words.begin(), words.end(), [&](const std::string& word) {
            return is_one_of_several(word, name);
        });
        if (is_named) return kind;
    }
    return {};
}

/// "order 3" and "order #3" are order:3 where there is one.
Status find_numbered(const client::EndpointView& view, const Words& kinds, const Words& words, AskedSubject& subject) {
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        const std::string kind = kind_in(kinds, {words[i]});
        const std::string key = words[i + 1].starts_with('#') ? words[i + 1].substr(1) : words[i + 1];
        const bool has_digit = std::any_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; });
        if (kind.empty() || !has_digit || subject.entities.size() == kNamesMax) continue;
        ASSIGN_OR_RETURN(const bool is_there, has_entity(view, kind + key));
        if (is_there) subject.entities.push_back(kind + key);
    }
    return {};
}

Status find_entities_named(const client::EndpointView& view, const Question& question, AskedSubject& subject) {
    Words not_begun_with;
    for (const std::string& word : words_of(question.question)) {
        if (is_date(word)) {
            subject.dates.push_back(word);
            continue;
        }
        const bool is_type = std::any_of(question.stats.event_types.begin(), question.stats.event_types.end(),
                                         [&word](const EventTypeCount& type) { return type.event_type == word; });
        const bool looks_like_id = word.find_first_of(":/-_.0123456789") != std::string::npos;
        if (!looks_like_id || is_type || subject.entities.size() == kNamesMax) continue;
        ASSIGN_OR_RETURN(const auto ids, view.entities(word, "", 1));
        if (!ids.empty() && (ids.front() == word || word.find(':') != std::string::npos))
            subject.entities.push_back(ids.front());
        else if (word.size() >= kInsideBytesMin && word.find_first_of("./:") != std::string::npos)
            not_begun_with.push_back(word);
    }
    return find_inside_ids(view, std::move(not_begun_with), subject);
}

/// Types that the question names and the store has not: "customer.notified", and "refunded" of an order.
void find_types_not_there(const Question& question, const Words& kinds, const Words& words, AskedSubject& subject) {
    for (const std::string& word : words) {
        const std::size_t dot = word.find('.');
        const bool is_plain = std::all_of(word.begin(), word.end(),
                                          [](char c) { return (c >= 'a' && c <= 'z') || c == '.' || c == '_'; });
        if (dot == std::string::npos || dot == 0 || !is_plain || contains(subject.event_types, word)) continue;
        const std::string first = word.substr(0, dot + 1);
        const bool is_known =
            !kind_in(kinds, {word.substr(0, dot)}).empty() ||
            std::any_of(question.stats.event_types.begin(), question.stats.event_types.end(),
                        [&first](const EventTypeCount& type) { return type.event_type.starts_with(first); });
        if ((is_known || word.ends_with("ed")) && subject.types_not_there.size() < kNamesMax)
            subject.types_not_there.push_back(word);
    }
    const bool asks_for_one = mentions(question.lower_question, "ever|never|yet") && !subject.entities.empty();
    if (!asks_for_one || !subject.event_types.empty() || !subject.types_not_there.empty()) return;
    const std::string name = name_of_kind(subject.entities.front().substr(0, subject.entities.front().find(':') + 1));
    const auto verb = std::find_if(words.rbegin(), words.rend(),
                                   [](const std::string& word) { return word.size() > 4 && word.ends_with("ed"); });
    if (!name.empty() && verb != words.rend()) subject.types_not_there.push_back(name + "." + *verb);
}

std::string name_of_field(const std::string& pointer) { return pointer.substr(pointer.rfind('/') + 1); }

bool is_number(const FieldSample& field) { return field.kinds.contains("number"); }

/// The field that the question names, "cost_per_day" or "cost per day"; empty: none of these.
std::string field_in(const TypeSample& sample, const Question& question, const Words& words, bool of_numbers) {
    for (const auto& [pointer, field] : sample.fields) {
        if (of_numbers && !is_number(field)) continue;
        const std::string name = name_of_field(pointer);
        if (contains(words, name)) return pointer;
        if (name.find('_') != std::string::npos && mentions(question.lower_question, spoken(pointer))) return pointer;
    }
    return {};
}

/// What money is mostly called.
std::string field_of_money(const TypeSample& sample) {
    for (const std::string_view name : {"revenue", "total", "amount", "price", "value"}) {
        for (const auto& [pointer, field] : sample.fields) {
            if (is_number(field) && name_of_field(pointer) == name) return pointer;
        }
    }
    return {};
}

/// "customer" of "per customer" and "customers" of "by customers"; empty: there is none.
std::string group_word(const Words& words) {
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        if (words[i] == "per" || words[i] == "by" || words[i] == "each" || words[i] == "every") return words[i + 1];
    }
    return {};
}

/// Fields of the last events of a type.
struct Fields {
    std::string event_type;
    TypeSample sample;
};

Result<std::vector<Fields>> fields_of_types(const client::EndpointView& view, const Question& question,
                                            const AskedSubject& subject) {
    constexpr std::size_t kTypesMax = 30;
    constexpr std::uint32_t kEventsOfType = 20;
    std::vector<Fields> all;
    for (const EventTypeCount& type : question.stats.event_types) {
        if (all.size() == kTypesMax) break;
        if (!subject.event_types.empty() && !contains(subject.event_types, type.event_type)) continue;
        ASSIGN_OR_RETURN(TypeSample sample, sample_type(view, type.event_type, kEventsOfType));
        all.push_back({.event_type = type.event_type, .sample = std::move(sample)});
    }
    return all;
}

/// What to calculate with, and what to group by.
Status find_fields(const client::EndpointView& view, const Question& question, const Words& kinds, const Words& words,
                   AskedSubject& subject) {
    if (!mentions(question.lower_question, kArithmetic) && group_word(words).empty()) {
        subject.field = field_in(question.sample, question, words, false);
        return {};
    }
    ASSIGN_OR_RETURN(const auto all, fields_of_types(view, question, subject));
    for (const Fields& one : all) {
        if (subject.field.empty()) subject.field = field_in(one.sample, question, words, true);
    }
    for (const Fields& one : all) {
        if (subject.field.empty() && mentions(question.lower_question, kMoney))
            subject.field = field_of_money(one.sample);
    }
    const std::string group = group_word(words);
    for (const Fields& one : all) {
        for (const auto& [pointer, field] : one.sample.fields) {
            const bool is_named = !group.empty() && is_one_of_several(group, name_of_field(pointer));
            if (is_named && subject.by.empty() && pointer != subject.field) subject.by = pointer;
        }
    }
    if (subject.by.empty() && !kind_in(kinds, {group}).empty()) subject.by = "entity";
    const bool has_fields_of_both = !subject.field.empty() && subject.by.starts_with('/');
    std::size_t count = 0;
    for (const Fields& one : all) {
        if (!one.sample.fields.contains(subject.field)) continue;
        ++count;
        const bool has_group = !has_fields_of_both || one.sample.fields.contains(subject.by);
        if (has_group && subject.sum_type.empty()) subject.sum_type = one.event_type;
    }
    if (count < 2) subject.sum_type.clear();
    return {};
}

}  // namespace

std::string spoken(const std::string& pointer) {
    std::string name = name_of_field(pointer);
    std::replace(name.begin(), name.end(), '_', ' ');
    return name;
}

Result<AskedSubject> asked_subject(const client::EndpointView& view, const Question& question) {
    AskedSubject subject;
    RETURN_IF_ERROR(find_entities_named(view, question, subject));
    Words words = words_of(question.lower_question);
    subject.time = asked_time(words, now());
    ASSIGN_OR_RETURN(const Words kinds, entity_kinds(view, kKindsMax));
    RETURN_IF_ERROR(find_numbered(view, kinds, words, subject));
    find_types(question.stats, words, subject);
    find_types_not_there(question, kinds, words, subject);
    RETURN_IF_ERROR(find_fields(view, question, kinds, words, subject));
    // "per customer" groups what is asked about, and is not it.
    if (subject.by.starts_with('/')) std::erase(words, group_word(words));
    subject.kind = kind_in(kinds, words);
    return subject;
}

}  // namespace chronos::mcp
