// Makes events of a git history: each commit one batch, with an event for the commit and one for
// each file it touched.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <string>

#include "app/program.h"
#include "client/endpoint.h"

namespace chronos::app {

struct GitImportOptions {
    std::string repository;
    std::string branch = "HEAD";    ///< Of the repository.
    std::string into = "main";      ///< Branch of the store.
    std::uint64_t max_commits = 0;  ///< 0: all; else the newest so many.
    /// Takes commits that come before some that are in the store, too: their events then stand
    /// behind later ones.
    bool accept_older = false;
    Durability durability = Durability::kDurable;
};

struct GitImportResult {
    std::uint64_t commits = 0;            ///< Read from git.
    std::uint64_t duplicate_commits = 0;  ///< That were in the store.
    std::uint64_t appended_events = 0;
    /// Of the files that are still there, the one with the most events; empty if there is none.
    std::string busiest_file;
};

/// Whether there is something to import. Errors: kNotFound — git is not installed;
/// kInvalidArgument — no repository or no such branch.
Status check_repository(const GitImportOptions& options);

/// Importing again appends only what is new.
///
/// Errors: as above; kInvalidArgument — a new commit comes before one that is in the store; those
/// of appending.
Result<GitImportResult> import_git(Program& program, client::Endpoint& store, const GitImportOptions& options);

}  // namespace chronos::app
