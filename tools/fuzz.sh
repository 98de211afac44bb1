#!/usr/bin/env bash
# Fuzz the scanners of the compiled engine, guided by coverage, with the address sanitizer.
#
#   tools/fuzz.sh [SECONDS [TARGET...]]    by default 60 seconds for all targets together
#
# RUNS=N in the environment bounds each target by executions in place of seconds.
set -eu
cd "$(dirname "$0")/../native/fuzz"
if ! command -v cargo > /dev/null || ! command -v c++ > /dev/null; then
  echo "cargo or a C++ compiler is not installed; nothing is fuzzed"
  [ "${STREAMDICOM_NATIVE:-}" != require ]
  exit
fi
seconds=${1:-60}
[ $# -gt 0 ] && shift
targets=${*:-json boundaries xml part10 head transcoding}
work=../target/fuzz
host=$(rustc -vV | sed -n 's/host: //p')
# The flags of cargo-fuzz, which stable Rust accepts with RUSTC_BOOTSTRAP.
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
flags="$flags -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing"
RUSTC_BOOTSTRAP=1 RUSTFLAGS="$flags -Zsanitizer=address -Ccodegen-units=1" \
  cargo build --release --locked --target "$host" --target-dir "$work/build"
python3 ../../tools/fuzz_corpus.py "$work/seeds"
share=$((seconds / $(wc -w <<< "$targets")))
for target in $targets; do
  if [ -n "${RUNS:-}" ]; then bound=-runs=$RUNS; else bound=-max_total_time=$share; fi
  mkdir -p "$work/corpus/$target" "$work/artifacts/$target"
  log=$work/artifacts/$target.log
  "$work/build/$host/release/$target" "$work/corpus/$target" "$work/seeds/$target" "$bound" -max_len=4096 -timeout=10 \
    -rss_limit_mb=1024 -artifact_prefix="$work/artifacts/$target/" -print_final_stats=1 2> "$log" || { tail -40 "$log"; exit 1; }
  sed -n "s/^stat::number_of_executed_units: */$target: executions /p" "$log"
done
