#!/usr/bin/env bash
# Installs the packages Chronos is built from, on Debian 12. Does nothing when all are there.
#
#   scripts/install_dependencies.sh [--lint] [--fuzz] [--coverage] [--bench] [--conformance]
#
# The options add what `make lint`, `make fuzz`, `make coverage`, `make bench` and scripts/check_http.sh need.
# Those of `make bench` bring servers; Debian starts their services, which it does not use.
set -euo pipefail

packages=(
    g++ cmake ninja-build ccache mold pkg-config git python3 zstd
    libsimdjson-dev nlohmann-json3-dev libcli11-dev libfmt-dev libxxhash-dev libzstd-dev
    zlib1g-dev libssl-dev libisal-dev libgtest-dev libbenchmark-dev libboost1.81-dev libtomlplusplus-dev libspdlog-dev libcurl4-openssl-dev openssl curl
)
for argument in "$@"; do
    case "$argument" in
        --lint) packages+=(clang-format-19 clang-tidy-19) ;;
        --fuzz) packages+=(clang libclang-rt-14-dev) ;;
        --coverage) packages+=(gcovr) ;;
        --conformance) packages+=(python3-venv curl) ;;
        --bench)
            packages+=(librocksdb-dev liblmdb-dev libsqlite3-dev libpq-dev postgresql libhiredis-dev redis-server nginx-light nats-server)
            ;;
        *)
            echo "unknown option $argument; there are --lint, --fuzz, --coverage, --bench and --conformance" >&2
            exit 2
            ;;
    esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This script knows Debian 12. On another system install the counterparts of these packages," >&2
    echo "then run cmake --workflow --preset dev:" >&2
    printf '    %s\n' "${packages[@]}" >&2
    exit 1
fi

installed=$(dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null || true)
missing=()
for package in "${packages[@]}"; do
    grep -qxF "installed $package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "Packages are missing and there is no sudo here. As root, run:" >&2
        echo "    apt-get install --yes --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

echo "Installing ${missing[*]}"
"${as_root[@]}" apt-get update --quiet
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --quiet --no-install-recommends "${missing[@]}"
