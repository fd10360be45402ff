#include "json/merge_tree.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/assert.h"
#include "base/result.h"
#include "json/pointer.h"
#include "json/scan.h"
#include "json/validate.h"
#include "json/writer.h"

namespace chronos::json {
namespace {

/// Objects of up to so many keys are searched; larger ones have a hash index.
constexpr std::size_t kSearchedKeysMax = 16;

/// Only objects are walked recursively, and each level of them takes at least `{"":}`.
constexpr std::size_t kDeepPayloadSizeMin = 5 * kDepthMax;

struct Leaf {
    std::string pointer;
    std::string raw;
};

/// Appends the differences between two lists of leaves.
void append_differences(std::vector<Leaf> before, std::vector<Leaf> after, std::vector<FieldChange>& changes) {
    std::unordered_map<std::string_view, Leaf*> after_by_pointer;
    for (Leaf& leaf : after) after_by_pointer.emplace(leaf.pointer, &leaf);
    for (Leaf& leaf : before) {
        const auto found = after_by_pointer.find(leaf.pointer);
        if (found == after_by_pointer.end()) {
            changes.push_back({std::move(leaf.pointer), std::move(leaf.raw), std::nullopt});
            continue;
        }
        Leaf* same = found->second;
        after_by_pointer.erase(found);
        if (same->raw == leaf.raw) continue;
        changes.push_back({std::move(leaf.pointer), std::move(leaf.raw), std::move(same->raw)});
    }
    for (Leaf& leaf : after) {
        if (!after_by_pointer.contains(leaf.pointer)) continue;
        after_by_pointer.erase(leaf.pointer);
        changes.push_back({std::move(leaf.pointer), std::nullopt, std::move(leaf.raw)});
    }
}

}  // namespace

/// A key and its value: a leaf's text, or an object. Removed nodes stay as gaps for a while.
struct MergeTree::Node {
    std::string key;
    std::string raw;                 ///< Of a leaf that is not an empty object.
    std::unique_ptr<Object> object;  ///< Of an object.
    std::uint64_t origin = 0;        ///< Of the leaf, `{}` included.
    bool is_removed = false;

    Node(std::string_view new_key) : key(new_key) {}  // NOLINT(google-explicit-constructor)
    Node(const Node& other);
    Node(Node&&) noexcept = default;
    Node& operator=(Node&&) noexcept = default;
    Node& operator=(const Node&) = delete;
    ~Node() = default;
};

/// Nodes in order of insertion, and an open-addressed hash index once there are many.
struct MergeTree::Object {
    std::vector<Node> nodes;
    std::vector<std::uint32_t> slots;  ///< Index in `nodes` plus 1; 0 is free. A power of two, at most half full.
    std::size_t removed_count = 0;

    bool empty() const { return nodes.size() == removed_count; }

    /// The node of `key` or nullptr. Keys mostly come in the order they are known in: `hint` is
    /// where the last one was found.
    Node* find(std::string_view key, std::size_t& hint) {
        if (!slots.empty()) return find_in_index(key);
        const std::size_t count = nodes.size();
        if (hint >= count) hint = 0;
        for (std::size_t step = 0; step < count; ++step) {
            std::size_t i = hint + step;
            if (i >= count) i -= count;
            if (nodes[i].key != key || nodes[i].is_removed) continue;
            hint = i + 1;
            return &nodes[i];
        }
        return nullptr;
    }

    const Node* find(std::string_view key) const {
        std::size_t hint = 0;
        return const_cast<Object*>(this)->find(key, hint);  // find() changes only the hint
    }

    /// Requires: the key is not there.
    Node* insert(std::string_view key) {
        nodes.emplace_back(key);
        if (nodes.size() > kSearchedKeysMax) {
            if (nodes.size() * 2 > slots.size()) {
                rebuild_index();
            } else {
                add_to_index(nodes.size() - 1);
            }
        }
        return &nodes.back();
    }

