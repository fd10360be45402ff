#!/usr/bin/env python3
"""Prints line coverage by ring of the architecture, and the domain's lines that no test ran.

    scripts/coverage_by_ring.py coverage.json     the report of `gcovr --json`

Lines that cannot run are marked GCOV_EXCL_LINE in the code, with the reason beside them.
"""

import json
import sys

RINGS = {
    "domain": ["include/chronos", "src/event"],
    "application": ["src/store", "src/projection", "src/access", "src/query", "src/search"],
    "infrastructure": [
        "src/wal", "src/index", "src/segment", "src/json", "src/cache", "src/text", "src/vector",
        "src/parquet", "src/io", "src/base",
    ],
    "interface": ["src/embedded", "src/server", "src/app"],
}
LISTED_RING = "domain"


def ring_of(path):
    for ring, folders in RINGS.items():
        if any(path.startswith(folder + "/") for folder in folders):
            return ring
    return None


def counts_by_line(file):
    """Maps line number to times run; a line instantiated several times ran as often as all together."""
    counts = {}
    for line in file["lines"]:
        if not line.get("gcovr/noncode"):
            number = line["line_number"]
            counts[number] = counts.get(number, 0) + line["count"]
    return counts


def ranges(numbers):
    """[3, 4, 5, 9] → "3-5, 9"."""
    groups = []
    for number in numbers:
        if groups and number == groups[-1][1] + 1:
            groups[-1][1] = number
        else:
            groups.append([number, number])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in groups)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as report:
        files = json.load(report)["files"]

    covered = dict.fromkeys(RINGS, 0)
    total = dict.fromkeys(RINGS, 0)
    uncovered = []
    homeless = []
    for file in sorted(files, key=lambda file: file["file"]):
        ring = ring_of(file["file"])
        if ring is None:
            homeless.append(file["file"])
            continue
        counts = counts_by_line(file)
        missed = sorted(number for number, count in counts.items() if count == 0)
        total[ring] += len(counts)
        covered[ring] += len(counts) - len(missed)
        if ring == LISTED_RING and missed:
            uncovered.append(f"  {file['file']}: {ranges(missed)}")

    print(f"{'ring':<16}{'lines':>8}{'covered':>9}{'':>9}")
    for ring in RINGS:
        share = f"{100 * covered[ring] / total[ring]:8.1f}%" if total[ring] else f"{'-':>9}"
        print(f"{ring:<16}{total[ring]:>8}{covered[ring]:>9}{share}")
    if uncovered:
        print(f"\nLines of the {LISTED_RING} that no test ran:")
        print("\n".join(uncovered))
    if homeless:
        sys.exit("\nFiles of no ring; add their folder to RINGS:\n  " + "\n  ".join(homeless))


if __name__ == "__main__":
    main()
