// Normalization: of rows by their own mean and deviation, of columns by those of the batch. What is
// summed a second time is what the first mean has left, so that a large mean cancels nothing and
// its own rounding is made good.
#pragma once

#include "kernels/reduce.h"
#include "kernels/shapes.h"

namespace fastmlp::FASTMLP_ISA {

// The lanes that count, the others 0.
template <class T>
FASTMLP_INLINE Vec<T> only(Vec<T> v, Index count) {
  return count == width<T> ? v : first_lanes<T>(count) ? v : Vec<T>{};
}

template <class T>
FASTMLP_INLINE T inverse_root(T variance, T epsilon) {
  return T(1) / sqrt(splat(variance + epsilon))[0];
}

// h = ((x − mean) − rest)·inverse. y = h·scale + offset.
template <class T>
void normalize_rows(Index rows, Index columns, const T* x, Index ldx, T epsilon, bool centered,
                    const T* scale, const T* offset, T* y, Index ldy, T* h, Index ldh) {
  const T n = T(columns);
  for (Index i = 0; i < rows; ++i, x += ldx, y += ldy, h += h ? ldh : 0) {
    const T mean = centered ? sum(columns, x) / n : T(0);
    Vec<T> sums{}, squares{}, more_sums{}, more_squares{};
    for_row<T>(columns, [&](Index j, Index count) {
      const Vec<T> d = only<T>(load_part(x + j, count) - mean, count);
      if (j & width<T>) {
        more_sums += d, more_squares = fma(d, d, more_squares);
      } else {
        sums += d, squares = fma(d, d, squares);
      }
    });
    const T rest = centered ? sum_lanes<T>(sums + more_sums) / n : T(0);
    const T variance = sum_lanes<T>(squares + more_squares) / n - rest * rest;
    const T inverse = inverse_root(variance, epsilon);
    for_row<T>(columns, [&](Index j, Index count) {
      Vec<T> v = ((load_part(x + j, count) - mean) - rest) * inverse;
      if (h) store_part(h + j, v, count);
      if (scale) v = v * load_part(scale + j, count);
      if (offset) v = v + load_part(offset + j, count);
      store_part(y + j, v, count);
    });
  }
}

// y = (g − mean g − h·mean(g∘h))·inverse with g = bar·scale.
template <class T>
void normalize_rows_message(Index rows, Index columns, const T* bar, Index ldbar, const T* x,
                            Index ldx, const T* scale, T epsilon, bool centered, T* y, Index ldy) {
  const T n = T(columns);
  for (Index i = 0; i < rows; ++i, bar += ldbar, x += ldx, y += ldy) {
    const auto g = [=](Index j, Index count) {
      const Vec<T> b = load_part(bar + j, count);
      return scale ? b * load_part(scale + j, count) : b;
    };
    T mean = 0, signal = 0;
    if (centered) {
      Vec<T> s{}, t{};
      for_row<T>(columns, [&](Index j, Index count) {
        s += load_part(x + j, count);
        t += g(j, count);
      });
      mean = sum_lanes<T>(s) / n, signal = sum_lanes<T>(t) / n;
    }
    Vec<T> sums{}, squares{}, products{};
    for_row<T>(columns, [&](Index j, Index count) {
      const Vec<T> d = only<T>(load_part(x + j, count) - mean, count);
      sums += d, squares = fma(d, d, squares), products = fma(d, g(j, count), products);
    });
    const T rest = centered ? sum_lanes<T>(sums) / n : T(0);
    const T variance = sum_lanes<T>(squares) / n - rest * rest;
    const T inverse = inverse_root(variance, epsilon);
    const T along = (sum_lanes<T>(products) / n - rest * signal) * inverse;  // mean(g∘h)
    for_row<T>(columns, [&](Index j, Index count) {
      const Vec<T> h = ((load_part(x + j, count) - mean) - rest) * inverse;
      store_part(y + j, ((g(j, count) - signal) - h * along) * inverse, count);
    });
  }
}

// Up to this many vectors of columns are worked on at once.
constexpr int norm_vectors = 4;

// f(first, count) for panels of columns, `count` of them.
template <class T, class F>
FASTMLP_INLINE void for_panels(Index columns, F f) {
  constexpr Index most = norm_vectors * width<T>;
  for (Index j = 0; j < columns; j += most) f(j, columns - j < most ? columns - j : most);
}

// Of each column mean and variance; the caller cuts columns among threads.
template <class T>
void column_moments(Index rows, Index columns, const T* x, Index ldx, bool centered, T* mean,
                    T* variance) {
  constexpr int w = width<T>;
  const T n = T(rows);
  for_panels<T>(columns, [&](Index first, Index size) {
    const T* const panel = x + first;
    Vec<T> m[norm_vectors] = {}, sums[norm_vectors] = {}, squares[norm_vectors] = {};
    const auto count = [=](int v) {
      const Index left = size - v * w;
      return left < w ? (left > 0 ? left : 0) : Index(w);
    };
    for (Index i = 0; centered && i < rows; ++i) {
      FASTMLP_UNROLL
      for (int v = 0; v < norm_vectors; ++v)
        if (v * w < size) m[v] += load_part(panel + i * ldx + v * w, count(v));
    }
    FASTMLP_UNROLL
    for (int v = 0; v < norm_vectors; ++v) m[v] = m[v] / n;
    for (Index i = 0; i < rows; ++i) {
      FASTMLP_UNROLL
      for (int v = 0; v < norm_vectors; ++v) {
        if (v * w >= size) continue;
        const Vec<T> d = load_part(panel + i * ldx + v * w, count(v)) - m[v];
        sums[v] += d, squares[v] = fma(d, d, squares[v]);
      }
    }
    FASTMLP_UNROLL
    for (int v = 0; v < norm_vectors; ++v) {
      if (v * w >= size) continue;
      const Vec<T> rest = centered ? sums[v] / n : Vec<T>{};
      const Vec<T> found = squares[v] / n - rest * rest;
      store_part(mean + first + v * w, m[v] + rest, count(v));
      store_part(variance + first + v * w, found, count(v));
    }
  });
}

// f(first, count, inverse) for blocks of columns with their 1/√(variance + ε), which a whole block
// of rows then reads: rows are read in order.
template <class T, class F>
FASTMLP_INLINE void for_blocks(Index columns, const T* variance, T epsilon, F f) {
  constexpr Index most = 1024;
  alignas(64) T inverse[most];
  for (Index first = 0; first < columns; first += most) {
    const Index count = columns - first < most ? columns - first : most;
    for_row<T>(count, [&](Index j, Index n) {
      const Vec<T> v = load_part(variance + first + j, n);
      store_part(inverse + j, T(1) / sqrt(v + epsilon), n);
    });
    f(first, count, static_cast<const T*>(inverse));
  }
}

// h = (x − mean)/√(variance + ε) by columns; y = h·scale + offset.
template <class T>
void standardize(Index rows, Index columns, const T* x, Index ldx, const T* mean, const T* variance,
                 T epsilon, const T* scale, const T* offset, T* y, Index ldy, T* h, Index ldh) {
  for_blocks(columns, variance, epsilon, [&](Index first, Index count, const T* inverse) {
    for (Index i = 0; i < rows; ++i) {
      for_row<T>(count, [&](Index b, Index n) {
        const Index j = first + b;
        Vec<T> v =
            (load_part(x + i * ldx + j, n) - load_part(mean + j, n)) * load_part(inverse + b, n);
        if (h) store_part(h + i * ldh + j, v, n);
        if (scale) v = v * load_part(scale + j, n);
        if (offset) v = v + load_part(offset + j, n);
        store_part(y + i * ldy + j, v, n);
      });
    }
  });
}

// y = (bar − mean bar − h·mean(bar∘h))/√(variance + ε) by columns.
template <class T>
void normalize_columns_message(Index rows, Index columns, const T* bar, Index ldbar, const T* h,
                               Index ldh, const T* variance, T epsilon, const T* bar_mean,
                               const T* along, T* y, Index ldy) {
  for_blocks(columns, variance, epsilon, [&](Index first, Index count, const T* inverse) {
    for (Index i = 0; i < rows; ++i) {
      for_row<T>(count, [&](Index b, Index n) {
        const Index j = first + b;
        const Vec<T> rest = load_part(bar + i * ldbar + j, n) - load_part(bar_mean + j, n);
        const Vec<T> u = load_part(h + i * ldh + j, n) * load_part(along + j, n);
        store_part(y + i * ldy + j, (rest - u) * load_part(inverse + b, n), n);
      });
    }
  });
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
