// What a step sees while it runs: buffers, the rows there are, and its thread's share of the work.
#pragma once

#include "kernels/mix.h"
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

// The key of a run; mixed with that of a layer it is the key of the layer's random numbers.
inline std::uint64_t run_key(std::uint64_t seed, std::uint64_t step) {
  return mix(mix(seed) + step);
}

// The part [begin, end) of n things that thread `thread` of `threads` does, in whole grains. The
// first part is the largest: run_team wants that.
struct Range {
  Index begin, end;
  Index size() const { return end - begin; }
};
inline Range part(Index n, Index grain, int thread, int threads) {
  const Index grains = (n + grain - 1) / grain;
  const Index begin = (grains * thread + threads - 1) / threads * grain;
  const Index end = (grains * (thread + 1) + threads - 1) / threads * grain;
  return {begin < n ? begin : n, end < n ? end : n};
}

constexpr Index kElementGrain = 2048;  // fewer elements than this are not worth sharing
template <class T>
constexpr Index kFlopGrain = 524288 / Index(sizeof(T));  // about 1.5 µs of one core

// One step on one frame, by one thread of those that share it. Every number is computed by one
// thread, in an order that depends on shapes alone.
template <class T>
struct Runner {
  const Step& step;
  const Frame<T>& frame;
  const Kernels<T>& kernels;
  const int thread;
  int threads;
  T* const scratch;  // the thread's own

  Index rows(const Ref& r) const { return r.rows_of(frame.rows); }
  Index first_row(const Ref& r) const { return r.per_example() * frame.first_row; }

  View<const T> read(const Ref& r) const {
    switch (r.space) {
      case Space::batch:
        return {frame.batch + r.offset * frame.capacity, r.columns};
      case Space::fixed:
        return {frame.fixed + r.offset, r.columns};
      case Space::reduced:
        return {frame.reduced + r.offset, r.columns};
      case Space::parameter:
        return {frame.parameters + r.offset, r.columns};
      case Space::feed:
        return frame.feeds[r.offset];
      case Space::output:
        return {frame.outputs[r.offset].data, frame.outputs[r.offset].ld};
      case Space::none:
        break;
    }
    return {};
  }

  View<T> write(const Ref& r) const {
    const View<const T> v = read(r);  // parameters and feeds are never results: the planner's rule
    return {const_cast<T*>(v.data), v.ld};
  }

  double value() const {
    const Scalar& s = step.scalar;
    return s.per_row ? s.value / double(frame.total_rows) : s.value;
  }

  // Whether sums over rows add to those of the rows before.
  bool accumulates() const { return step.section == Section::reduce && frame.accumulate; }

  bool mine(Index work, Index grain) {  // small work stays with one thread
    if (work < 2 * grain) threads = thread == 0 ? 1 : threads;
    return work >= 2 * grain || thread == 0;
  }

  // This thread's rows of n_rows × columns elements.
  Range my_rows(Index n_rows, Index columns) {
    if (!mine(n_rows * columns, kElementGrain)) return {0, 0};
    return part(n_rows, 1, thread, threads);
  }
};

}  // namespace fastmlp
