// What moves elements, repeats them or adds them up in place.
#pragma once

#include "kernels/simd.h"

namespace fastmlp::FASTMLP_ISA {

// body(j, count) on each vector of a row of n elements, the last with the count that is left.
template <class T, class Body>
FASTMLP_INLINE void for_row(Index n, Body body) {
  constexpr Index w = width<T>;
  Index j = 0;
  for (; j + w <= n; j += w) body(j, w);
  if (j < n) body(j, n - j);
}

template <class T>
FASTMLP_INLINE Vec<T> load_part(const T* p, Index count) {
  return count == width<T> ? load(p) : load_first(p, count);
}

template <class T>
FASTMLP_INLINE void store_part(T* p, Vec<T> v, Index count) {
  count == width<T> ? store(p, v) : store_first(p, v, count);
}

template <class T>
void fill(Index rows, Index columns, T value, T* y, Index ldy) {
  for (Index i = 0; i < rows; ++i, y += ldy)
    for_row<T>(columns, [=](Index j, Index count) { store_part(y + j, splat(value), count); });
}

template <class T>
void spread(Index rows, Index columns, const T* x, Index x_rs, Index x_cs, T factor, T* y,
            Index ldy) {
  for (Index i = 0; i < rows; ++i, x += x_rs, y += ldy) {
    const Vec<T> first = splat(factor * *x);
    for_row<T>(columns, [=](Index j, Index count) {
      store_part(y + j, x_cs ? factor * load_part(x + j, count) : first, count);
    });
  }
}

template <class T>
void add_scaled(Index rows, Index columns, const T* a, Index lda, const T* b, Index ldb, T factor,
                T* y, Index ldy) {
  for (Index i = 0; i < rows; ++i, a += lda, b += ldb, y += ldy)
    for_row<T>(columns, [=](Index j, Index count) {
      store_part(y + j, load_part(a + j, count) + factor * load_part(b + j, count), count);
    });
}

// The column that a number names, −1 if there is no such column.
template <class T>
FASTMLP_INLINE Index column(T index, Index columns) {
  return index >= T(0) && index < T(columns) ? Index(index) : -1;
}

template <class T>
void pick(Index rows, Index columns, const T* x, Index ldx, const T* index, Index ld_index, T* y,
          Index y_rs) {
  for (Index i = 0; i < rows; ++i) {
    const Index j = column(index[i * ld_index], columns);
    y[i * y_rs] = j < 0 ? T(__builtin_nan("")) : x[i * ldx + j];
  }
}

template <class T>
void scatter(Index rows, Index columns, const T* x, Index x_rs, const T* index, Index ld_index,
             T* y, Index ldy) {
  fill(rows, columns, T(0), y, ldy);
  for (Index i = 0; i < rows; ++i) {
    const Index j = column(index[i * ld_index], columns);
    if (j >= 0) y[i * ldy + j] = x[i * x_rs];
  }
}

template <class T>
void take_rows(Index rows, Index columns, const T* table, Index ld_table, Index categories,
               const T* index, Index ld_index, T* y, Index ldy) {
  for (Index i = 0; i < rows; ++i) {
    const Index j = column(index[i * ld_index], categories);
    if (j < 0) {
      fill(1, columns, T(__builtin_nan("")), y + i * ldy, ldy);
    } else {
      const T* row = table + j * ld_table;
      for (Index k = 0; k < columns; ++k) y[i * ldy + k] = row[k];
    }
  }
}

template <class T>
void add_rows(Index rows, Index columns, const T* x, Index ldx, const T* index, Index ld_index,
              T* table, Index ld_table, Index begin, Index end) {
  for (Index i = 0; i < rows; ++i) {
    const Index j = column(index[i * ld_index], end);
    if (j < begin) continue;
    T* row = table + j * ld_table;
    for (Index k = 0; k < columns; ++k) row[k] += x[i * ldx + k];
  }
}

}  // namespace fastmlp::FASTMLP_ISA
