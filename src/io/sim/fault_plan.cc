#include "io/sim/fault_plan.h"

#include <algorithm>

namespace chronos::io {

namespace {

OpClass class_of(OpKind kind) {
    switch (kind) {
        case OpKind::kRead: return OpClass::kRead;
        case OpKind::kWrite:
        case OpKind::kWriteDurable:
        case OpKind::kTruncate: return OpClass::kWrite;
        case OpKind::kSync: return OpClass::kSync;
        case OpKind::kName: return OpClass::kName;
    }
    return OpClass::kRead;
}

bool fits(FaultKind fault, OpKind kind) {
    const bool is_write = kind == OpKind::kWrite || kind == OpKind::kWriteDurable;
    switch (fault) {
        case FaultKind::kEio: return true;
        case FaultKind::kNoSpace: return kind != OpKind::kRead;
        case FaultKind::kShortWrite:
        case FaultKind::kMisdirectedWrite: return is_write;
        case FaultKind::kLostWrite: return is_write || kind == OpKind::kTruncate;
        case FaultKind::kFailedSync: return kind == OpKind::kSync || kind == OpKind::kWriteDurable;
    }
    return false;
}

}  // namespace

FaultPlan::Decision FaultPlan::next(OpKind kind, std::string_view path, Prng& prng) {
    if (!is_counted(kind, path)) return {};
    const std::uint64_t op_index = op_count_++;
    if (op_index >= power_cut_at_) return {.power_cut = true, .torn = power_cut_.torn};
    const auto planned = faults_.find(op_index);
    if (planned != faults_.end() && fits(planned->second, kind)) {
        return {.fault = planned->second};
    }
    for (const Chance& chance : chances_) {
        if (fits(chance.kind, kind) && prng.chance(chance.probability)) {
            return {.fault = chance.kind};
        }
    }
    return {};
}

bool FaultPlan::is_counted(OpKind kind, std::string_view path) const {
    const auto& classes = filter_.classes;
    const bool class_fits =
        classes.empty() || std::find(classes.begin(), classes.end(), class_of(kind)) != classes.end();
    return class_fits && path.find(filter_.path_contains) != std::string_view::npos;
}

void FaultPlan::fail_every(FaultKind kind, double probability) {
    chances_.push_back({.kind = kind, .probability = probability});
}

void FaultPlan::clear_faults() {
    faults_.clear();
    chances_.clear();
}

void FaultPlan::cut_power_at(std::uint64_t op_index, PowerCut cut) {
    power_cut_at_ = op_index;
    power_cut_ = cut;
}

}  // namespace chronos::io
