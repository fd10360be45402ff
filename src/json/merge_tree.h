// The fold of many object payloads into one state, with the origin of every field.
//
// Use:
//     MergeTree state;
//     for (const Event& event : events) {
//         ASSIGN_OR_RETURN(bool took_part,
//                          state.apply(event.payload, event.position, FoldKind::kMergePatch));
//     }
//     std::string json = state.to_json();
//
// A leaf is a scalar, an array, or an empty object other than the whole state. Its text is kept
// exactly as it came, white space inside arrays included: 1.0 stays 1.0. Its origin is what the
// caller gave for the payload that wrote it last, also when it wrote the same value again. An
// object that became empty has the origin of the payload that emptied it.
//
// Keys are compared after unescaping and written back in one canonical way, in the order they came
// in.
//
// Threads: a value; reading is safe from several threads while none applies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/result.h"

namespace chronos::json {

enum class FoldKind : std::uint8_t {
    kMergePatch,  ///< RFC 7396: objects merge, null removes.
    kShallow,     ///< Keys of the payload replace keys of the state; null is kept as a value.
};

/// One leaf that differs: not there before, or not there after, or with other text.
struct FieldChange {
    std::string pointer;  ///< RFC 6901
    std::optional<std::string> before;
    std::optional<std::string> after;

    bool operator==(const FieldChange&) const = default;
};

class MergeTree {
public:
    /// Sees one leaf; the views live as long as the call.
    using FieldVisitor = std::function<void(std::string_view pointer, std::string_view raw_json, std::uint64_t origin)>;

    MergeTree();
    MergeTree(const MergeTree& other);
    MergeTree& operator=(const MergeTree& other);
    MergeTree(MergeTree&& other) noexcept;             ///< Leaves `other` only to be assigned or destroyed.
    MergeTree& operator=(MergeTree&& other) noexcept;  ///< The same.
    ~MergeTree();

    /// Folds one payload in; false when it is not an object and so changes nothing. With `changes`,
    /// also appends what became different, leaf by leaf.
    ///
    /// Requires: `payload` passed validate_json().
    /// Errors:   kLimitExceeded — nested deeper than kDepthMax; nothing was changed.
    /// Cost:     one look at the payload; about 50 ns for each field.
    Result<bool> apply(std::string_view payload, std::uint64_t origin, FoldKind kind,
                       std::vector<FieldChange>* changes = nullptr);

    /// Whether there is no field at all.
    bool empty() const;

    /// The state as compact JSON (but for the inside of arrays): always an object.
    std::string to_json() const;

    /// The JSON text of the value at a JSON Pointer, also inside arrays; "" is the whole state.
    std::optional<std::string> field(std::string_view pointer) const;

    /// Shows all leaves in the order of to_json().
    void visit_fields(const FieldVisitor& visitor) const;

    /// The origins of all leaves in the order of visit_fields(): with to_json() all that `restore` needs.
    std::vector<std::uint64_t> origins() const;

    /// The tree that these were taken of; whatever is folded in later makes the same of it. `json` is checked.
    ///
    /// Errors: kCorrupt, for what no tree gives.
    static Result<MergeTree> restore(std::string_view json, const std::vector<std::uint64_t>& origins);

    /// About how much memory the tree occupies.
    std::size_t memory_bytes() const;

private:
    struct Node;
    struct Object;
    class Fold;

    std::unique_ptr<Object> root_;
};

/// The leaves that differ, compared by their text: those of `before` in its order, then new ones.
std::vector<FieldChange> changed_fields(const MergeTree& before, const MergeTree& after);

}  // namespace chronos::json
