#!/usr/bin/env bash
# Builds the core with sanitizers, in fresh directories, and runs the tests that reach it:
#   tools/sanitize.sh address    AddressSanitizer and UndefinedBehaviorSanitizer, every table of kernels
#   tools/sanitize.sh thread     ThreadSanitizer
# Needs Linux and g++ with its sanitizers. Further arguments go to pytest, in place of the files below.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-}
shift || true
root=$PWD work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CXX=${CXX:-g++} PIP_DISABLE_PIP_VERSION_CHECK=1

# Where the compiler has a library of its own.
library() { realpath "$("$CXX" -print-file-name="$1")"; }

case $what in
  address)
    preload="$(library libasan.so) $(library libstdc++.so)"
    # Python itself never frees some of what it allocates. Programs of absurd sizes are to be refused
    # as they are without a sanitizer.
    export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=4096 UBSAN_OPTIONS=print_stacktrace=1
    kernels=(kernels gemm split_gemm sparse_gemm sanitizers)
    runtime=(program training_plan sparse executor_errors two_objectives)
    models=(model fit threads dealing properties_predict properties_sparse)
    ;;
  thread)
    preload=$(library libtsan.so)
    # NumPy and Python are not instrumented, so that their own locks are unknown; a forked child may
    # start threads; daemons are alive at the end on purpose.
    export TSAN_OPTIONS="ignore_noninstrumented_modules=1:history_size=7:die_after_fork=0:report_thread_leaks=0"
    kernels=() runtime=(threads dealing pace fit training_plan sparse model readers sanitizers) models=()
    ;;
  *)
    echo "usage: tools/sanitize.sh address|thread [arguments of pytest]" >&2
    exit 2
    ;;
esac

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q ".[test]" -Ccmake.build-type=RelWithDebInfo -Cinstall.strip=false \
  -Ccmake.define.FASTMLP_SANITIZE="$what" -Cbuild-dir="$work/build"
echo "== built after $SECONDS s"

# A report ends the process; -s, since a sanitizer writes to stderr whatever pytest captures.
check() { # a table of kernels, then arguments of pytest
  local isa=$1
  shift
  (cd "$work" && LD_PRELOAD="$preload" FASTMLP_ISA="$isa" "$work/venv/bin/python" \
    -m pytest -c "$root/pyproject.toml" --rootdir "$root" -p no:cacheprovider -q -s "$@")
  echo "== $isa: clean after $SECONDS s"
}

files() { for name in "$@"; do find "$root/tests" -name "test_$name.py"; done; }
here=$PWD
absolute() { for word in "$@"; do if [ -e "$here/$word" ]; then echo "$here/$word"; else echo "$word"; fi; done; }

tables=$("$CXX" --version >/dev/null && LD_PRELOAD="$preload" "$work/venv/bin/python" -c \
  "from fastmlp import _core; print(*_core.available_isas())")
best=${tables##* }
if [ $# -gt 0 ]; then
  mapfile -t asked < <(absolute "$@")
  check "$best" "${asked[@]}"
elif [ "$what" = thread ]; then
  # Wider loads and stores are checked in part only.
  check baseline $(files "${runtime[@]}")
else
  check "$best" $(files "${kernels[@]}" "${models[@]}")
  for isa in $tables; do check "$isa" $(files "${runtime[@]}"); done
fi
