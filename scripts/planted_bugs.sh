#!/usr/bin/env bash
# Plants each bug of docs/reliability.md and demands that the tests named there fail, which pass without it.
#
#   scripts/planted_bugs.sh [bug ...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

page=docs/reliability.md
build=build/planted
programs=(simulation_test wal_test cache_test)

cmake --preset planted --log-level=WARNING >/dev/null
cmake --build --preset planted --parallel "${JOBS:-$(nproc)}" --target "${programs[@]}"

# The rows of the table: bug, then its tests.
rows=$(sed -nE 's/^\| `([a-z-]+)` \|[^|]*\| (`[^|]*`) \|$/\1 \2/p' "$page" | tr -d '`')
named=$(cut -d' ' -f1 <<<"$rows" | sort)
known=$(sed -nE 's/^ *\{"([a-z-]+)", Bug::.*/\1/p' src/base/planted_bug.cc | sort)
if [ "$named" != "$known" ]; then
    echo "$page and src/base/planted_bug.cc do not name the same bugs:" >&2
    diff <(echo "$named") <(echo "$known") >&2 || true
    exit 1
fi

# "Suite.Test program" for every test there is.
tests=$(for program in "${programs[@]}"; do
    "$build/bin/$program" --gtest_list_tests |
        awk -v program="$program" '/^[^ ]/ && /\.$/ { suite = $1 } /^  / { print suite $1, program }'
done)
program_of() { awk -v name="$1" '$1 == name { print $2 }' <<<"$tests"; }

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failures=0
complain() {
    failures=$((failures + 1))
    echo "$1"
    tail -20 "$log" | sed 's/^/    /'
}

# run <bug or nothing> <test>: the test's exit code.
run() {
    local status=0
    CHRONOS_PLANT=$1 timeout 120 "$build/bin/$(program_of "$2")" --gtest_filter="$2" >"$log" 2>&1 || status=$?
    return $status
}

for name in $(cut -d' ' -f2- <<<"$rows" | tr ' ' '\n' | sort -u); do
    [ -n "$(program_of "$name")" ] || { : >"$log"; complain "$page names $name, which is no test of ${programs[*]}"; continue; }
    run "" "$name" || complain "$name fails without a bug"
done

count=0
while read -r bug names; do
    if [ $# -gt 0 ] && [[ " $* " != *" $bug "* ]]; then continue; fi
    count=$((count + 1))
    for name in $names; do
        [ -n "$(program_of "$name")" ] || continue
        status=0
        run "$bug" "$name" || status=$?
        if ! grep -q '^a planted bug happens$' "$log"; then
            complain "$bug: $name does not come by the bug"
        elif [ $status -ne 1 ] && [ $status -ne 134 ]; then # a failed test; one that aborts
            complain "$bug: $name does not find it (exit code $status)"
        fi
    done
done <<<"$rows"

echo "$count planted bugs, $failures complaints"
[ $failures -eq 0 ]
