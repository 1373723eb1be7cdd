#!/usr/bin/env bash
# Set-up for the Makefile: system packages where they may be installed, then pinned Python environments.
#
#   tools/setup.sh run      what dpptag needs           .venv
#   tools/setup.sh test     and what its tests need     .venv and .venv-peers
#   tools/setup.sh pins     compile requirements/*.txt anew from requirements/*.in
#
# What cannot be installed is said, noted in .venv/not-installed (the tests read it), and gone on without. A second run
# finds its stamps and does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly VENV=.venv PEERS=.venv-peers
readonly PYTHONS=(python3 python3.13 python3.12 python3.14 python3.11)
MISSING=()
APT_UPDATED=no

say() { printf 'setup: %s\n' "$*" >&2; }

lacking() { # system package or part that tests may then skip by name
    say "not installed: $1 ($2)"
    MISSING+=("$1")
}

# --- system packages ------------------------------------------------------------------------------------------------

installed() { [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = 'ii ' ]; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif [ -t 0 ] && [ -z "${CI-}" ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

may_install() {
    [ "$(id -u)" = 0 ] && return 0
    command -v sudo >/dev/null || return 1
    sudo -n true 2>/dev/null && return 0
    [ -t 0 ] && [ -z "${CI-}" ] && say 'sudo may ask for your password to install system packages' && sudo -v
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 "$@" \
        >>"$APT_LOG" 2>&1
}

# system_packages WHAT-FOR PACKAGE...: installs those that are absent; never fails.
system_packages() {
    local what=$1 package absent=()
    shift
    command -v dpkg-query >/dev/null || {
        say "no Debian or Ubuntu: for $what install by hand what corresponds to: $*"
        for package in "$@"; do MISSING+=("$package"); done
        return 0
    }
    for package in "$@"; do installed "$package" || absent+=("$package"); done
    [ ${#absent[@]} = 0 ] && return 0
    if may_install; then
        say "installing for $what: ${absent[*]}"
        [ "$APT_UPDATED" = yes ] || apt update || say 'apt-get update failed; going on with the lists at hand'
        APT_UPDATED=yes
        # One by one after a failure, so that one unknown name does not keep the others out.
        apt install -y --no-install-recommends "${absent[@]}" || for package in "${absent[@]}"; do
            apt install -y --no-install-recommends "$package" || true
        done
    fi
    for package in "${absent[@]}"; do
        installed "$package" || lacking "$package" "for $what; needs: apt-get install $package"
    done
}

# --- Python ---------------------------------------------------------------------------------------------------------

is_suitable() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} "${PYTHONS[@]}"; do
        if command -v "$candidate" >/dev/null && is_suitable "$candidate"; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

# The interpreter's own name of its packages: python3 for the system's default, python3.12 for a second one.
package_stem() {
    local version
    version=$("$1" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    if installed "$version"; then printf '%s' "$version"; else printf 'python3'; fi
}

choose_python() {
    local version
    if ! PYTHON_FOUND=$(find_python); then
        command -v apt-cache >/dev/null && for version in 3.13 3.12 3.11; do
            [ -n "$(apt-cache -q search --names-only "^python$version\$")" ] || continue
            system_packages 'Python' "python$version" "python$version-venv"
            break
        done
        PYTHON_FOUND=$(find_python) || {
            say 'no Python 3.11 or newer found: install one, or name it: make PYTHON=/path/to/python3.12'
            exit 1
        }
    fi
    "$PYTHON_FOUND" -c 'import ensurepip, venv' 2>/dev/null ||
        system_packages 'virtual environments' "$(package_stem "$PYTHON_FOUND")-venv"
}

# environment FOLDER: a virtual environment that works; made anew where its interpreter is gone or too old.
environment() {
    if [ -x "$1/bin/python" ] && is_suitable "$1/bin/python"; then return 0; fi
    [ -n "${PYTHON_FOUND-}" ] || choose_python
    say "making $1 with $("$PYTHON_FOUND" --version)"
    "$PYTHON_FOUND" -m venv --clear "$1"
}

fingerprint() { { "$1/bin/python" --version; cat "${@:2}"; } | cksum | tr ' ' '-'; }

# once FOLDER NAME FILE... -- COMMAND...: runs COMMAND unless it already succeeded with these very files.
once() {
    local folder=$1 stamp=$1/.stamp-$2 files=()
    shift 2
    while [ "$1" != -- ]; do files+=("$1") && shift; done
    shift
    local now
    now=$(fingerprint "$folder" "${files[@]}")
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$now" ] && return 0
    "$@" || return 1
    printf '%s' "$now" >"$stamp"
}

# pinned FOLDER NAME [OPTION...]: requirements/NAME.txt into FOLDER, every file checked against its hash. The pinned
# build back ends come first and are used as they are, so that a source distribution fetches nothing unpinned.
pinned() {
    say "installing requirements/$2.txt into $1"
    "$1/bin/python" -m pip install -qq --disable-pip-version-check --no-input \
        --no-build-isolation --require-hashes "${@:3}" -r "requirements/$2.txt"
}

project() {
    say 'installing dpptag itself, editable'
    "$VENV/bin/python" -m pip install -qq --disable-pip-version-check --no-input \
        --no-build-isolation --no-deps -e .
    "$VENV/bin/python" -m compileall -q src/dpptag # as pip does for a wheel: the first command starts fast, too
}

# pin_alone NAME: the packages of requirements/NAME.in without what they ask for, which pip-compile cannot leave out.
pin_alone() {
    {
        printf '#\n# This file is made by the following command:\n#\n#    make pins\n#\n'
        "$VENV/pip-tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --dry-run \
            --ignore-installed --ignore-requires-python --no-deps --report - -r "requirements/$1.in" |
            "$VENV/pip-tools/bin/python" -c 'import json, sys
for found in json.load(sys.stdin)["install"]:
    name, digest = found["metadata"], found["download_info"]["archive_info"]["hashes"]["sha256"]
    print("{}=={} \\\n    --hash=sha256:{}".format(name["name"], name["version"], digest))'
    } >"requirements/$1.txt"
}

pin_files() {
    local file name
    environment "$VENV"
    "$VENV/bin/python" -m venv --clear "$VENV/pip-tools"
    "$VENV/pip-tools/bin/python" -m pip install -qq --disable-pip-version-check 'pip-tools>=7.5'
    for name in build runtime pcsc dev peers peers-passport; do
        say "compiling requirements/$name.txt"
        (cd requirements && CUSTOM_COMPILE_COMMAND='make pins' ../"$VENV"/pip-tools/bin/pip-compile --quiet \
            --generate-hashes --allow-unsafe --strip-extras --upgrade --annotation-style=line --no-emit-options \
            --no-emit-index-url --no-emit-find-links --no-emit-trusted-host -o "$name.txt" "$name.in")
    done
    for name in peers-drivers peers-epc peers-uhf; do
        say "pinning requirements/$name.txt"
        pin_alone "$name"
    done
    rm -rf "$VENV/pip-tools"
    for file in requirements/*.txt; do
        if grep -nE '://|^-|file:' "$file"; then say "$file names a place: strip it" && exit 1; fi
    done
}

# --- what is asked for ----------------------------------------------------------------------------------------------

setup_run() {
    environment "$VENV"
    system_packages 'USB readers' libusb-1.0-0
    once "$VENV" build requirements/build.txt -- pinned "$VENV" build
    once "$VENV" runtime requirements/build.txt requirements/runtime.txt -- pinned "$VENV" runtime
    once "$VENV" project requirements/build.txt pyproject.toml src/dpptag/__init__.py -- project
    setup_pcsc
}

# The extra `pcsc` builds from source; a failed build is told and does not end the set-up.
setup_pcsc() {
    local headers
    [ -f "$VENV/.stamp-pcsc" ] || {
        headers=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
        [ -f "$headers/Python.h" ] || system_packages 'PC/SC readers' "$(package_stem "$VENV/bin/python")-dev"
        system_packages 'PC/SC readers' gcc libpcsclite-dev pkg-config swig
    }
    once "$VENV" pcsc requirements/build.txt requirements/pcsc.txt -- pinned "$VENV" pcsc >>"$PIP_LOG" 2>&1 ||
        lacking pyscard "the extra pcsc did not build, PC/SC readers are left out; see $PIP_LOG"
}

setup_test() {
    setup_run
    system_packages 'tests with software that is not ours' libnfc-bin libnfc-examples libfreefare-bin usbutils udev \
        gcc libc6-dev
    system_packages 'tests on simulated PC/SC readers' pcscd libccid vsmartcard-vpcd
    system_packages 'tests on simulated USB readers' umockdev gir1.2-umockdev-1.0 python3-gi
    unshare --mount true 2>/dev/null || unshare --map-root-user --mount true 2>/dev/null ||
        lacking name-spaces 'this system gives none to this user: tests on simulated PC/SC readers are left out'
    once "$VENV" dev requirements/build.txt requirements/dev.txt -- pinned "$VENV" dev
    environment "$PEERS"
    once "$PEERS" build requirements/build.txt -- pinned "$PEERS" build
    once "$PEERS" peers requirements/build.txt requirements/peers.txt -- pinned "$PEERS" peers
    once "$PEERS" peers-passport requirements/build.txt requirements/peers.txt requirements/peers-passport.txt -- \
        pinned "$PEERS" peers-passport --no-deps
    once "$PEERS" peers-drivers requirements/peers-drivers.txt -- pinned "$PEERS" peers-drivers --no-deps
    once "$PEERS" peers-epc requirements/build.txt requirements/peers-epc.txt -- pinned "$PEERS" peers-epc --no-deps
    once "$PEERS" peers-uhf requirements/peers-uhf.txt -- uhf_clients
    setup_node
}

# The clients of UHF modules, into .venv-peers/uhf.
uhf_clients() {
    rm -rf "$PEERS/uhf"
    pinned "$PEERS" peers-uhf --no-deps --ignore-requires-python --no-compile --target "$PEERS/uhf"
}

# npm's nfc-pcsc, into .venv-peers/node. Its native part is compiled against the headers of the Node.js at hand, so that
# none are fetched; where that fails, the tests with it are left out.
setup_node() {
    [ -f "$PEERS/.stamp-node" ] || {
        { command -v node && command -v npm; } >/dev/null ||
            system_packages 'tests with nfc-pcsc' nodejs npm libnode-dev
        system_packages 'tests with nfc-pcsc' g++ libpcsclite-dev make
    }
    node --version >"$PEERS/node-version" 2>/dev/null || true # what is compiled fits one version
    once "$PEERS" node "$PEERS/node-version" requirements/peers-node/*.json -- node_packages >>"$NPM_LOG" 2>&1 || {
        rm -rf "$PEERS/node"
        lacking nfc-pcsc "npm could not install or build it; see $NPM_LOG"
    }
}

node_packages() {
    local headers
    headers=$(node -p 'require("path").resolve(process.execPath, "../..")') || return 1
    [ -d "$headers/include/node" ] || { say "no headers of Node.js under $headers" && return 1; }
    mkdir -p "$PEERS/node"
    cp requirements/peers-node/package.json requirements/peers-node/package-lock.json "$PEERS/node/"
    (cd "$PEERS/node" && npm_config_nodedir=$headers npm ci --no-audit --no-fund --no-update-notifier &&
        node -e 'require("nfc-pcsc")')
}

APT_LOG=$(mktemp) PIP_LOG=$(mktemp) NPM_LOG=$(mktemp)
readonly APT_LOG PIP_LOG NPM_LOG
case ${1-} in
run) setup_run ;;
test) setup_test ;;
pins) pin_files ;;
*) say "usage: tools/setup.sh run|test|pins" && exit 2 ;;
esac
[ -d "$VENV" ] && printf '%s\n' ${MISSING[@]+"${MISSING[@]}"} >"$VENV/not-installed"
if [ ${#MISSING[@]} = 0 ]; then
    rm -f "$APT_LOG" "$PIP_LOG" "$NPM_LOG"
else
    say "left out: ${MISSING[*]}; logs: $APT_LOG $PIP_LOG $NPM_LOG"
fi
