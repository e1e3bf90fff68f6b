// One step on one frame, by one thread of those that share it.
#pragma once

#include "runtime/program.h"

namespace fastmlp {

template <class T>
struct View {
  T* data = nullptr;
  Index ld = 0;
};

// The rows x of a sparse feed, and xᵀ if a gradient needs it.
template <class T>
struct SparseBatch {
  SparseRows<T> rows, columns;
};

// What a list of steps sees: where each space begins and how many rows there are.
template <class T>
struct Frame {
  const Kernels<T>* kernels;
  T* batch;        // columns × capacity
  Index capacity;  // rows the batch arena has room for, a multiple of a cache line
  T* fixed;
  T* reduced;
  const T* parameters;
  const View<const T>* feeds;    // of this frame's first row
  const SparseBatch<T>* sparse;  // one for each feed, all null where the feed is dense
  const View<T>* outputs;
  Index rows;         // in this frame
  Index total_rows;   // in the batch
  Index first_row;    // of this frame within the batch
  bool accumulate;    // sums over rows add to what is there
  std::uint64_t key;  // of this run's random numbers
};

// Does thread `thread`'s part of the step. Every number is computed by one thread, in an order that
// depends on shapes alone. scratch is the thread's own.
template <class T>
void run_step(const Step& step, const Frame<T>& frame, int thread, int threads, T* scratch);

// Elements of scratch that run_step may need for a frame of `rows` rows.
template <class T>
Index scratch_size(const Program& program, const Kernels<T>& kernels, Index rows);

// SplitMix64's finalizer: the key of a run from seed and step, and from that the key of a layer.
inline std::uint64_t mix(std::uint64_t u) {
  u ^= u >> 30, u *= 0xBF58476D1CE4E5B9u;
  u ^= u >> 27, u *= 0x94D049BB133111EBu;
  return u ^ (u >> 31);
}
inline std::uint64_t run_key(std::uint64_t seed, std::uint64_t step) {
  return mix(mix(seed) + step);
}

// The part [begin, end) of n things that thread `thread` of `threads` does, in whole grains. The
// first part is the largest: run_team wants that.
struct Range {
  Index begin, end;
};
inline Range part(Index n, Index grain, int thread, int threads) {
  const Index grains = (n + grain - 1) / grain;
  const Index begin = (grains * thread + threads - 1) / threads * grain;
  const Index end = (grains * (thread + 1) + threads - 1) / threads * grain;
  return {begin < n ? begin : n, end < n ? end : n};
}

}  // namespace fastmlp
