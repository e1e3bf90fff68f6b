// Products of a few rows, bound by reading B: its rows are read from begin to end, some at a time,
// as the prefetcher likes it, while all of C stays in the first-level cache. Tiles would jump from
// row to row, and where these lie a multiple of half a page apart drive out what they fetch ahead.
#pragma once

#include "kernels/finish.h"
#include "kernels/groups.h"
#include "kernels/tile.h"

namespace fastmlp::FASTMLP_ISA {

constexpr Index few_rows = 4;  // at once
// Columns of C at once: a page of each row of B.
template <class T>
constexpr Index few_columns = 4096 / Index(sizeof(T));

// Rows of B at once: so many that their factors stay in registers.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int few_terms(int) { return 4; }
#else
constexpr int few_terms(int rows) { return rows <= 2 ? 4 : 2; }
#endif

// c += a·b for `rows` rows of c and `terms` rows of b, of n elements each.
template <class T, int rows, int terms>
FASTMLP_INLINE void add_rows(Index n, const T* a, Index a_rs, Index a_cs, const T* b, Index b_rs,
                             T* c, Index ldc) {
  Vec<T> factors[rows][terms];
  FASTMLP_UNROLL
  for (int i = 0; i < rows; ++i) {
    FASTMLP_UNROLL
    for (int k = 0; k < terms; ++k) factors[i][k] = splat(a[i * a_rs + k * a_cs]);
  }
  for_row<T>(n, [&](Index j, Index count) FASTMLP_INLINED {
    Vec<T> row[terms];
    FASTMLP_UNROLL
    for (int k = 0; k < terms; ++k) row[k] = load_part(b + k * b_rs + j, count);
    FASTMLP_UNROLL
    for (int i = 0; i < rows; ++i) {
      Vec<T> sum = load_part(c + i * ldc + j, count);
      FASTMLP_UNROLL
      for (int k = 0; k < terms; ++k) sum = fma(factors[i][k], row[k], sum);
      store_part(c + i * ldc + j, sum, count);
    }
  });
}

// Rows [first, first + rows) of C. The sums wait far from one another, and from what is read of B,
// within their pages: processors take a load for one of what was just stored as far into another
// page, and make it wait.
template <class T, int rows>
void multiply_rows(const Gemm<T>& g, Index first) {
  constexpr int terms = few_terms(rows);
  constexpr Index line = 64 / Index(sizeof(T)), page = 64 * line;
  constexpr Index ld = few_columns<T> + (rows == 2 ? 32 : 16) * line;
  alignas(64) T room[rows * ld + page];
  const auto lines = [](const T* p) { return reinterpret_cast<std::uintptr_t>(p) / 64; };
  T* const sums = room + Index((lines(g.B) + 12 - lines(room)) % 64) * line;
  for (Index j = 0; j < g.N; j += few_columns<T>) {
    const Index n = smaller(g.N - j, few_columns<T>);
    T* const c = g.C + first * g.ldc + j;
    for (Index i = 0; i < rows; ++i)
      for (Index q = 0; q < n; ++q)
        sums[i * ld + q] = g.accumulate ? c[i * g.ldc + q] : g.bias ? g.bias[j + q] : T(0);
    const T *a = g.A + first * g.a_rs, *b = g.B + j;
    Index k = g.K;
    for (; k >= terms; k -= terms, a += terms * g.a_cs, b += terms * g.b_rs)
      add_rows<T, rows, terms>(n, a, g.a_rs, g.a_cs, b, g.b_rs, sums, ld);
    for (; k > 0; --k, a += g.a_cs, b += g.b_rs)
      add_rows<T, rows, 1>(n, a, g.a_rs, g.a_cs, b, g.b_rs, sums, ld);
    finish(g, first, j, rows, n, sums, ld);
    if (!g.u && g.forward == Activation::identity) copy(rows, n, sums, ld, c, g.ldc);
  }
}

// Whether this is faster than tiles, which hold several times as many rows and read B once for
// them: for one or two rows, and where rows of B are far apart as long as these are fewer than a
// tile has, or tiles have few.
template <class T>
FASTMLP_INLINE bool has_few_rows(const Gemm<T>& g) {
  constexpr Index most_far = tile_rows < 8 ? 4 * few_rows : few_rows;
  const bool far = g.b_rs * Index(sizeof(T)) % 2048 == 0;
  return g.b_cs == 1 && g.N >= 16 * width<T> && g.K >= 8 && g.M <= (far ? most_far : 2);
}

// Whether rows of A share the sets of the first-level cache, and drive each other out; columns as
// far apart as that lie on pages of their own.
template <class T>
FASTMLP_INLINE bool is_a_far(const Gemm<T>& g) {
  constexpr Index size = sizeof(T);
  return g.a_cs == 1 ? g.a_rs * size % 2048 == 0 : g.a_cs * size >= 2048 && g.K > 32;
}

// No more rows than a tile has, and few columns: to look for blocks and packing would take as long
// as the product. Of one or two rows, long sums of many columns are better swept.
template <class T>
FASTMLP_INLINE bool is_few_tiles(const Gemm<T>& g) {
  if (g.M > tile_rows || g.b_cs != 1 || g.u == g.C || (g.a_rs != 1 && g.a_cs != 1)) return false;
  if (g.N > 4 * vectors_for(g.M) * width<T>) return false;
  if (g.M <= 2 && g.K > 16 && has_few_rows(g)) return false;
  return g.M == 1 || (g.K * Index(sizeof(T)) <= kBlockBytes && !is_a_far(g));
}

template <class T>
void multiply_tiles(const Gemm<T>& g) {
  const Index columns = vectors_for(g.M) * width<T>;
  const bool fused = in_registers(g);
  for (Index j = 0; j < g.N; j += columns) {
    const Index n = smaller(g.N - j, columns);
    Tile<T> t{g.K, g.A, g.a_rs, g.a_cs, g.B + j, g.b_rs, g.C + j, g.ldc, nullptr, 0};
    if (g.accumulate)
      t.start = t.C, t.ld_start = g.ldc;
    else if (g.bias)
      t.start = g.bias + j;
    if (fused) {
      t.relu = g.forward == Activation::relu;
      t.message = g.u;
      if (g.u) t.u = g.u + j, t.ldu = g.ldu;
      if (g.addend) t.addend = g.addend + j, t.ld_addend = g.ld_addend, t.factor = g.factor;
    }
    run_tile(g.M, n, t);
    if (!fused) finish(g, 0, j, g.M, n, t.C, g.ldc);
  }
}

template <class T>
void multiply_few(const Gemm<T>& g) {
  for (Index i = 0; i < g.M; i += few_rows) {
    const Index rows = smaller(g.M - i, few_rows);
    (rows == 1   ? multiply_rows<T, 1>
     : rows == 2 ? multiply_rows<T, 2>
     : rows == 3 ? multiply_rows<T, 3>
                 : multiply_rows<T, 4>)(g, i);
  }
}

}  // namespace fastmlp::FASTMLP_ISA
