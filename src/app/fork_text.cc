#include "app/fork_text.h"

#include "app/terminal.h"
#include "base/utf8.h"
#include "json/writer.h"
#include "wire/duration_text.h"

namespace chronos::app {
namespace {

/// A store that was closed for long ends its forks with the next append, not before.
bool is_overdue(const ForkInfo& fork, Timestamp now) {
    return fork.status == ForkStatus::kLive && fork.expires_at <= now;
}

std::string overdue_text(const ForkInfo& fork, Timestamp now) {
    return "was due " + wire::duration_text(now.ns - fork.expires_at.ns) + " ago, ends with the next append";
}

}  // namespace

std::string fork_title(const ForkInfo& fork) {
    return fork.name.empty() ? fork.id : fork.id + " (" + base::harmless(fork.name) + ")";
}

std::string fork_life_text(const ForkInfo& fork, Timestamp now) {
    if (is_overdue(fork, now)) return overdue_text(fork, now);
    if (fork.status == ForkStatus::kLive) return "expires in " + wire::duration_text(fork.expires_at.ns - now.ns);
    std::string text(fork_status_name(fork.status));
    if (fork.ended_at) text += " " + fork.ended_at->to_string();
    if (fork.status == ForkStatus::kMerged && fork.is_readable)
        text += ", readable for " + wire::duration_text(fork.expires_at.ns - now.ns);
    return text;
}

std::string fork_begin_text(const ForkInfo& fork) {
    if (!fork.fork_position) return fork.parent + ", which was empty";
    return fork.parent + " at position " + std::to_string(fork.fork_position->value);
}

std::string fork_as_text(const ForkInfo& fork, const Style& style, Timestamp now) {
    std::string out = style.bold(fork.id) + "\n";
    const auto row = [&out](std::string_view name, const std::string& value) {
        if (!value.empty()) out += "  " + padded(name, 8) + "  " + value + "\n";
    };
    row("name", base::harmless(fork.name));
    row("from", fork_begin_text(fork));
    row("status",
        std::string(fork_status_name(fork.status)) + (fork.ended_at ? " since " + fork.ended_at->to_string() : ""));
    row("events", with_separators(fork.own_event_count) + " of its own" +
                      (fork.head ? ", head at position " + std::to_string(fork.head->value) : ""));
    row("depth", std::to_string(fork.depth));
    row("creator", base::harmless(fork.creator));
    row("created", fork.created_at.to_string());
    if (fork.status == ForkStatus::kLive) {
        const std::string when =
            is_overdue(fork, now) ? overdue_text(fork, now) : "in " + wire::duration_text(fork.expires_at.ns - now.ns);
        row("expires", fork.expires_at.to_string() + " (" + when + ")");
    }
    if (fork.status == ForkStatus::kMerged)
        row("readable",
            fork.is_readable ? "until " + fork.expires_at.to_string() : "no longer; its events are on " + fork.parent);
    return out;
}

}  // namespace chronos::app
