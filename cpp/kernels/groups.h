// Loops over several rows or several vectors of columns at once.
#pragma once

#include "kernels/shapes.h"

// For lambdas: what they capture stays in registers, which no store can change.
#define FASTMLP_INLINED __attribute__((always_inline))

namespace fastmlp::FASTMLP_ISA {

// Whether a matrix is to be worked on row by row: if it comes from beyond the second-level cache.
// What the processor itself fetches ahead of a steady stream comes twice as fast as lines of
// several rows in turns, or as lines that instructions fetch into the first-level cache, which
// waits for a few at a time. Beside longer rows, sums of as many numbers leave that cache.
template <class T>
FASTMLP_INLINE bool streams(Index rows, Index columns, Index near_bytes = 512 * 1024) {
  const Index row_bytes = columns * Index(sizeof(T));
  return row_bytes <= 4096 && rows * row_bytes > near_bytes;
}

template <int n>
struct Number {
  static constexpr int value = n;
};

// f(row, number) of groups of R rows, then one by one of the rest. Of each row the same is computed
// in either.
template <int R, class F>
FASTMLP_INLINE void for_groups(Index rows, F f) {
  Index i = 0;
  for (; i + R <= rows; i += R) f(i, Number<R>{});
  for (; i < rows; ++i) f(i, Number<1>{});
}

// f(j, count, number) for groups of V whole vectors, then one by one for the rest.
template <class T, int V, class F>
FASTMLP_INLINE void for_many_vectors(Index columns, F f) {
  constexpr Index w = width<T>;
  Index j = 0;
  for (; j + V * w <= columns; j += V * w) f(j, w, Number<V>{});
  for (; j < columns; j += w) f(j, columns - j < w ? columns - j : w, Number<1>{});
}

}  // namespace fastmlp::FASTMLP_ISA
