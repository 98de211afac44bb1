#!/usr/bin/env bash
# Check the crates of the compiled engine: their form, their warnings and their tests.
set -eu
cd "$(dirname "$0")/../native"
if ! command -v cargo > /dev/null; then
  echo "cargo is not installed; the compiled engine is not checked"
  [ "${STREAMDICOM_NATIVE:-}" != require ]
  exit
fi
cargo fmt --all --check
cargo clippy --locked --workspace --all-targets -- -D warnings
cargo test --locked --workspace --quiet
