// Sums in an order that depends on the shape alone, and the largest of a row.
#pragma once

#include "kernels/simd.h"

namespace fastmlp::FASTMLP_ISA {

// Σ term(i), from i to n: four vectors of partial sums, added pairwise at the end.
template <class T, class Term>
FASTMLP_INLINE Vec<T> sum_block(Index i, Index n, Term term) {
  constexpr int w = width<T>;
  Vec<T> s[4] = {};
  for (; i + 4 * w <= n; i += 4 * w) {
    FASTMLP_UNROLL
    for (int u = 0; u < 4; ++u) s[u] = term(s[u], i + u * w, Index(w));
  }
  for (int u = 0; i < n; i += w, ++u) s[u] = term(s[u], i, n - i < w ? n - i : Index(w));
  return (s[0] + s[1]) + (s[2] + s[3]);
}

// Σ term(i), i < n. Long sums are sums of blocks: in a single chain the roundings of equal numbers
// of float32 add up to a thousandth in ten million terms.
template <class T, class Term>
FASTMLP_INLINE T sum_terms(Index n, Term term) {
  constexpr Index block = 1024 * width<T>;
  Vec<T> total = sum_block<T>(0, n < block ? n : block, term);
  for (Index i = block; i < n; i += block)
    total += sum_block<T>(i, n - i < block ? n : i + block, term);
  return sum_lanes<T>(total);
}

template <class T>
T sum(Index n, const T* x) {
  return sum_terms<T>(n, [=](Vec<T> s, Index i, Index count) {
    return s + (count == width<T> ? load(x + i) : load_first(x + i, count));
  });
}

template <class T>
T dot(Index n, const T* a, const T* b) {
  return sum_terms<T>(n, [=](Vec<T> s, Index i, Index count) {
    return count == width<T> ? fma(load(a + i), load(b + i), s)
                             : fma(load_first(a + i, count), load_first(b + i, count), s);
  });
}

// The elements of a matrix with gaps between its rows, one row after the other, asked for in order.
template <class T>
class Gapped {
 public:
  Gapped(const T* x, Index columns, Index ld) : x_(x), columns_(columns), ld_(ld) {}

  // The next `count` elements, at most a vector of them, and zeros.
  FASTMLP_INLINE Vec<T> next(Index count) {
    if (count == width<T> && column_ + count < columns_) {
      column_ += count;
      return load(x_ + row_ + column_ - count);
    }
    T here[width<T>] = {};
    for (Index i = 0; i < count; ++i) {
      here[i] = x_[row_ + column_];
      if (++column_ == columns_) {
        column_ = 0;
        row_ += ld_;
      }
    }
    return load(here);
  }

 private:
  const T* x_;
  Index columns_, ld_, row_ = 0, column_ = 0;  // where the row begins, and the column in it
};

// Matrices with gaps are summed as those without: the order is that of one long row.
template <class T>
T sum_matrix(Index rows, Index columns, const T* x, Index ldx) {
  if (ldx == columns) return sum(rows * columns, x);
  Gapped<T> each(x, columns, ldx);
  return sum_terms<T>(rows * columns,
                      [&](Vec<T> s, Index, Index count) { return s + each.next(count); });
}

template <class T>
T dot_matrix(Index rows, Index columns, const T* a, Index lda, const T* b, Index ldb) {
  if (lda == columns && ldb == columns) return dot(rows * columns, a, b);
  Gapped<T> of_a(a, columns, lda), of_b(b, columns, ldb);
  return sum_terms<T>(rows * columns, [&](Vec<T> s, Index, Index count) {
    return fma(of_a.next(count), of_b.next(count), s);
  });
}

// Columns [0, vectors·width) of sum_rows, the last vector holding `last` columns.
template <class T, int vectors>
FASTMLP_INLINE void sum_rows_panel(Index rows, const T* x, Index ldx, T* y, bool accumulate,
                                   Index last) {
  constexpr int w = width<T>;
  Vec<T> s[vectors] = {};
  if (accumulate) {
    FASTMLP_UNROLL
    for (int v = 0; v < vectors; ++v)
      s[v] = v + 1 < vectors ? load(y + v * w) : load_first(y + v * w, last);
  }
  for (Index i = 0; i < rows; ++i, x += ldx) {
    FASTMLP_UNROLL
    for (int v = 0; v < vectors; ++v)
      s[v] += v + 1 < vectors ? load(x + v * w) : load_first(x + v * w, last);
  }
  FASTMLP_UNROLL
  for (int v = 0; v < vectors; ++v) {
    if (v + 1 < vectors)
      store(y + v * w, s[v]);
    else
      store_first(y + v * w, s[v], last);
  }
}

// Eight vectors of columns, or as many as are left: fewer at once would wait for their few chains.
template <class T, int vectors = 8>
FASTMLP_INLINE void sum_rows_panels(Index rows, Index columns, const T* x, Index ldx, T* y,
                                    bool accumulate) {
  constexpr int w = width<T>;
  for (; columns > (vectors - 1) * w; columns -= vectors * w, x += vectors * w, y += vectors * w)
    sum_rows_panel<T, vectors>(rows, x, ldx, y, accumulate,
                               columns < vectors * w ? columns - (vectors - 1) * w : Index(w));
  if constexpr (vectors > 1)
    if (columns > 0) sum_rows_panels<T, vectors / 2>(rows, columns, x, ldx, y, accumulate);
}

template <class T>
void sum_rows(Index rows, Index columns, const T* x, Index ldx, T* y, bool accumulate) {
  sum_rows_panels(rows, columns, x, ldx, y, accumulate);
}

template <class T>
void sum_columns(Index rows, Index columns, const T* x, Index ldx, T* y, Index y_rs) {
  for (Index i = 0; i < rows; ++i) y[i * y_rs] = sum(columns, x + i * ldx);
}

template <class T>
T largest(Index n, const T* x) {
  constexpr int w = width<T>;
  const Vec<T> least = splat(-T(__builtin_inf()));
  Vec<T> m = least;
  Index j = 0;
  for (; j + w <= n; j += w) m = maximum(m, load(x + j));
  if (j < n) m = maximum(m, first_lanes<T>(n - j) ? load_first(x + j, n - j) : least);
  return max_lanes<T>(m);
}

// The first NaN counts as the largest, as in NumPy.
template <class T>
void argmax(Index rows, Index columns, const T* x, Index ldx, T* y) {
  for (Index i = 0; i < rows; ++i, x += ldx) {
    Index best = 0;
    for (Index j = 1; j < columns; ++j)
      if (!(x[j] <= x[best]) && x[best] == x[best]) best = j;
    y[i] = T(best);
  }
}

}  // namespace fastmlp::FASTMLP_ISA
