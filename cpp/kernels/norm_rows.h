// Normalization of rows by their own mean and deviation. What is summed a second time is what the
// first mean has left, so that a large mean cancels nothing and its own rounding is made good.
//
// A row is read twice: for its sums, then, out of a cache, for what is made of it. Sums become
// numbers in long chains of shuffles, a root and a quotient, which several rows share and which the
// sums of the next rows hide.
#pragma once

#include "kernels/groups.h"

namespace fastmlp::FASTMLP_ISA {

// Rows that are worked on together.
constexpr int norm_rows = vector_bytes == 64 ? 4 : 2;

// Groups of norm_rows rows stay in the first-level cache while the next are measured if a row has
// up to so many bytes, forward and in the message, which spares longer sums more. Of rows beyond
// the last, scale and offset leave that cache.
constexpr Index narrow_bytes = 1536, narrow_message_bytes = 2048, wide_bytes = 8192;

// The lanes that count, the others 0.
template <class T>
FASTMLP_INLINE Vec<T> only(Vec<T> v, Index count) {
  return count == width<T> ? v : first_lanes<T>(count) ? v : Vec<T>{};
}

// Σ of the lanes of each of R vectors, added as by sum_lanes, in rounds they share; of vector i it
// stands in lane i·width/R.
template <class T, int R>
FASTMLP_INLINE Vec<T> sums_of_lanes(const Vec<T> (&v)[R]) {
  static_assert(R == 1 || R == 2 || R == 4, "pairs of pairs");
  const auto join = [](Vec<T> a, Vec<T> b) FASTMLP_INLINED {
    Vec<T> low, high;
    interleave(a, b, low, high);
    return low + high;
  };
  Vec<T> all = v[0];
  if constexpr (R > 1) all = join(v[0], v[R / 2]);
  if constexpr (R > 2) all = join(all, join(v[1], v[3]));
  FASTMLP_UNROLL
  for (int n = width<T> / R; n > 1; n /= 2) all = join(all, all);
  return all;
}

// The number of each row that sums_of_lanes has left.
template <class T, int R>
FASTMLP_INLINE void spread_rows(Vec<T> all, Vec<T> (&rows)[R]) {
  FASTMLP_UNROLL
  for (int i = 0; i < R; ++i) rows[i] = splat(all[i * (width<T> / R)]);
}

template <class T, int R>
FASTMLP_INLINE bool any_row(IntVec<T> of_rows) {
  typename Types<T>::Int any = 0;
  FASTMLP_UNROLL
  for (int i = 0; i < R; ++i) any |= of_rows[i * (width<T> / R)];
  return any;
}

// S sums over a row in two chains each: add(s, j, count) adds what the vector at column j gives.
template <class T, int S, class Add>
FASTMLP_INLINE void sum_row(Index columns, Vec<T> (&sums)[S], Add add) {
  constexpr Index w = width<T>;
  Vec<T> even[S] = {}, odd[S] = {};
  Index j = 0;
  for (; j + 2 * w <= columns; j += 2 * w) add(even, j, w), add(odd, j + w, w);
  if (j < columns) add(even, j, columns - j < w ? columns - j : w);
  if (j + w < columns) add(odd, j + w, columns - j - w);
  FASTMLP_UNROLL
  for (int k = 0; k < S; ++k) sums[k] = even[k] + odd[k];
}

// Of R rows: mean + rest is the mean, inverse 1/√(variance + ε). But for the first, each row's
// number is in lanes of its own, as are those of the sums that were asked for.
template <class T, int R, int S>
struct RowMoments {
  Vec<T> mean[R], rest, inverse, sums[S];
};

// add(i, mean, s, j, count) adds to s[0] … s[S−1] what the vector at column j of row i gives;
// s[S − 2] and s[S − 1] are the sums of d = x − mean and of d². Means are first those of four
// columns. Where the true one is so far from it that the squares would lose digits, a second pass
// takes what the first found.
template <class T, int R, int S, class Add>
FASTMLP_INLINE RowMoments<T, R, S> row_moments(Index columns, const T* x, Index ldx, T epsilon,
                                               bool centered, Add add) {
  const T share = T(1) / T(columns);
  const Index quarter = columns / 4;
  RowMoments<T, R, S> m{};
  FASTMLP_UNROLL
  for (int i = 0; i < R; ++i) {
    const T* const row = x + i * ldx;
    if (centered)
      m.mean[i] =
          splat(T(0.25) * ((row[0] + row[quarter]) + (row[2 * quarter] + row[3 * quarter])));
  }
  Vec<T> variance{};
  for (int pass = 0; pass < 2; ++pass) {
    Vec<T> sums[S][R];
    FASTMLP_UNROLL
    for (int i = 0; i < R; ++i) {
      Vec<T> row[S];
      const Vec<T> mean = m.mean[i];
      sum_row<T>(columns, row, [&](Vec<T>(&s)[S], Index j, Index count) FASTMLP_INLINED {
        add(i, mean, s, j, count);
      });
      FASTMLP_UNROLL
      for (int k = 0; k < S; ++k) sums[k][i] = row[k];
    }
    FASTMLP_UNROLL
    for (int k = 0; k < S; ++k) m.sums[k] = sums_of_lanes<T>(sums[k]);
    if (centered) m.rest = m.sums[S - 2] * share;
    const Vec<T> square = m.rest * m.rest;
    variance = greatest(Vec<T>{}, m.sums[S - 1] * share - square);
    const IntVec<T> far = square > T(4) * variance;
    if (pass > 0 || !any_row<T, R>(far)) break;
    FASTMLP_UNROLL
    for (int i = 0; i < R; ++i) {
      const int lane = i * (width<T> / R);
      if (far[lane]) m.mean[i] += splat(m.rest[lane]);
    }
  }
  m.inverse = T(1) / sqrt(variance + epsilon);
  return m;
}

// measure(row, number) and write(row, number, measured) of groups of R rows, then one by one of the
// rest. If `ahead`, a group is written after the next has been measured. Of each row the same is
// computed in any group.
template <int R, bool ahead, class Measure, class Write>
FASTMLP_INLINE void for_measured(Index begin, Index rows, Measure measure, Write write) {
  const Index end = begin + (rows - begin) / R * R;
  decltype(measure(0, Number<R>{})) last{};
  for (Index i = begin; ahead && i < end + R; i += R) {
    auto next = last;
    if (i < end) next = measure(i, Number<R>{});
    if (i > begin) write(i - R, Number<R>{}, last);
    last = next;
  }
  for (Index i = begin; !ahead && i < end; i += R) write(i, Number<R>{}, measure(i, Number<R>{}));
  if constexpr (R > 1) for_measured<1, ahead>(end, rows, measure, write);
}

// h = (x − mean − rest)·inverse. y = h·scale + offset.
template <class T>
void normalize_rows(Index rows, Index columns, const T* x, Index ldx, T epsilon, bool centered,
                    const T* scale, const T* offset, T* y, Index ldy, T* h, Index ldh) {
  const Index row_bytes = columns * Index(sizeof(T));
  const auto measure = [&](Index first, auto number) FASTMLP_INLINED {
    const T* const group = x + first * ldx;
    return row_moments<T, number.value, 2>(
        columns, group, ldx, epsilon, centered,
        [&](int i, Vec<T> mean, Vec<T>(&s)[2], Index j, Index count) FASTMLP_INLINED {
          const Vec<T> d = only<T>(load_part(group + i * ldx + j, count) - mean, count);
          s[0] += d, s[1] = fma(d, d, s[1]);
        });
  };
  const auto write = [&](Index first, auto number, const auto& m) FASTMLP_INLINED {
    constexpr int R = number.value;
    const T* const group = x + first * ldx;
    Vec<T> inverses[R], rests[R];
    spread_rows<T>(m.inverse, inverses), spread_rows<T>(-(m.rest * m.inverse), rests);
    for_row<T>(columns, [&](Index j, Index count) FASTMLP_INLINED {
      const Vec<T> gain = scale ? load_part(scale + j, count) : Vec<T>{};
      const Vec<T> shift = offset ? load_part(offset + j, count) : Vec<T>{};
      FASTMLP_UNROLL
      for (int i = 0; i < R; ++i) {
        Vec<T> v = load_part(group + i * ldx + j, count);
        v = fma(v - m.mean[i], inverses[i], rests[i]);
        if (h) store_part(h + (first + i) * ldh + j, v, count);
        if (scale) v = v * gain;
        if (offset) v = v + shift;
        store_part(y + (first + i) * ldy + j, v, count);
      }
    });
  };
  if (row_bytes <= narrow_bytes && streams<T>(rows, columns))
    for_measured<1, true>(0, rows, measure, write);
  else if (row_bytes <= narrow_bytes)
    for_measured<norm_rows, true>(0, rows, measure, write);
  else if (row_bytes <= wide_bytes)
    for_measured<1, false>(0, rows, measure, write);
  else
    for_measured<norm_rows, false>(0, rows, measure, write);
}

// Vectors of columns whose sums stay in registers.
constexpr int panel_vectors = vector_bytes == 64 ? 4 : 2;

// y = (g − mean g − h·mean(g∘h))·inverse with g = bar·scale; sums Σ bar∘h, then Σ bar.
template <class T>
void normalize_rows_message(Index rows, Index columns, const T* bar, Index ldbar, const T* x,
                            Index ldx, const T* scale, T epsilon, bool centered, T* y, Index ldy,
                            T* sums, bool accumulate) {
  const T share = T(1) / T(columns);
  T* const products = sums;
  T* const totals = sums ? sums + columns : nullptr;
  const Index row_bytes = columns * Index(sizeof(T));
  if (sums && !accumulate) fill(1, 2 * columns, T(0), sums, 2 * columns);
  const auto measure = [&](Index first, auto number) FASTMLP_INLINED {
    const T *const group = x + first * ldx, *const bars = bar + first * ldbar;
    return row_moments<T, number.value, 4>(
        columns, group, ldx, epsilon, centered,
        [&](int i, Vec<T> mean, Vec<T>(&s)[4], Index j, Index count) FASTMLP_INLINED {
          const Vec<T> d = only<T>(load_part(group + i * ldx + j, count) - mean, count);
          Vec<T> g = load_part(bars + i * ldbar + j, count);
          if (scale) g = g * load_part(scale + j, count);
          s[0] += g, s[1] = fma(d, g, s[1]);
          s[2] += d, s[3] = fma(d, d, s[3]);
        });
  };
  const auto write = [&](Index first, auto number, const auto& m) FASTMLP_INLINED {
    constexpr int R = number.value, w = width<T>;
    const T *const group = x + first * ldx, *const bars = bar + first * ldbar;
    const Vec<T> signal = m.sums[0] * share;  // mean g
    const Vec<T> along = (m.sums[1] * share - m.rest * signal) * m.inverse;
    // y = d·slope + g·inverse + level.
    alignas(64) T means[R], rests[w], inverses[w], levels[w], slopes[w];
    FASTMLP_UNROLL
    for (int i = 0; i < R; ++i) means[i] = m.mean[i][0];
    store(rests, m.rest), store(inverses, m.inverse);
    store(levels, centered ? -(signal * m.inverse) : Vec<T>{});
    store(slopes, -(along * m.inverse * m.inverse));
    for_many_vectors<T, panel_vectors>(columns, [&](Index j, Index count,
                                                    auto vectors) FASTMLP_INLINED {
      constexpr int V = vectors.value;
      Vec<T> gain[V], product[V] = {}, total[V] = {};
      FASTMLP_UNROLL
      for (int v = 0; v < V; ++v) {
        gain[v] = scale ? load_part(scale + j + v * w, count) : splat(T(1));
        if (!sums) continue;
        product[v] = load_part(products + j + v * w, count);
        total[v] = load_part(totals + j + v * w, count);
      }
      for (int i = 0; i < R; ++i) {
        const int lane = i * (w / R);
        const Vec<T> mean = splat(means[i]), rest = splat(rests[lane]);
        const Vec<T> inverse = splat(inverses[lane]), level = splat(levels[lane]);
        const Vec<T> slope = splat(slopes[lane]);
        FASTMLP_UNROLL
        for (int v = 0; v < V; ++v) {
          const Index k = j + v * w;
          const Vec<T> b = load_part(bars + i * ldbar + k, count), scaled = b * inverse;
          const Vec<T> d = (load_part(group + i * ldx + k, count) - mean) - rest;
          product[v] = fma(scaled, d, product[v]), total[v] += b;
          store_part(y + (first + i) * ldy + k, fma(scaled, gain[v], fma(d, slope, level)), count);
        }
      }
      FASTMLP_UNROLL
      for (int v = 0; v < V; ++v) {
        if (!sums) continue;
        store_part(products + j + v * w, product[v], count);
        store_part(totals + j + v * w, total[v], count);
      }
    });
  };
  if (streams<T>(rows, columns))
    for_measured<1, true>(0, rows, measure, write);
  else if (row_bytes <= narrow_message_bytes)
    for_measured<norm_rows, true>(0, rows, measure, write);
  else
    for_measured<2, false>(0, rows, measure, write);
}

}  // namespace fastmlp::FASTMLP_ISA