    void remove(Node* node) {
        node->is_removed = true;
        node->raw = std::string();
        node->object.reset();
        ++removed_count;
        if (removed_count * 2 <= nodes.size()) return;
        std::erase_if(nodes, [](const Node& candidate) { return candidate.is_removed; });
        removed_count = 0;
        rebuild_index();
    }

    void write(std::string& out) const;
    void visit(std::string& pointer, const FieldVisitor& visitor) const;
    /// Calls `use` with the origin of each leaf, in the order of visit().
    template <typename Nodes, typename Use>
    static void for_each_origin(Nodes& nodes, const Use& use);
    std::size_t memory_bytes() const;

private:
    std::size_t first_slot(std::string_view key) const {
        return std::hash<std::string_view>{}(key) & (slots.size() - 1);
    }

    Node* find_in_index(std::string_view key) {
        for (std::size_t slot = first_slot(key); slots[slot] != 0; slot = (slot + 1) & (slots.size() - 1)) {
            Node& node = nodes[slots[slot] - 1];
            if (!node.is_removed && node.key == key) return &node;
        }
        return nullptr;
    }

    void add_to_index(std::size_t index) {
        std::size_t slot = first_slot(nodes[index].key);
        while (slots[slot] != 0) slot = (slot + 1) & (slots.size() - 1);
        slots[slot] = static_cast<std::uint32_t>(index + 1);
    }

    void rebuild_index() {
        slots.clear();
        if (nodes.size() <= kSearchedKeysMax) return;
        std::size_t size = 4 * kSearchedKeysMax;
        while (size < nodes.size() * 4) size *= 2;
        slots.resize(size);
        for (std::size_t i = 0; i < nodes.size(); ++i) add_to_index(i);
    }
};

MergeTree::Node::Node(const Node& other)
    : key(other.key),
      raw(other.raw),
      object(other.object == nullptr ? nullptr : std::make_unique<Object>(*other.object)),
      origin(other.origin),
      is_removed(other.is_removed) {}

void MergeTree::Object::write(std::string& out) const {
    out += '{';
    bool is_first = true;
    for (const Node& node : nodes) {
        if (node.is_removed) continue;
        if (!is_first) out += ',';
        is_first = false;
        append_string(out, node.key);
        out += ':';
        if (node.object != nullptr) {
            node.object->write(out);
        } else {
            out += node.raw;
        }
    }
    out += '}';
}

/// Shows the leaves below `pointer`, which is the same again afterwards.
void MergeTree::Object::visit(std::string& pointer, const FieldVisitor& visitor) const {
    const std::size_t size = pointer.size();
    for (const Node& node : nodes) {
        if (node.is_removed) continue;
        append_pointer_segment(pointer, node.key);
        if (node.object == nullptr) {
            visitor(pointer, node.raw, node.origin);
        } else if (node.object->empty()) {
            visitor(pointer, "{}", node.origin);
        } else {
            node.object->visit(pointer, visitor);
        }
        pointer.resize(size);
    }
}

template <typename Nodes, typename Use>
void MergeTree::Object::for_each_origin(Nodes& nodes, const Use& use) {
    for (auto& node : nodes) {
        if (node.is_removed) continue;
        if (node.object == nullptr || node.object->empty()) {
            use(node.origin);
        } else {
            for_each_origin(node.object->nodes, use);
        }
    }
}

std::size_t MergeTree::Object::memory_bytes() const {
    const auto heap_bytes = [](const std::string& text) {
        constexpr std::size_t kInlineMax = 15;  // libstdc++ keeps so many in the string itself
        return text.capacity() > kInlineMax ? text.capacity() + 1 : 0;
    };
    std::size_t bytes = sizeof(Object) + nodes.capacity() * sizeof(Node);
    bytes += slots.capacity() * sizeof(slots[0]);
    for (const Node& node : nodes) {
        bytes += heap_bytes(node.key) + heap_bytes(node.raw);
        if (node.object != nullptr) bytes += node.object->memory_bytes();
    }
    return bytes;
}

/// The folding of one payload.
class MergeTree::Fold {
public:
    Fold(std::uint64_t origin, FoldKind kind, std::vector<FieldChange>* changes)
        : origin_(origin), kind_(kind), changes_(changes) {}

