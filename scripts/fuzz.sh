#!/usr/bin/env bash
# Fuzzes every reader for SECONDS_EACH (60), beginning with its seeds. Says so where the tools for it are missing.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "Fuzzing needs a nightly toolchain: rustup toolchain install nightly" >&2
    echo "Without one, \`cargo test --test it -- fuzz\` runs the same readers over their seeds and mutations of them." >&2
    exit 1
fi
if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
    echo "Fuzzing needs cargo-fuzz: cargo install cargo-fuzz" >&2
    echo "Without it, \`cargo test --test it -- fuzz\` runs the same readers over their seeds and mutations of them." >&2
    exit 1
fi
for target in fuzz/targets/*.rs; do
    name="$(basename "$target" .rs)"
    mkdir -p "fuzz/corpus/$name"
    cargo +nightly fuzz run "$name" "fuzz/corpus/$name" "fuzz/seeds/$name" -- \
        -max_total_time="${SECONDS_EACH:-60}" -timeout=10 -rss_limit_mb=2048
done
