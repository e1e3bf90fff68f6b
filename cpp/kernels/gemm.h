// C = ψ(A·B): a tile of C in registers, A and B read where they lie.
//
// Every element of C is one chain of fma over ascending k, whatever the tile it falls into, the
// blocks K is cut into (C holds the chain in between) and the part of C the caller asks for. So the
// choices below are free: they change speed, never bits.
#pragma once

#include "kernels/elementwise.h"
#include "kernels/reduce.h"

namespace fastmlp::FASTMLP_ISA {

// The register tile: rows × (vectors·width) of C.
#if defined(__AVX512F__)
constexpr int tile_rows = 14, tile_vectors = 2;  // 28 accumulators, 2 of B, 1 of A: 31 of 32
#elif defined(__AVX2__)
constexpr int tile_rows = 6, tile_vectors = 2;  // 12 accumulators of 16
#elif defined(__aarch64__)
constexpr int tile_rows = 8, tile_vectors = 2;  // 16 accumulators of 32
#else
constexpr int tile_rows = 4,
              tile_vectors = 2;  // 8 accumulators of 16; products take a register too
#endif
template <class T>
constexpr Index tile_columns = tile_vectors * width<T>;

// Blocks: a panel of B (block_k × tile_columns) and a block of A (block_m × block_k) stay in cache.
constexpr Index block_k = 1024, block_m = 30 * tile_rows;

template <class T>
struct Tile {
  Index K;
  const T* A;
  Index a_rs, a_cs;
  const T* B;
  Index b_rs;
  T* C;
  Index ldc;
  Index last;       // columns in the last vector
  bool accumulate;  // start from C instead of 0
};

// The microkernel. Rows of A are addressed in threes from one pointer, so that 14 of them take 5
// registers and the row stride: the address modes of x86 hold base + {0, 1, 2}·stride.
template <class T, int rows, int vectors, bool partial, bool unit_rows>
__attribute__((noinline)) void run_tile(const Tile<T>& t) {
  constexpr int w = width<T>, groups = (rows + 2) / 3;
  const Index last = t.last, rs = t.a_rs, cs = t.a_cs, b_rs = t.b_rs;
  Vec<T> acc[rows][vectors] = {};
  if (t.accumulate) {
    FASTMLP_UNROLL
    for (int i = 0; i < rows; ++i) {
      FASTMLP_UNROLL
      for (int v = 0; v < vectors; ++v) {
        const T* c = t.C + i * t.ldc + v * w;
        acc[i][v] = partial && v + 1 == vectors ? load_first(c, last) : load(c);
      }
    }
  }
  const T* a[groups];
  FASTMLP_UNROLL
  for (int g = 0; g < groups; ++g) a[g] = t.A + 3 * g * rs;
  const T* b = t.B;
  for (Index k = t.K; k > 0; --k) {
    Vec<T> row_of_b[vectors];
    FASTMLP_UNROLL
    for (int v = 0; v < vectors; ++v)
      row_of_b[v] = partial && v + 1 == vectors ? load_first(b + v * w, last) : load(b + v * w);
    FASTMLP_UNROLL
    for (int i = 0; i < rows; ++i) {
      const Vec<T> a_i = splat(unit_rows ? a[0][i] : a[i / 3][i % 3 * rs]);
      FASTMLP_UNROLL
      for (int v = 0; v < vectors; ++v) acc[i][v] = fma(a_i, row_of_b[v], acc[i][v]);
    }
    FASTMLP_UNROLL
    for (int g = 0; g < groups; ++g) a[g] += cs;
    b += b_rs;
  }
  FASTMLP_UNROLL
  for (int i = 0; i < rows; ++i) {
    FASTMLP_UNROLL
    for (int v = 0; v < vectors; ++v) {
      T* c = t.C + i * t.ldc + v * w;
      if (partial && v + 1 == vectors)
        store_first(c, acc[i][v], last);
      else
        store(c, acc[i][v]);
    }
  }
}

template <class T, int rows, int vectors, bool partial, bool unit_rows>
FASTMLP_INLINE void choose_rows(Index r, const Tile<T>& t) {
  if constexpr (rows > 1) {
    if (r < rows) return choose_rows<T, rows - 1, vectors, partial, unit_rows>(r, t);
  }
  run_tile<T, rows, vectors, partial, unit_rows>(t);
}

// A tile of r rows and n columns.
template <class T>
void run_tile(Index r, Index n, Tile<T> t) {
  constexpr int w = width<T>, m = tile_rows;
  const bool unit = t.a_rs == 1;
  if (n == tile_columns<T>) {
    t.last = w;
    return unit ? choose_rows<T, m, 2, false, true>(r, t)
                : choose_rows<T, m, 2, false, false>(r, t);
  }
  if (n > w) {
    t.last = n - w;
    return unit ? choose_rows<T, m, 2, true, true>(r, t) : choose_rows<T, m, 2, true, false>(r, t);
  }
  t.last = n;
  return unit ? choose_rows<T, m, 1, true, true>(r, t) : choose_rows<T, m, 1, true, false>(r, t);
}

// What follows the sum, on a tile just written: c = φ(s + bias), and c = s·φ'(h).
template <class T, template <class> class F>
void finish_forward(Index rows, Index columns, const T* s, Index lds, const T* bias, T* c,
                    Index ldc) {
  constexpr int w = width<T>;
  for (Index i = 0; i < rows; ++i, s += lds, c += ldc) {
    for (Index j = 0; j < columns; j += w) {
      const Index n = columns - j;
      if (n >= w) {
        const Vec<T> x = load(s + j);
        store(c + j, F<T>::at(bias ? x + load(bias + j) : x, T(0)));
      } else {
        const Vec<T> x = load_first(s + j, n);
        store_first(c + j, F<T>::at(bias ? x + load_first(bias + j, n) : x, T(0)), n);
      }
    }
  }
}

template <class T>
constexpr decltype(&finish_forward<T, unary::identity>) forwards[] = {
    finish_forward<T, unary::identity>, finish_forward<T, unary::relu>,
    finish_forward<T, unary::softplus>, finish_forward<T, unary::threshold>,
    finish_forward<T, unary::logistic>, finish_forward<T, unary::tanh>};
template <class T>
constexpr decltype(&zip<T, binary::identity_message>) messages[] = {
    zip<T, binary::identity_message>, zip<T, binary::relu_message>,
    zip<T, binary::softplus_message>, zip<T, binary::threshold_message>,
    zip<T, binary::logistic_message>, zip<T, binary::tanh_message>};

// From the sums s of rows × columns elements of C, at (i, j), to C itself. s may be C.
template <class T>
FASTMLP_INLINE void finish(const Gemm<T>& g, Index i, Index j, Index rows, Index columns, T* s,
                           Index lds) {
  T* c = g.C + i * g.ldc + j;
  const bool forward = g.bias || g.forward != Activation::identity;
  if (!g.h) {
    if (forward || s != c)
      forwards<T>[int(g.forward)](rows, columns, s, lds, g.bias ? g.bias + j : nullptr, c, g.ldc);
    return;
  }
  if (forward)
    forwards<T>[int(g.forward)](rows, columns, s, lds, g.bias ? g.bias + j : nullptr, s, lds);
  messages<T>[int(g.derivative)](rows, columns, s, lds, 1, g.h + i* g.ldh + j, g.ldh, 1, c, g.ldc);
}

// Rows [0, K) of columns [0, n) of B, B being stored transposed.
template <class T>
void pack_transposed(Index K, Index n, const T* B, Index b_cs, T* packed) {
  constexpr Index w = tile_columns<T>;
  transpose(n, K, B, b_cs, packed, w);
}

// Cuts n into the fewest equal blocks of at most `most`, each but the last a multiple of `unit`.
FASTMLP_INLINE Index even_block(Index n, Index most, Index unit) {
  if (n <= most) return n > 0 ? n : 1;
  const Index blocks = (n + most - 1) / most;
  return ((n + blocks - 1) / blocks + unit - 1) / unit * unit;
}

// One panel: `m` rows from i0, `n` ≤ tile_columns columns from j0, `kc` terms from k0.
template <class T>
FASTMLP_INLINE void run_panel(const Gemm<T>& g, Index i0, Index m, Index j0, Index n, Index k0,
                              Index kc, bool last_block, const T* B, Index b_rs, T* out,
                              Index ld_out, bool accumulate) {
  const Index r = even_block(m, tile_rows, 1);
  for (Index i = 0; i < m; i += r) {
    const Index rows = m - i < r ? m - i : r;
    T* c = out + i * ld_out;
    run_tile<T>(rows, n,
                {kc, g.A + (i0 + i) * g.a_rs + k0 * g.a_cs, g.a_rs, g.a_cs, B, b_rs, c, ld_out, 0,
                 accumulate});
    if (last_block) finish(g, i0 + i, j0, rows, n, c, ld_out);
  }
}

template <class T>
Index gemm_scratch(Index M, Index, Index K) {
  const Index k = K < block_k ? K : block_k, m = M < block_m ? M : block_m;
  return (k + m) * tile_columns<T>;
}

template <class T>
void gemm(const Gemm<T>& g, T* scratch) {
  constexpr Index w = tile_columns<T>;
  const bool transposed = g.b_cs != 1;
  // Partial sums cannot wait in C while C still holds h.
  const bool in_place = g.h == g.C;
  T* const packed = scratch;
  T* const sums = scratch + (g.K < block_k ? g.K : block_k) * w;
  const Index mc = even_block(g.M, block_m, tile_rows), kc = even_block(g.K, block_k, 1);
  const Index k_blocks = g.K > 0 ? (g.K + kc - 1) / kc : 1, panels = (g.N + w - 1) / w;

  if (g.b_sums && !transposed) sum_rows(g.K, g.N, g.B, g.b_rs, g.b_sums, g.accumulate);
  for (Index i0 = 0; i0 < g.M; i0 += mc) {
    const Index m = g.M - i0 < mc ? g.M - i0 : mc;
    for (Index step = 0; step < k_blocks * panels; ++step) {
      // A block of A serves all panels of B, unless the sums of a panel need all blocks at once.
      const Index kb = in_place ? step % k_blocks : step / panels;
      const Index panel = in_place ? step / k_blocks : step % panels;
      const Index k0 = kb * kc, k = g.K - k0 < kc ? g.K - k0 : kc;
      const Index j0 = panel * w, n = g.N - j0 < w ? g.N - j0 : w;
      const T* B = g.B + k0 * g.b_rs + j0 * g.b_cs;
      Index b_rs = g.b_rs;
      if (transposed) {
        pack_transposed(k, n, B, g.b_cs, packed);
        if (g.b_sums && i0 == 0) sum_rows(k, n, packed, w, g.b_sums + j0, g.accumulate || kb > 0);
        B = packed, b_rs = w;
      }
      T* out = in_place ? sums : g.C + i0 * g.ldc + j0;
      const Index ld_out = in_place ? w : g.ldc;
      bool accumulate = kb > 0;
      if (kb == 0 && g.accumulate) {
        accumulate = true;
        if (in_place)
          finish_forward<T, unary::identity>(m, n, g.C + i0 * g.ldc + j0, g.ldc, nullptr, sums, w);
      }
      run_panel(g, i0, m, j0, n, k0, k, kb + 1 == k_blocks, B, b_rs, out, ld_out, accumulate);
    }
  }
}

}  // namespace fastmlp::FASTMLP_ISA
