// Normalization of columns by the mean and deviation of a batch.
#pragma once

#include "kernels/groups.h"
#include "kernels/reduce.h"

namespace fastmlp::FASTMLP_ISA {

// Columns whose numbers of their own stand on the stack.
constexpr Index norm_columns = 1024;

// Up to this many vectors of columns are worked on at once, and so many rows.
constexpr int norm_vectors = 4, sum_rows_at_once = vector_bytes == 64 ? 4 : 2;

// A matrix of more bytes is fetched ahead, or read row by row.
constexpr Index far_bytes = 1024 * 1024;

template <class F>
FASTMLP_INLINE void for_blocks(Index columns, F f) {
  for (Index first = 0; first < columns; first += norm_columns)
    f(first, columns - first < norm_columns ? columns - first : norm_columns);
}

// Of each column mean and variance; the caller cuts columns among threads. Rows are read once: each
// block of them has a mean and a sum of squares of its own, which join those before (Chan, Golub,
// LeVeque 1983). Means are kept as differences from that of the first block.
template <class T>
void column_moments(Index rows, Index columns, const T* x, Index ldx, bool centered, T* mean,
                    T* variance) {
  constexpr Index most = 32;
  const bool ahead = rows * columns * Index(sizeof(T)) > far_bytes;
  const T n = T(rows);
  fill(1, columns, T(0), mean, columns);
  fill(1, columns, T(0), variance, columns);
  for_blocks(columns, [&](Index start, Index columns_of_block) FASTMLP_INLINED {
    alignas(64) T pivots[norm_columns];
    for (Index i = 0; i < rows; i += most) {
      const Index m = rows - i < most ? rows - i : most;
      const T share = T(m) / T(i + m), weight = T(i) * share;
      for_many_vectors<T, norm_vectors>(columns_of_block, [&](Index b, Index count,
                                                              auto number) FASTMLP_INLINED {
        constexpr int V = number.value, w = width<T>;
        const T* const rows_of_block = x + i * ldx + start + b;
        Vec<T> own[V] = {}, sums[V] = {}, squares[V] = {};
        for (Index k = 0; centered && k < m; ++k) {
          FASTMLP_UNROLL
          for (int v = 0; v < V; ++v) {
            if (ahead) __builtin_prefetch(rows_of_block + (k + most) * ldx + v * w, 0, 2);
            own[v] += load_part(rows_of_block + k * ldx + v * w, count);
          }
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
    for_row<T>(columns_of_block, [&](Index b, Index count) FASTMLP_INLINED {
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
  for_blocks(columns, [&](Index start, Index columns_of_block) FASTMLP_INLINED {
    alignas(64) T inverses[norm_columns];
    for_row<T>(columns_of_block, [&](Index b, Index count) FASTMLP_INLINED {
      store_part(inverses + b, inverse_roots(variance + start + b, epsilon, count), count);
    });
    for (Index i = 0; i < rows; ++i)
      for_row<T>(columns_of_block, [&](Index b, Index count) FASTMLP_INLINED {
        const Index j = start + b;
        const Vec<T> middle = load_part(mean + j, count), inverse = load_part(inverses + b, count);
        Vec<T> v = (load_part(x + i * ldx + j, count) - middle) * inverse;
        if (h) store_part(h + i * ldh + j, v, count);
        if (scale) v = v * load_part(scale + j, count);
        if (offset) v = v + load_part(offset + j, count);
        store_part(y + i * ldy + j, v, count);
      });
  });
}

// Σ bar∘h and Σ bar of each column, h = (x − mean)/√(variance + ε).
template <class T>
void standard_sums(Index rows, Index columns, const T* bar, Index ldbar, const T* x, Index ldx,
                   const T* mean, const T* variance, T epsilon, T* products, T* totals) {
  fill(1, columns, T(0), products, columns);
  fill(1, columns, T(0), totals, columns);
  const auto add = [&](Index first, auto number) FASTMLP_INLINED {
    for_row<T>(columns, [&](Index j, Index count) FASTMLP_INLINED {
      const Vec<T> middle = load_part(mean + j, count);
      Vec<T> product = load_part(products + j, count), total = load_part(totals + j, count);
      FASTMLP_UNROLL
      for (Index i = first; i < first + number.value; ++i) {
        const Vec<T> b = load_part(bar + i * ldbar + j, count);
        product = fma(b, load_part(x + i * ldx + j, count) - middle, product), total += b;
      }
      store_part(products + j, product, count), store_part(totals + j, total, count);
    });
  };
  if (streams<T>(rows, columns, far_bytes))
    for_groups<1>(rows, add);
  else
    for_groups<sum_rows_at_once>(rows, add);
  for_row<T>(columns, [&](Index j, Index count) FASTMLP_INLINED {
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
  for_blocks(columns, [&](Index start, Index columns_of_block) FASTMLP_INLINED {
    alignas(64) T signals[norm_columns], alongs[norm_columns], factors[norm_columns];
    for_row<T>(columns_of_block, [&](Index b, Index count) FASTMLP_INLINED {
      const Index j = start + b;
      const Vec<T> inverse = inverse_roots(variance + j, epsilon, count);
      store_part(signals + b, centered ? load_part(totals + j, count) * share : Vec<T>{}, count);
      store_part(alongs + b, load_part(products + j, count) * share * inverse, count);
      store_part(factors + b, scale ? inverse * load_part(scale + j, count) : inverse, count);
    });
    for (Index i = 0; i < rows; ++i)
      for_row<T>(columns_of_block, [&](Index b, Index count) FASTMLP_INLINED {
        const Index j = start + b;
        const Vec<T> d = load_part(x + i * ldx + j, count) - load_part(mean + j, count);
        const Vec<T> rest = load_part(bar + i * ldbar + j, count) - load_part(signals + b, count);
        const Vec<T> along = load_part(alongs + b, count), factor = load_part(factors + b, count);
        store_part(y + i * ldy + j, fma(-d, along, rest) * factor, count);
      });
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
  for_panels<T>(columns, [&](Index first, Index size) FASTMLP_INLINED {
    Vec<T> s[norm_vectors] = {};
    const auto count = [=](int v) FASTMLP_INLINED {
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
