// y = xᵀ, square by square.
#pragma once

#include "kernels/simd.h"

namespace fastmlp::FASTMLP_ISA {

// Elements of a lane of 16 bytes: machines shuffle within lanes at twice the rate of whole vectors,
// and two lanes at twice the rate of four.
template <class T>
constexpr int lane = 16 / int(sizeof(T));

// Lanes<T>: one lane, or two where the machine has them. load_lanes: those at x, x + lane·ld.
// interleave_lanes: a0 b0 a1 b1 … of the first halves of each lane, and of the second halves.
#if defined(__AVX2__)
constexpr int lanes = 2;
template <class T>
struct LanesOf {
  typedef T type __attribute__((vector_size(32)));
};
template <class T>
using Lanes = typename LanesOf<T>::type;
FASTMLP_INLINE Lanes<float> load_lanes(const float* x, Index ld) {
  const __m256 low = _mm256_castps128_ps256(_mm_loadu_ps(x));
  return (Lanes<float>)_mm256_insertf128_ps(low, _mm_loadu_ps(x + lane<float> * ld), 1);
}
FASTMLP_INLINE Lanes<double> load_lanes(const double* x, Index ld) {
  const __m256d low = _mm256_castpd128_pd256(_mm_loadu_pd(x));
  return (Lanes<double>)_mm256_insertf128_pd(low, _mm_loadu_pd(x + lane<double> * ld), 1);
}
FASTMLP_INLINE void interleave_lanes(Lanes<float> a, Lanes<float> b, Lanes<float>& low,
                                     Lanes<float>& high) {
  low = (Lanes<float>)_mm256_unpacklo_ps((__m256)a, (__m256)b);
  high = (Lanes<float>)_mm256_unpackhi_ps((__m256)a, (__m256)b);
}
FASTMLP_INLINE void interleave_lanes(Lanes<double> a, Lanes<double> b, Lanes<double>& low,
                                     Lanes<double>& high) {
  low = (Lanes<double>)_mm256_unpacklo_pd((__m256d)a, (__m256d)b);
  high = (Lanes<double>)_mm256_unpackhi_pd((__m256d)a, (__m256d)b);
}
#else
constexpr int lanes = 1;
template <class T>
using Lanes = Vec<T>;
template <class T>
FASTMLP_INLINE Lanes<T> load_lanes(const T* x, Index) {
  return load(x);
}
template <class V>
FASTMLP_INLINE void interleave_lanes(V a, V b, V& low, V& high) {
  interleave(a, b, low, high);
}
#endif

template <class T>
constexpr int square = lanes * lane<T>;

// In each lane of a[r] lie elements of one row; rounds that interleave the upper with the lower
// half of the rows turn them into elements of one column.
template <class T>
FASTMLP_INLINE void transpose_square(const T* x, Index ldx, T* y, Index ldy) {
  constexpr int n = lane<T>;
  FASTMLP_UNROLL
  for (int j = 0; j < square<T>; j += n) {
    Lanes<T> a[n], b[n];
    FASTMLP_UNROLL
    for (int r = 0; r < n; ++r) a[r] = load_lanes(x + r * ldx + j, ldx);
    FASTMLP_UNROLL
    for (int left = n; left > 1; left /= 2) {
      FASTMLP_UNROLL
      for (int r = 0; r < n / 2; ++r) interleave_lanes(a[r], a[r + n / 2], b[2 * r], b[2 * r + 1]);
      FASTMLP_UNROLL
      for (int r = 0; r < n; ++r) a[r] = b[r];
    }
    FASTMLP_UNROLL
    for (int r = 0; r < n; ++r) __builtin_memcpy(y + (j + r) * ldy, &a[r], sizeof a[r]);
  }
}

// Rows or columns too few for a square. One by one: gathering and scattering them takes longer.
template <class T>
FASTMLP_INLINE void move_few(Index few, Index many, const T* x, Index x_few, Index x_many, T* y,
                             Index y_few, Index y_many) {
  for (Index i = 0; i < many; ++i, x += x_many, y += y_many) {
    FASTMLP_UNROLL
    for (int r = 0; r < square<T> - 1; ++r)
      if (r < few) y[r * y_few] = x[r * x_few];
  }
}

template <class T>
void transpose(Index rows, Index columns, const T* x, Index ldx, T* y, Index ldy) {
  constexpr int s = square<T>, line = 64 / int(sizeof(T));
  const Index m = rows / s * s, n = columns / s * s;
  // By whole cache lines of y: where rows lie far apart, a line half written is soon driven out.
  for (Index i0 = 0; i0 < m; i0 += line)
    for (Index j = 0; j < n; j += s)
      for (Index i = i0; i < m && i < i0 + line; i += s)
        transpose_square(x + i * ldx + j, ldx, y + j * ldy + i, ldy);
  if (n < columns) move_few(columns - n, m, x + n, 1, ldx, y + n * ldy, ldy, 1);
  if (m < rows) move_few(rows - m, columns, x + m * ldx, ldx, 1, y + m, 1, ldy);
}

}  // namespace fastmlp::FASTMLP_ISA