    void merge_object(Object& target, std::string_view patch) {
        const std::size_t pointer_size = pointer_.size();
        std::size_t hint = 0;
        for (ObjectScanner fields(patch); fields.next();) {
            const std::string_view key = unescaped(fields.raw_key(), scratch_);
            if (changes_ != nullptr) append_pointer_segment(pointer_, key);
            apply_field(target, target.find(key, hint), key, fields.value());
            if (changes_ != nullptr) pointer_.resize(pointer_size);
        }
    }

private:
    /// `node` is the one of `key`, or nullptr; `key` may be in scratch_, which the first descent
    /// reuses.
    void apply_field(Object& target, Node* node, std::string_view key, std::string_view value) {
        const bool is_merge = kind_ == FoldKind::kMergePatch;
        if (is_merge && value.front() == 'n') {
            if (node != nullptr) remove(target, node);
            return;
        }
        const bool is_new = node == nullptr;
        if (is_new) node = target.insert(key);
        if (value.front() != '{') {
            set_leaf(*node, value, is_new);
        } else if (is_merge) {
            merge_into(*node, value, is_new);
        } else {
            replace_with_object(*node, value, is_new);
        }
    }

    void remove(Object& target, Node* node) {
        if (changes_ != nullptr) append_differences(leaves_of(*node), {}, *changes_);
        target.remove(node);
    }

    void set_leaf(Node& node, std::string_view value, bool is_new) {
        if (changes_ != nullptr) {
            std::vector<Leaf> before = is_new ? std::vector<Leaf>() : leaves_of(node);
            append_differences(std::move(before), {{pointer_, std::string(value)}}, *changes_);
        }
        node.object.reset();
        node.raw.assign(value);
        node.origin = origin_;
    }

    /// RFC 7396: what is not an object becomes {} first. The node itself is a leaf before or after
    /// only when it is no object or an empty one.
    void merge_into(Node& node, std::string_view patch, bool is_new) {
        std::optional<std::string> before = changes_ == nullptr || is_new ? std::nullopt : leaf_text(node);
        const bool was_object = node.object != nullptr;
        if (!was_object) {
            node.object = std::make_unique<Object>();
            node.raw = std::string();
        }
        const bool was_empty = node.object->empty();
        merge_object(*node.object, patch);
        const bool is_empty = node.object->empty();
        if (!was_object || (is_empty && !was_empty)) node.origin = origin_;
        if (changes_ == nullptr) return;
        std::optional<std::string> after = is_empty ? std::optional<std::string>("{}") : std::nullopt;
        if (before != after) changes_->push_back({pointer_, std::move(before), std::move(after)});
    }

    void replace_with_object(Node& node, std::string_view value, bool is_new) {
        std::vector<Leaf> before = changes_ == nullptr || is_new ? std::vector<Leaf>() : leaves_of(node);
        node.raw = std::string();
        node.object = std::make_unique<Object>();
        node.origin = origin_;
        std::vector<FieldChange>* changes = std::exchange(changes_, nullptr);
        merge_object(*node.object, value);
        changes_ = changes;
        if (changes_ != nullptr) append_differences(std::move(before), leaves_of(node), *changes_);
    }

    static std::optional<std::string> leaf_text(const Node& node) {
        if (node.object == nullptr) return node.raw;
        return node.object->empty() ? std::optional<std::string>("{}") : std::nullopt;
    }

    std::vector<Leaf> leaves_of(const Node& node) {
        if (std::optional<std::string> text = leaf_text(node)) return {{pointer_, *std::move(text)}};
        std::vector<Leaf> leaves;
        std::string pointer = pointer_;
        node.object->visit(pointer, [&leaves](std::string_view at, std::string_view raw, std::uint64_t) {
            leaves.push_back({std::string(at), std::string(raw)});
        });
        return leaves;
    }

