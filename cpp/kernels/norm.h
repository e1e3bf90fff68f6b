// Normalization: of rows by their own mean and deviation, of columns by those of the batch. What is
// summed a second time is what the first mean has left, so that a large mean cancels nothing and
// its own rounding is made good.
#pragma once

#include "kernels/reduce.h"
#include "kernels/shapes.h"

namespace fastmlp::FASTMLP_ISA {

template <int n>
struct Number {
  static constexpr int value = n;
};

// The lanes that count, the others 0.
template <class T>
FASTMLP_INLINE Vec<T> only(Vec<T> v, Index count) {
  return count == width<T> ? v : first_lanes<T>(count) ? v : Vec<T>{};
}

// Rows that are worked on together: the sums of one wait for one another, those of several do not,
// and what belongs to columns is loaded once.
constexpr int norm_rows = vector_bytes == 64 ? 4 : 2;

// Several rows at once look random to a processor that would else fetch memory ahead by itself.
template <class T>
FASTMLP_INLINE void prefetch(const T* p) {
  __builtin_prefetch(p);
}

// f(row, number) for groups of norm_rows rows, then one by one for the rest. Of each row the same
// is computed in either.
template <class F>
FASTMLP_INLINE void for_groups(Index rows, F f) {
  Index i = 0;
  for (; i + norm_rows <= rows; i += norm_rows) f(i, Number<norm_rows>{});
  for (; i < rows; ++i) f(i, Number<1>{});
}

// Σ of the lanes of each of R vectors, added as by sum_lanes, in rounds they share; of vector i it
// stands in lane i·width/R.
template <class T, int R>
FASTMLP_INLINE Vec<T> sums_of_lanes(const Vec<T> (&v)[R]) {
  static_assert(R == 1 || R == 2 || R == 4, "pairs of pairs");
  const auto join = [](Vec<T> a, Vec<T> b) {
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

// Of R rows, each in lanes of its own: mean + rest is the mean, inverse 1/√(variance + ε).
template <class T>
struct RowMoments {
  Vec<T> mean, rest, inverse;
};

// also(i, j, count, d) sees every d = x − mean, in the order of a row, after again() said that a
// pass over the rows begins. Their means are first those of their first columns. Where the true one
// is so far from it that the squares would lose digits, a second pass takes what the first found.
template <class T, int R, class Again, class Also>
FASTMLP_INLINE RowMoments<T> row_moments(Index columns, const T* x, Index ldx, T epsilon,
                                         bool centered, Again again, Also also) {
  const T n = T(columns);
  RowMoments<T> m{};
  if (centered) {
    const Index count = columns < width<T> ? columns : Index(width<T>);
    Vec<T> first[R];
    FASTMLP_UNROLL
    for (int i = 0; i < R; ++i) first[i] = load_part(x + i * ldx, count);
    m.mean = sums_of_lanes<T>(first) / T(count);
  }
  Vec<T> variance{};
  for (int pass = 0; pass < 2; ++pass) {
    Vec<T> means[R], sums[R] = {}, squares[R] = {};
    spread_rows<T>(m.mean, means);
    again();
    for_row<T>(columns, [&](Index j, Index count) {
      FASTMLP_UNROLL
      for (int i = 0; i < R; ++i) {
        const T* const here = x + i * ldx + j;
        prefetch(here + R * ldx);
        const Vec<T> d = only<T>(load_part(here, count) - means[i], count);
        sums[i] += d, squares[i] = fma(d, d, squares[i]);
        also(i, j, count, d);
      }
    });
    if (centered) m.rest = sums_of_lanes<T>(sums) / n;
    const Vec<T> square = m.rest * m.rest;
    variance = greatest(Vec<T>{}, sums_of_lanes<T>(squares) / n - square);
    const IntVec<T> far = square > T(4) * variance;
    if (pass > 0 || !any_row<T, R>(far)) break;
    m.mean = far ? m.mean + m.rest : m.mean;
  }
  m.inverse = T(1) / sqrt(variance + epsilon);
  return m;
}

// h = (x − mean − rest)·inverse. y = h·scale + offset.
template <class T>
void normalize_rows(Index rows, Index columns, const T* x, Index ldx, T epsilon, bool centered,
                    const T* scale, const T* offset, T* y, Index ldy, T* h, Index ldh) {
  for_groups(rows, [&](Index first, auto number) {
    constexpr int R = number.value;
    const T* const group = x + first * ldx;
    const auto m = row_moments<T, R>(
        columns, group, ldx, epsilon, centered, [] {}, [](int, Index, Index, Vec<T>) {});
    Vec<T> means[R], inverses[R], rests[R];
    spread_rows<T>(m.mean, means), spread_rows<T>(m.inverse, inverses);
    spread_rows<T>(-(m.rest * m.inverse), rests);
    for_row<T>(columns, [&](Index j, Index count) {
      const Vec<T> gain = scale ? load_part(scale + j, count) : Vec<T>{};
      const Vec<T> shift = offset ? load_part(offset + j, count) : Vec<T>{};
      FASTMLP_UNROLL
      for (int i = 0; i < R; ++i) {
        Vec<T> v = load_part(group + i * ldx + j, count);
        v = fma(v - means[i], inverses[i], rests[i]);
        if (h) store_part(h + (first + i) * ldh + j, v, count);
        if (scale) v = v * gain;
        if (offset) v = v + shift;
        store_part(y + (first + i) * ldy + j, v, count);
      }
    });
  });
}

// y = (g − mean g − h·mean(g∘h))·inverse with g = bar·scale; sums Σ bar∘h, then Σ bar.
template <class T>
void normalize_rows_message(Index rows, Index columns, const T* bar, Index ldbar, const T* x,
                            Index ldx, const T* scale, T epsilon, bool centered, T* y, Index ldy,
                            T* sums, bool accumulate) {
  const T n = T(columns);
  T* const products = sums;
  T* const totals = sums ? sums + columns : nullptr;
  if (sums && !accumulate) fill(1, 2 * columns, T(0), sums, 2 * columns);
  for_groups(rows, [&](Index first, auto number) {
    constexpr int R = number.value;
    const T *const group = x + first * ldx, *const bars = bar + first * ldbar;
    Vec<T> signals[R], alongs[R];
    const auto m = row_moments<T, R>(
        columns, group, ldx, epsilon, centered,
        [&] {
          FASTMLP_UNROLL
          for (int i = 0; i < R; ++i) signals[i] = alongs[i] = Vec<T>{};
        },
        [&](int i, Index j, Index count, Vec<T> d) {
          const T* const here = bars + i * ldbar + j;
          prefetch(here + R * ldbar);
          Vec<T> g = load_part(here, count);
          if (scale) g = g * load_part(scale + j, count);
          signals[i] += g, alongs[i] = fma(d, g, alongs[i]);
        });
    const Vec<T> signal = sums_of_lanes<T>(signals) / n;  // mean g
    const Vec<T> along = (sums_of_lanes<T>(alongs) / n - m.rest * signal) * m.inverse;
    Vec<T> means[R], inverses[R], rests[R];
    spread_rows<T>(m.mean, means), spread_rows<T>(m.inverse, inverses);
    spread_rows<T>(-(m.rest * m.inverse), rests);
    spread_rows<T>(centered ? -(signal * m.inverse) : Vec<T>{}, signals);
    spread_rows<T>(-(along * m.inverse), alongs);
    for_row<T>(columns, [&](Index j, Index count) {
      const Vec<T> gain = scale ? load_part(scale + j, count) : Vec<T>{};
      Vec<T> product = sums ? load_part(products + j, count) : Vec<T>{};
      Vec<T> total = sums ? load_part(totals + j, count) : Vec<T>{};
      FASTMLP_UNROLL
      for (int i = 0; i < R; ++i) {
        const Vec<T> b = load_part(bars + i * ldbar + j, count);
        const Vec<T> d = load_part(group + i * ldx + j, count) - means[i];
        const Vec<T> h = fma(d, inverses[i], rests[i]), g = scale ? b * gain : b;
        product = fma(b, h, product), total += b;
        const Vec<T> v = fma(h, alongs[i], fma(g, inverses[i], signals[i]));
        store_part(y + (first + i) * ldy + j, v, count);
      }
      if (sums) store_part(products + j, product, count), store_part(totals + j, total, count);
    });
  });
}

// Up to this many vectors of columns are worked on at once.
constexpr int norm_vectors = 4;

// Columns whose numbers of their own stand on the stack.
constexpr Index norm_columns = 1024;

template <class F>
FASTMLP_INLINE void for_blocks(Index columns, F f) {
  for (Index first = 0; first < columns; first += norm_columns)
    f(first, columns - first < norm_columns ? columns - first : norm_columns);
}

// f(j, count, number) for groups of so many whole vectors, then one by one for the rest.
template <class T, class F>
FASTMLP_INLINE void for_many_vectors(Index columns, F f) {
  constexpr Index w = width<T>;
  Index j = 0;
  for (; j + norm_vectors * w <= columns; j += norm_vectors * w) f(j, w, Number<norm_vectors>{});
  for (; j < columns; j += w) f(j, columns - j < w ? columns - j : w, Number<1>{});
}

// Of each column mean and variance; the caller cuts columns among threads. Rows are read once: each
// block of them has a mean and a sum of squares of its own, which join those before (Chan, Golub,
// LeVeque 1983). Means are kept as differences from that of the first block.
template <class T>
void column_moments(Index rows, Index columns, const T* x, Index ldx, bool centered, T* mean,
                    T* variance) {
  constexpr Index most = 32;
  const T n = T(rows);
  fill(1, columns, T(0), mean, columns);
  fill(1, columns, T(0), variance, columns);
  for_blocks(columns, [&](Index start, Index columns_of_block) {
    alignas(64) T pivots[norm_columns];
    for (Index i = 0; i < rows; i += most) {
      const Index m = rows - i < most ? rows - i : most;
      const T share = T(m) / T(i + m), weight = T(i) * share;
      for_many_vectors<T>(columns_of_block, [&](Index b, Index count, auto number) {
        constexpr int V = number.value, w = width<T>;
        const T* const rows_of_block = x + i * ldx + start + b;
        Vec<T> own[V] = {}, sums[V] = {}, squares[V] = {};
        for (Index k = 0; centered && k < m; ++k) {
          FASTMLP_UNROLL
          for (int v = 0; v < V; ++v) own[v] += load_part(rows_of_block + k * ldx + v * w, count);
        }
        FASTMLP_UNROLL
        for (int v = 0; v < V; ++v) own[v] = own[v] / T(m);
        for (Index k = 0; k < m; ++k) {
          FASTMLP_UNROLL
          for (int v = 0; v < V; ++v) {
            const Vec<T> d = load_part(rows_of_block + k * ldx + v * w, count) - own[v];
            sums[v] += d, squares[v] = fma(d, d, squares[v]);
          }
        }
        FASTMLP_UNROLL
        for (int v = 0; v < V; ++v) {
          T *const pivot = pivots + b + v * w, *const middle = mean + start + b + v * w;
          T* const total = variance + start + b + v * w;
          if (i == 0) store_part(pivot, own[v], count);
          const Vec<T> rest = centered ? sums[v] / T(m) : Vec<T>{}, old = load_part(middle, count);
          const Vec<T> step = ((own[v] - load_part(pivot, count)) + rest) - old;
          const Vec<T> within = squares[v] - T(m) * rest * rest;
          store_part(middle, fma(step, splat(share), old), count);
          store_part(total, load_part(total, count) + fma(step * step, splat(weight), within),
                     count);
        }
      });
    }
    for_row<T>(columns_of_block, [&](Index b, Index count) {
      const Index j = start + b;
      store_part(mean + j, load_part(pivots + b, count) + load_part(mean + j, count), count);
      store_part(variance + j, load_part(variance + j, count) / n, count);
    });
  });
}

template <class T>
FASTMLP_INLINE Vec<T> inverse_roots(const T* variance, T epsilon, Index count) {
  return T(1) / sqrt(load_part(variance, count) + epsilon);
}

// h = (x − mean)/√(variance + ε) by columns; y = h·scale + offset.
template <class T>
void standardize(Index rows, Index columns, const T* x, Index ldx, const T* mean, const T* variance,
                 T epsilon, const T* scale, const T* offset, T* y, Index ldy, T* h, Index ldh) {
  for_blocks(columns, [&](Index start, Index columns_of_block) {
    alignas(64) T inverses[norm_columns];
    for_row<T>(columns_of_block, [&](Index b, Index count) {
      store_part(inverses + b, inverse_roots(variance + start + b, epsilon, count), count);
    });
    for (Index i = 0; i < rows; ++i) {
      for_row<T>(columns_of_block, [&](Index b, Index count) {
        const Index j = start + b;
        Vec<T> v = load_part(x + i * ldx + j, count) - load_part(mean + j, count);
        v = v * load_part(inverses + b, count);
        if (h) store_part(h + i * ldh + j, v, count);
        if (scale) v = v * load_part(scale + j, count);
        if (offset) v = v + load_part(offset + j, count);
        store_part(y + i * ldy + j, v, count);
      });
    }
  });
}

// Σ bar∘h and Σ bar of each column, h = (x − mean)/√(variance + ε).
template <class T>
void standard_sums(Index rows, Index columns, const T* bar, Index ldbar, const T* x, Index ldx,
                   const T* mean, const T* variance, T epsilon, T* products, T* totals) {
  fill(1, columns, T(0), products, columns);
  fill(1, columns, T(0), totals, columns);
  for_groups(rows, [&](Index first, auto number) {
    for_row<T>(columns, [&](Index j, Index count) {
      const Vec<T> middle = load_part(mean + j, count);
      Vec<T> product = load_part(products + j, count), total = load_part(totals + j, count);
      FASTMLP_UNROLL
      for (Index i = first; i < first + number.value; ++i) {
        const Vec<T> b = load_part(bar + i * ldbar + j, count);
        product = fma(b, load_part(x + i * ldx + j, count) - middle, product), total += b;
      }
      store_part(products + j, product, count), store_part(totals + j, total, count);
    });
  });
  for_row<T>(columns, [&](Index j, Index count) {
    const Vec<T> inverse = inverse_roots(variance + j, epsilon, count);
    store_part(products + j, load_part(products + j, count) * inverse, count);
  });
}

// y = (bar − total·share − h·product·share)·scale/√(variance + ε) by columns.
template <class T>
void normalize_columns_message(Index rows, Index columns, const T* bar, Index ldbar, const T* x,
                               Index ldx, const T* mean, const T* variance, const T* scale,
                               T epsilon, bool centered, const T* products, const T* totals,
                               T share, T* y, Index ldy) {
  for_blocks(columns, [&](Index start, Index columns_of_block) {
    alignas(64) T signals[norm_columns], alongs[norm_columns], factors[norm_columns];
    for_row<T>(columns_of_block, [&](Index b, Index count) {
      const Index j = start + b;
      const Vec<T> inverse = inverse_roots(variance + j, epsilon, count);
      store_part(signals + b, centered ? load_part(totals + j, count) * share : Vec<T>{}, count);
      store_part(alongs + b, load_part(products + j, count) * share * inverse, count);
      store_part(factors + b, scale ? inverse * load_part(scale + j, count) : inverse, count);
    });
    for (Index i = 0; i < rows; ++i) {
      for_row<T>(columns_of_block, [&](Index b, Index count) {
        const Index j = start + b;
        const Vec<T> d = load_part(x + i * ldx + j, count) - load_part(mean + j, count);
        const Vec<T> rest = load_part(bar + i * ldbar + j, count) - load_part(signals + b, count);
        const Vec<T> v = fma(-d, load_part(alongs + b, count), rest);
        store_part(y + i * ldy + j, v * load_part(factors + b, count), count);
      });
    }
  });
}

// f(first, count) for panels of columns, `count` of them.
template <class T, class F>
FASTMLP_INLINE void for_panels(Index columns, F f) {
  constexpr Index most = norm_vectors * width<T>;
  for (Index j = 0; j < columns; j += most) f(j, columns - j < most ? columns - j : most);
}

// y_j (+)= Σ_i a_ij·b_ij, i ascending, each product rounded as if it had been stored.
template <class T>
void dot_rows(Index rows, Index columns, const T* a, Index lda, const T* b, Index ldb, T* y,
              bool accumulate) {
  constexpr int w = width<T>;
  for_panels<T>(columns, [&](Index first, Index size) {
    Vec<T> s[norm_vectors] = {};
    const auto count = [=](int v) {
      const Index left = size - v * w;
      return left < w ? left : Index(w);
    };
    if (accumulate) {
      FASTMLP_UNROLL
      for (int v = 0; v < norm_vectors; ++v)
        if (v * w < size) s[v] = load_part(y + first + v * w, count(v));
    }
    for (Index i = 0; i < rows; ++i) {
      FASTMLP_UNROLL
      for (int v = 0; v < norm_vectors; ++v) {
        if (v * w >= size) continue;
        const Index j = first + v * w;
        s[v] += load_part(a + i * lda + j, count(v)) * load_part(b + i * ldb + j, count(v));
      }
    }
    FASTMLP_UNROLL
    for (int v = 0; v < norm_vectors; ++v)
      if (v * w < size) store_part(y + first + v * w, s[v], count(v));
  });
}

}  // namespace fastmlp::FASTMLP_ISA
