#!/usr/bin/env bash
# Makes sure that programs of others which tests check bank files with are there: xmllint on the machine, and what
# tests/validators/requirements.txt names, with its hashes, in a Python environment under target/. Quiet where they are.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=tests/validators/requirements.txt
place=target/validators

die() {
    echo "$1" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "Checking bank files needs $missing, and installing them needs root or sudo."
    fi
}

# What the machine itself has to have.
missing=''
command -v xmllint >/dev/null || missing=xmllint
command -v python3 >/dev/null && python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3 with venv"
if [ -n "$missing" ]; then
    echo "Checking bank files needs $missing: installing."
    if command -v apt-get >/dev/null; then
        as_root apt-get update -q
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends libxml2-utils python3 python3-venv
    elif command -v dnf >/dev/null; then
        as_root dnf -y -q install libxml2 python3
    elif command -v apk >/dev/null; then
        as_root apk add --no-cache libxml2-utils python3
    elif command -v pacman >/dev/null; then
        as_root pacman -Sy --noconfirm --needed libxml2 python
    elif command -v brew >/dev/null; then
        brew install libxml2 python
    else
        die "Install them by hand."
    fi
fi

if ! cmp -s "$wanted" "$place/installed.txt"; then
    rm -rf "$place"
    python3 -m venv "$place"
    "$place/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r "$wanted"
    cp "$wanted" "$place/installed.txt"
fi
