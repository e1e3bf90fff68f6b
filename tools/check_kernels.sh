#!/usr/bin/env bash
# Builds the kernels and tools/check_kernels.cpp for another machine, and runs them there or by an emulator:
#   tools/check_kernels.sh aarch64-linux-gnu-g++ qemu-aarch64
#   tools/check_kernels.sh x86_64-w64-mingw32-g++-posix wine
#   tools/check_kernels.sh clang++
# The baseline alone: instruction sets that are chosen at run time have the tests of the package. The runtime
# is compiled too, without OpenMP. Without a second argument the program runs as it is; "none": only compiled.
set -euo pipefail
cd "$(dirname "$0")/.."
compiler=${1:?a compiler} run=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The compiler may be several words, such as "zig c++ -target wasm32-wasi".
read -ra compile <<<"$compiler"
compile+=(-std=c++17 -O2 -Wall -Wextra -Wno-psabi -Icpp)

for file in cpp/runtime/*.cpp cpp/runtime/steps/*.cpp; do
  "${compile[@]}" -fsyntax-only "$file"
done
echo "runtime compiled"
"${compile[@]}" -DFASTMLP_ISA=baseline -fno-math-errno -fno-trapping-math -ffp-contract=off \
  -c cpp/kernels/table.cpp -o "$work/table.o"
echo "kernels compiled"
if [ "$run" != none ]; then
  "${compile[@]}" -static \
    tools/check_kernels.cpp cpp/kernels/dispatch.cpp "$work/table.o" -o "$work/check"
  $run "$work/check"
fi
