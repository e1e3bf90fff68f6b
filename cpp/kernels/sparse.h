// C = ψ(A·B) where A lists the elements that are not zero: rows of B, scaled and added up. Every
// element of C is one chain of fma over the elements of its row of A in the order of the list. If
// they ascend, it has the bits of gemm, which adds exact zeros besides.
#pragma once

#include "kernels/gemm.h"

namespace fastmlp::FASTMLP_ISA {

constexpr int sparse_vectors = 8;  // of a row of C, in registers: as many chains as fma needs
constexpr Index sparse_rows = 16;  // of C before the epilogue
constexpr Index sparse_ahead = 4;  // rows of B, which lie anywhere, fetched before they are needed

// Rows [i0, i0 + rows) of A times `vectors` vectors of columns from B, the last with `last`
// columns. `start`: null, or where the sums start from.
template <class T, int vectors, bool partial>
__attribute__((noinline)) void sparse_tile(const SparseRows<T>& a, Index i0, Index rows, const T* B,
                                           Index b_rs, Index last, const T* start, Index ld_start,
                                           T* out, Index ld_out) {
  constexpr int w = width<T>, line = 64 / int(sizeof(T));
  const T* const values = a.values;
  const std::int32_t* const columns = a.columns;
  for (Index i = 0; i < rows; ++i, out += ld_out) {
    const Index end = a.begins[i0 + i + 1];
    Vec<T> acc[vectors] = {};
    if (start) {
      FASTMLP_UNROLL
      for (int v = 0; v < vectors; ++v) {
        const T* s = start + i * ld_start + v * w;
        acc[v] = partial && v + 1 == vectors ? load_first(s, last) : load(s);
      }
    }
    for (Index k = a.begins[i0 + i]; k < end; ++k) {
      const T* b = B + columns[k] * b_rs;
      const T* next = B + columns[k + sparse_ahead < end ? k + sparse_ahead : k] * b_rs;
      const Vec<T> value = splat(values[k]);
      FASTMLP_UNROLL
      for (int v = 0; v < vectors; ++v) {
        const Vec<T> row =
            partial && v + 1 == vectors ? load_first(b + v * w, last) : load(b + v * w);
        acc[v] = fma(value, row, acc[v]);
      }
      FASTMLP_UNROLL
      for (int j = 0; j < vectors * w; j += line) __builtin_prefetch(next + j);
    }
    FASTMLP_UNROLL
    for (int v = 0; v < vectors; ++v) {
      if (partial && v + 1 == vectors)
        store_first(out + v * w, acc[v], last);
      else
        store(out + v * w, acc[v]);
    }
  }
}

template <class T, int vectors>
FASTMLP_INLINE auto choose_sparse_tile(Index n) -> decltype(&sparse_tile<T, 1, true>) {
  if constexpr (vectors > 1) {
    if (n <= (vectors - 1) * width<T>) return choose_sparse_tile<T, vectors - 1>(n);
  }
  return n == vectors * width<T> ? sparse_tile<T, vectors, false> : sparse_tile<T, vectors, true>;
}

template <class T>
void sparse_gemm(const SparseRows<T>& a, const Gemm<T>& g) {
  constexpr Index panel = sparse_vectors * width<T>;
  alignas(64) T sums[sparse_rows * panel];  // of a block, while C may still hold u
  if (g.b_sums) sum_rows(g.K, g.N, g.B, g.b_rs, g.b_sums, g.accumulate);
  for (Index i0 = 0; i0 < g.M; i0 += sparse_rows) {
    const Index rows = smaller(g.M - i0, sparse_rows);
    for (Index j0 = 0; j0 < g.N; j0 += panel) {
      const Index n = smaller(g.N - j0, panel);
      T* const c = g.C + i0 * g.ldc + j0;
      T* const out = g.u ? sums : c;
      const Index ld_out = g.u ? panel : g.ldc, last = (n - 1) % width<T> + 1;
      const T* const start = g.accumulate ? c : g.bias ? g.bias + j0 : nullptr;
      choose_sparse_tile<T, sparse_vectors>(n)(a, i0, rows, g.B + j0, g.b_rs, last, start,
                                               g.accumulate ? g.ldc : 0, out, ld_out);
      finish(g, i0, j0, rows, n, out, ld_out);
    }
  }
}

}  // namespace fastmlp::FASTMLP_ISA
