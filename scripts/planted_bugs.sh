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

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check <number> <bug, or - for none> <test> <program>: leaves a file of complaints if the test does not do as it should.
check() {
    local log=$work/$1.log status=0 what=""
    # The order of threads is the machine's: a test of several may miss a bug once.
    for _ in 1 2 3; do
        CHRONOS_PLANT=${2#-} timeout 240 "$build/bin/$4" --gtest_filter="$3" >"$log" 2>&1 || status=$?
        if [ "$2" = - ] || [ $status -ne 0 ]; then break; fi
    done
    if [ "$2" = - ]; then
        [ $status -eq 0 ] || what="$3 fails without a bug"
    elif ! grep -q '^a planted bug happens$' "$log"; then
        what="$2: $3 does not come by the bug"
    elif [ $status -ne 1 ] && [ $status -ne 134 ]; then # a failed test; one that aborts
        what="$2: $3 does not find it (exit code $status)"
    fi
    if [ -n "$what" ]; then
        { echo "$what" && tail -20 "$log" | sed 's/^/    /'; } >"$work/$1.complaint"
    fi
    rm -f "$log"
}
export -f check
export work build

{
    number=0
    for name in $(cut -d' ' -f2- <<<"$rows" | tr ' ' '\n' | sort -u); do
        program=$(program_of "$name")
        if [ -z "$program" ]; then
            echo "$page names $name, which is no test of ${programs[*]}" >"$work/$name.complaint"
        else
            echo "$((number += 1)) - $name $program"
        fi
    done
    while read -r bug names; do
        if [ $# -gt 0 ] && [[ " $* " != *" $bug "* ]]; then continue; fi
        for name in $names; do
            program=$(program_of "$name")
            [ -z "$program" ] || echo "$((number += 1)) $bug $name $program"
        done
    done <<<"$rows"
} >"$work/runs"
xargs --max-procs="${JOBS:-$(nproc)}" --max-lines=1 bash -c 'check "$@"' check <"$work/runs"

complaints=("$work"/*.complaint)
[ -e "${complaints[0]}" ] || complaints=()
[ ${#complaints[@]} -eq 0 ] || cat "${complaints[@]}"
echo "$(awk '$2 != "-" { print $2 }' "$work/runs" | sort -u | wc -l) planted bugs, ${#complaints[@]} complaints"
[ ${#complaints[@]} -eq 0 ]
