#!/usr/bin/env bash
# Fuzzes readers with libFuzzer for SECONDS_EACH (60), beginning with their seeds: those that are named, or all. Any toolchain will
# do: there is no unsafe code for a sanitizer to watch, and without sanitizers the compiler's own flags suffice. It builds all of
# acquit once more, with counters in it. Ends with 1 where a reader stumbled.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

missing() {
    echo "Fuzzing needs $1." >&2
    echo "Without it, \`$cargo test --test it -- fuzz\` runs the same readers over their seeds and mutations of them." >&2
    exit 1
}
command -v c++ >/dev/null 2>&1 || missing "a C++ compiler, which libFuzzer is built with"
host=$(rustc -vV | sed -n 's/^host: //p')
case $host in
    *-linux-* | *-apple-*) ;;
    *) missing "Linux or macOS: libFuzzer does not run on $host" ;;
esac

export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-sanitizer-coverage-stack-depth -Ccodegen-units=1"
"$cargo" build --release --locked --manifest-path fuzz/Cargo.toml --target "$host" --target-dir fuzz/target

if [ $# -eq 0 ]; then
    set -- $(basename -s .rs fuzz/targets/*.rs)
fi
stumbled=0
for name in "$@"; do
    program=fuzz/target/$host/release/$name
    corpus=fuzz/corpus/$name artifacts=fuzz/artifacts/$name
    mkdir -p "$corpus" "$artifacts"
    quirks=$(find fixtures/formats/quirks -name "$name-*" | sort | paste -sd, -)
    printf '\n# %s\n' "$name"
    log=$artifacts/log
    if "$program" "$corpus" "fuzz/seeds/$name" ${quirks:+-seed_inputs="$quirks"} -artifact_prefix="$artifacts/" \
        -max_total_time="${SECONDS_EACH:-60}" -timeout=10 -rss_limit_mb=2048 >"$log" 2>&1; then
        tail -n 1 "$log"
        grep -w DONE "$log"
    else
        stumbled=1
        grep -v '^#' "$log" | tail -n 40
        echo "Shrink it: $program -minimize_crash=1 -max_total_time=60 -exact_artifact_path=fuzz/seeds/$name/WHAT-IT-IS FILE"
    fi
done
exit "$stumbled"