    const std::uint64_t origin_;
    const FoldKind kind_;
    std::vector<FieldChange>* changes_;
    std::string pointer_;  ///< Where the fold is, kept only for changes_.
    std::string scratch_;
};

MergeTree::MergeTree() : root_(std::make_unique<Object>()) {}
MergeTree::MergeTree(const MergeTree& other) : root_(std::make_unique<Object>(*other.root_)) {}
MergeTree& MergeTree::operator=(const MergeTree& other) {
    if (this != &other) root_ = std::make_unique<Object>(*other.root_);
    return *this;
}
MergeTree::MergeTree(MergeTree&& other) noexcept = default;
MergeTree& MergeTree::operator=(MergeTree&& other) noexcept = default;
MergeTree::~MergeTree() = default;

Result<bool> MergeTree::apply(std::string_view payload, std::uint64_t origin, FoldKind kind,
                              std::vector<FieldChange>* changes) {
    if (!is_object(payload)) return false;
    if (payload.size() > kDeepPayloadSizeMin && is_nested_deeper_than(payload, kDepthMax)) {
        return base::fail(ErrorCode::kLimitExceeded,
                          "a payload is nested deeper than " + std::to_string(kDepthMax) + " levels");
    }
    ASSERT(root_ != nullptr);  // not moved from
    Fold(origin, kind, changes).merge_object(*root_, payload);
    return true;
}

bool MergeTree::empty() const { return root_->empty(); }

std::string MergeTree::to_json() const {
    std::string out;
    root_->write(out);
    return out;
}

std::optional<std::string> MergeTree::field(std::string_view pointer) const {
    const Result<std::vector<PointerSegment>> segments = parse_pointer(pointer);
    if (!segments.ok()) return std::nullopt;
    const Object* object = root_.get();
    for (std::size_t i = 0; i < segments->size(); ++i) {
        const Node* node = object->find((*segments)[i].key);
        if (node == nullptr) return std::nullopt;
        if (node->object == nullptr) {
            const std::optional<std::string_view> found = find_value(node->raw, *segments, i + 1);
            return found ? std::optional<std::string>(*found) : std::nullopt;
        }
        object = node->object.get();
    }
    std::string out;
    object->write(out);
    return out;
}

void MergeTree::visit_fields(const FieldVisitor& visitor) const {
    std::string pointer;
    root_->visit(pointer, visitor);
}

std::vector<std::uint64_t> MergeTree::origins() const {
    std::vector<std::uint64_t> origins;
    Object::for_each_origin(std::as_const(root_->nodes), [&](std::uint64_t origin) { origins.push_back(origin); });
    return origins;
}

Result<MergeTree> MergeTree::restore(std::string_view json, const std::vector<std::uint64_t>& origins) {
    const auto wrong = [](const char* what) {
        return base::fail(ErrorCode::kCorrupt, std::string("a saved state ") + what);
    };
    // A state may have more keys than a payload; its size bounds them.
    const Limits limits{.keys_per_object_max = json.size(), .tokens_max = json.size()};
    if (!validate_json(json, limits).ok() || !is_object(json)) return wrong("is no JSON object");
    MergeTree tree;
    // Shallow: a null is a value, as it is in the state.
    auto applied = tree.apply(json, 0, FoldKind::kShallow);
    if (!applied.ok()) return std::move(applied).error();
    std::size_t count = 0;
    Object::for_each_origin(tree.root_->nodes, [&](std::uint64_t& origin) {
        if (count < origins.size()) origin = origins[count];
        ++count;
    });
    if (count != origins.size()) return wrong("has origins of other leaves");
    return tree;
}

std::size_t MergeTree::memory_bytes() const { return sizeof(MergeTree) + root_->memory_bytes(); }

std::vector<FieldChange> changed_fields(const MergeTree& before, const MergeTree& after) {
    const auto leaves_of = [](const MergeTree& tree) {
        std::vector<Leaf> leaves;
        tree.visit_fields([&leaves](std::string_view pointer, std::string_view raw, std::uint64_t) {
            leaves.push_back({std::string(pointer), std::string(raw)});
        });
        return leaves;
    };
    std::vector<FieldChange> changes;
    append_differences(leaves_of(before), leaves_of(after), changes);
    return changes;
}

}  // namespace chronos::json
