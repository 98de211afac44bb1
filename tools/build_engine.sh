#!/usr/bin/env bash
# Build the compiled engine and put it into the package, for work in a clone.
set -eu
cd "$(dirname "$0")/.."
cargo build --release --locked --manifest-path native/Cargo.toml
cp native/target/release/lib_engine.so streamdicom/_native/_engine.abi3.so.new
mv streamdicom/_native/_engine.abi3.so.new streamdicom/_native/_engine.abi3.so
