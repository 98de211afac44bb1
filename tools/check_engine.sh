#!/usr/bin/env bash
# Check the crates of the compiled engine: their form, their warnings, their tests, and their licenses and sources.
#
# With ADVISORIES=yes in the environment, also the database of known faults of crates, which is fetched.
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
if command -v cargo-deny > /dev/null; then
  cargo deny --offline --locked check bans licenses sources
  [ -z "${ADVISORIES:-}" ] || cargo deny --locked check advisories
else
  echo "cargo-deny is not installed; licenses, sources and advisories of crates are not checked"
fi
