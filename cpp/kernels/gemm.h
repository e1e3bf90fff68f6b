// C = ψ(A·B). A and B are read where they lie, unless their strides would spoil the caches; then
// blocks of them are copied into the caller's scratch first.
//
// Every element of C is one chain of fma over ascending k, whatever the tile it falls into, the
// blocks K is cut into (C holds the chain in between) and the part of C the caller asks for. So the
// choices below are free: they change speed, never bits.
#pragma once

#include "kernels/few.h"
#include "kernels/finish.h"
#include "kernels/reduce.h"
#include "kernels/tile.h"
#include "kernels/transpose.h"

namespace fastmlp::FASTMLP_ISA {

// A block of A (block_m × block_k) fills half of a 2 MB second-level cache; panels of B stream
// through the first-level one. 280 is a multiple of 14, 8 and 4.
template <class T>
constexpr Index block_k = kBlockBytes / Index(sizeof(T));
constexpr Index block_m = 280 / tile_rows * tile_rows;

// From one row of a packed block of A to the next: an odd number of whole vectors.
template <class T>
FASTMLP_INLINE Index packed_row(Index k) {
  return ((k / width<T> + 1) | 1) * width<T>;
}

// Columns of B packed at once: its rows are then read in runs of a page, and every block of A finds
// them in the second-level cache.
template <class T>
constexpr Index slab_columns = 4096 / Index(sizeof(T));

// Cuts n into the fewest equal blocks of at most `most`, rounded up to a multiple of `unit`.
FASTMLP_INLINE Index even_block(Index n, Index most, Index unit) {
  if (n <= most) return n > 0 ? n : 1;
  const Index blocks = (n + most - 1) / most;
  return ((n + blocks - 1) / blocks + unit - 1) / unit * unit;
}

// Whether vectors of rows of whole cache lines lie across two of them, each loaded twice. Others
// are multiplied faster than they are copied.
template <class T>
FASTMLP_INLINE bool splits_lines(const T* row) {
  return vector_bytes < 64 || reinterpret_cast<std::uintptr_t>(row) % 64 != 0;
}

// How one call cuts and packs its operands.
template <class T>
struct Blocking {
  Index m, k, tile, columns;  // rows and terms of a block, rows of a tile, columns of a panel
  Index slab;                 // columns of B packed at once
  Index k_blocks;
  bool pack_a, pack_b, in_place;
  bool tile_packs;  // the first tile of a panel packs B while it multiplies
};

template <class T>
FASTMLP_INLINE Blocking<T> blocking(const Gemm<T>& g) {
  constexpr Index size = sizeof(T);
  Blocking<T> p;
  p.m = even_block(g.M, block_m, tile_rows);
  p.k = even_block(g.K, block_k<T>, 1);
  p.tile = even_block(p.m, tile_rows, 1);
  // The vectorised transpose writes narrow panels faster.
  p.columns = g.b_cs == 1 ? vectors_for(g.M) * width<T> : tile_columns<T>;
  p.k_blocks = g.K > p.k ? (g.K + p.k - 1) / p.k : 1;
  // What is far apart pays to be copied if it is used by more than two panels of B, or tiles of A.
  const bool a_far = is_a_far(g);
  const bool a_unit = g.a_rs == 1 || g.a_cs == 1 || g.M == 1;
  // Of each cache line of a transposed A a tile of few rows reads a part; when the next tile wants
  // the rest, long sums have driven it out of the first-level cache.
  const bool a_torn = tile_rows < 14 && g.a_cs != 1 && g.K >= 256 && g.N > 4 * p.columns;
  p.pack_a = !a_unit || (g.M > 1 && (a_torn || (a_far && g.N > 2 * p.columns)));
  const bool b_far = g.b_rs * size % 2048 == 0, b_large = g.K * g.N * size > 2 * 1024 * 1024;
  p.pack_b =
      g.b_cs != 1 || (b_far && splits_lines(g.B) && g.M > (b_large ? tile_rows : 2 * tile_rows));
  // Partial sums cannot wait in C while C still holds u.
  p.in_place = g.u == g.C;
  // Of rows so far apart, a set of the first-level cache holds eight.
  if (a_far && !p.pack_a && g.a_cs == 1 && p.tile > 8) p.tile = 8;
  p.slab = p.pack_b && g.M > p.m && !p.in_place ? even_block(g.N, slab_columns<T>, p.columns) : 0;
  p.tile_packs = p.pack_b && g.b_cs == 1 && g.M > p.tile && g.M <= p.m;
  return p;
}

// Elements of scratch for a packed block of A, a packed panel of B, and the sums of a panel.
template <class T>
struct Scratch {
  Index a, b, sums;
};

template <class T>
FASTMLP_INLINE Scratch<T> scratch_for(Index M, Index N, Index K) {
  const Index m = smaller(M, block_m), k = smaller(K, block_k<T>);
  // Panels that are packed are tile_columns wide. Sums are taken for wider ones too, of up to three
  // rows. Nothing here may shrink as M, N or K grows: callers give a part the scratch of the whole.
  const Index slab = smaller(N, slab_columns<T>) + 2 * tile_columns<T>;
  return {m * packed_row<T>(k), k * slab, (m < 6 ? 6 : m) * tile_columns<T>};
}

template <class T>
FASTMLP_INLINE Index whole_scratch(Index M, Index N, Index K) {
  const Scratch<T> s = scratch_for<T>(M, N, K);
  return s.a + s.b + s.sums;
}

// Up to this many columns of C leave most lanes of a vector empty: then Cᵀ = Bᵀ Aᵀ fills them with
// rows, `turned_rows` at a time. A is transposed already, or that pays too: the wider the vectors,
// the cheaper it is beside as many products, while what it writes stays in the first-level cache.
template <class T>
constexpr Index turned_columns = width<T> / 4;
template <class T>
constexpr Index packed_turned_columns = Index(width<T>) * turned_columns<T> / 16;
constexpr Index turned_rows = 256;
constexpr Index turned_cut = 512;  // columns at once where rows are few

// Up to this many rows of C make so little use of a transposed B that packing it takes up to half
// of the time. Where rows of C fill vectors as its columns do, Cᵀ needs no packing: it reads B as
// it lies, and is transposed itself, which long sums pay for. With 100 rows that is not faster any
// more.
constexpr Index turned_few = 64;

template <class T>
FASTMLP_INLINE bool turns_rows(const Gemm<T>& g) {
  const Index lanes = (g.M + width<T> - 1) / width<T> * width<T>;
  return g.b_rs == 1 && g.b_cs != 1 && g.a_cs == 1 && !g.b_sums && g.M <= turned_few &&
         4 * g.M >= 3 * lanes && g.N >= 64 && g.K >= 4 * g.M;
}

template <class T>
FASTMLP_INLINE bool turns(const Gemm<T>& g) {
  if (turns_rows(g)) return true;
  if (g.N > turned_columns<T> || g.M < width<T> || g.u || (g.b_sums && g.b_cs != 1)) return false;
  if (g.a_rs == 1) return g.K >= 8;
  return g.a_cs == 1 && g.N <= packed_turned_columns<T> && g.K >= 16 && g.K <= 256;
}

template <class T>
Index gemm_scratch(Index M, Index N, Index K) {
  const Index whole = whole_scratch<T>(M, N, K);
  // A part of a wide product may be narrow.
  const Index m = smaller(M, turned_rows), n = smaller(N, turned_columns<T>);
  const Index turned = n * m + whole_scratch<T>(n, m, K);
  const Index rows = smaller(M, turned_few), cut = smaller(N, turned_cut);
  const Index few = 2 * rows * cut + whole_scratch<T>(cut, rows, K);
  const Index most = turned > whole ? turned : whole;
  return few > most ? few : most;
}

// A block of A or a panel of B, in place or packed. `step`: from one tile to the next.
template <class T>
struct Operand {
  const T* data;
  Index rs, cs, step;
};

// m rows and k columns from A, row by row: of all layouts a tile reads this one fastest.
template <class T>
Operand<T> pack_a(const Gemm<T>& g, const T* A, Index m, Index k, Index tile, T* packed) {
  const Index ld = packed_row<T>(k);
  if (g.a_cs == 1) {
    copy(m, k, A, g.a_rs, packed, ld);
  } else if (g.a_rs == 1) {
    transpose(k, m, A, g.a_cs, packed, ld);
  } else {
    for (Index i = 0; i < m; ++i)
      for (Index j = 0; j < k; ++j) packed[i * ld + j] = A[i * g.a_rs + j * g.a_cs];
  }
  return {packed, ld, 1, tile * ld};
}

// k rows and n columns from B, panel after panel. Many panels are cut from each of its rows at
// once.
template <class T>
void pack_b(const Gemm<T>& g, const T* B, Index k, Index n, Index columns, T* packed) {
  constexpr Index w = width<T>;
  if (g.b_cs != 1) {
    for (Index j = 0; j < n; j += columns)
      transpose(smaller(n - j, columns), k, B + j * g.b_cs, g.b_cs, packed + j * k, columns);
    return;
  }
  const Index whole = n / columns * columns;
  for (Index i = 0; i < k; ++i, B += g.b_rs) {
    T* to = packed + i * columns;
    for (Index j = 0; j < whole; j += columns, to += k * columns)
      for (Index v = 0; v < columns; v += w) store(to + v, load(B + j + v));
    for (Index j = whole; j < n; j += w, to += w) {
      const Index last = smaller(n - j, w);
      store_first(to, load_first(B + j, last), last);
    }
  }
}

// One panel of one block: rows i0 … i0 + m, columns j0 … j0 + n, terms k0 … k0 + k.
struct Part {
  Index i0, m, j0, n, k0, k;
  bool first, last;  // of the blocks of K
};

template <class T>
FASTMLP_INLINE void run_part(const Gemm<T>& g, const Blocking<T>& p, const Part& part,
                             const Operand<T>& a, const Operand<T>& b, T* packed, T* out,
                             Index ld_out) {
  constexpr Index line = 64 / Index(sizeof(T));
  const bool more_panels = !p.pack_b && part.j0 + p.columns < g.N && part.m > 3 * p.tile;
  const T* const next_panel = g.B + part.k0 * g.b_rs + part.j0 + p.columns;
  Tile<T> t{part.k, a.data, a.rs, a.cs, b.data, b.rs, out, ld_out, nullptr, 0};
  t.packed = packed;
  if (g.accumulate || !part.first)
    t.start = out, t.ld_start = ld_out;
  else if (g.bias)
    t.start = g.bias + part.j0;
  const bool fused = part.last && in_registers(g);
  t.relu = fused && g.forward == Activation::relu;
  t.message = fused && g.u;
  if (part.last && g.u) t.u = g.u + part.i0 * g.ldu + part.j0, t.ldu = g.ldu;
  if (fused && g.addend) {
    t.addend = g.addend + part.i0 * g.ld_addend + part.j0;
    t.ld_addend = g.ld_addend, t.factor = g.factor;
  }
  for (Index i = 0, tile = 0; i < part.m; i += p.tile, ++tile) {
    const Index rows = smaller(part.m - i, p.tile);
    // The first tiles fetch the next panel of B, a column of cache lines each. Short sums would
    // spend more on fetching than they gain.
    const bool fetch = more_panels && tile * line < p.columns;
    t.ahead = fetch ? next_panel + tile * line : b.data;
    t.ahead_rs = fetch ? g.b_rs : 0;
    t.next_c = part.k >= 64 && i + p.tile < part.m ? t.C + p.tile * ld_out : nullptr;
    run_tile(rows, part.n, t);
    if (part.last && !fused) finish(g, part.i0 + i, part.j0, rows, part.n, t.C, ld_out);
    if (packed && i == 0) t.B = packed, t.b_rs = p.columns, t.packed = nullptr;
    t.A += a.step;
    t.C += p.tile * ld_out;
    t.start += p.tile * t.ld_start;
    t.u += p.tile * t.ldu;
    t.addend += p.tile * t.ld_addend;
  }
}

// The panels [j0, j0 + n) of one block of K, for the rows of one block of A.
template <class T>
struct Work {
  const Gemm<T>& g;
  Blocking<T> p;
  T *packed_a, *packed_b, *sums;

  Operand<T> block_of_a(Index i0, Index m, Index k0, Index k) const {
    const T* A = g.A + i0 * g.a_rs + k0 * g.a_cs;
    return p.pack_a ? pack_a(g, A, m, k, p.tile, packed_a)
                    : Operand<T>{A, g.a_rs, g.a_cs, p.tile * g.a_rs};
  }

  void pack_slab(Index j0, Index n, Index k0, Index k) const {
    if (p.pack_b && !p.tile_packs)
      pack_b(g, g.B + k0 * g.b_rs + j0 * g.b_cs, k, n, p.columns, packed_b);
  }

  Part part(Index i0, Index j0, Index block) const {
    const Index k0 = block * p.k;
    return {i0, smaller(g.M - i0, p.m), j0,         smaller(g.N - j0, p.columns),
            k0, smaller(g.K - k0, p.k), block == 0, block + 1 == p.k_blocks};
  }

  // The panel at j0 of the slab that begins at `slab`.
  void run(const Part& at, const Operand<T>& a, Index slab, T* out, Index ld_out) const {
    const Operand<T> b = p.pack_b && !p.tile_packs
                             ? Operand<T>{packed_b + (at.j0 - slab) * at.k, p.columns, 1, 0}
                             : Operand<T>{g.B + at.k0 * g.b_rs + at.j0, g.b_rs, 1, 0};
    if (g.b_sums && g.b_cs != 1 && at.i0 == 0)
      sum_rows(at.k, at.n, b.data, b.rs, g.b_sums + at.j0, g.accumulate || !at.first);
    run_part(g, p, at, a, b, p.tile_packs ? packed_b : nullptr, out, ld_out);
  }

  // A slab of B serves all blocks of A, and each of those all its panels.
  void by_slabs() const {
    for (Index slab = 0; slab < g.N; slab += p.slab) {
      const Index end = smaller(g.N, slab + p.slab);
      for (Index block = 0; block < p.k_blocks; ++block) {
        const Part first = part(0, slab, block);
        pack_slab(slab, end - slab, first.k0, first.k);
        for (Index i0 = 0; i0 < g.M; i0 += p.m) {
          const Operand<T> a = block_of_a(i0, smaller(g.M - i0, p.m), first.k0, first.k);
          for (Index j0 = slab; j0 < end; j0 += p.columns)
            run(part(i0, j0, block), a, slab, g.C + i0 * g.ldc + j0, g.ldc);
        }
      }
    }
  }

  // A block of A serves all panels of B, packed as they come.
  void by_blocks() const {
    for (Index i0 = 0; i0 < g.M; i0 += p.m) {
      for (Index block = 0; block < p.k_blocks; ++block) {
        const Part first = part(i0, 0, block);
        const Operand<T> a = block_of_a(i0, first.m, first.k0, first.k);
        for (Index j0 = 0; j0 < g.N; j0 += p.columns) {
          const Part at = part(i0, j0, block);
          pack_slab(j0, at.n, at.k0, at.k);
          run(at, a, j0, g.C + i0 * g.ldc + j0, g.ldc);
        }
      }
    }
  }

  // While C still holds u, partial sums wait elsewhere: a panel at a time through all of K.
  void by_panels() const {
    for (Index i0 = 0; i0 < g.M; i0 += p.m) {
      for (Index j0 = 0; j0 < g.N; j0 += p.columns) {
        for (Index block = 0; block < p.k_blocks; ++block) {
          const Part at = part(i0, j0, block);
          pack_slab(j0, at.n, at.k0, at.k);
          if (at.first && g.accumulate)
            copy(at.m, at.n, g.C + i0 * g.ldc + j0, g.ldc, sums, p.columns);
          run(at, block_of_a(i0, at.m, at.k0, at.k), j0, sums, p.columns);
        }
      }
    }
  }
};

template <class T>
void multiply(const Gemm<T>& g, T* scratch) {
  const Scratch<T> part = scratch_for<T>(g.M, g.N, g.K);
  const Work<T> work{g, blocking(g), scratch + part.b, scratch, scratch + part.a + part.b};
  if (work.p.in_place)
    work.by_panels();
  else if (work.p.slab)
    work.by_slabs();
  else
    work.by_blocks();
}

// Of rows [i, i + m) and columns [j, j + n).
template <class T>
void multiply_turned(const Gemm<T>& g, Index i, Index m, Index j, Index n, T* scratch) {
  T* const c = g.C + i * g.ldc + j;
  if (g.accumulate) {
    transpose(m, n, c, g.ldc, scratch, m);
  } else if (g.bias) {
    for (Index q = 0; q < n; ++q)
      for (Index r = 0; r < m; ++r) scratch[q * m + r] = g.bias[j + q];
  }
  const bool starts = g.accumulate || g.bias;
  T *const sums = scratch + n * m, *const rest = g.u ? sums + n * m : sums;
  multiply(Gemm<T>{n, m, g.K, g.B + j * g.b_cs, g.b_cs, g.b_rs, g.A + i * g.a_rs, g.a_cs, g.a_rs,
                   scratch, m, starts},
           rest);
  if (!g.u && !g.addend) {  // what follows fills vectors here
    if (g.forward != Activation::identity)
      forward_tiles<T>[int(g.forward)](n, m, scratch, m, scratch, m);
    transpose(n, m, scratch, m, c, g.ldc);
    return;
  }
  T* const s = g.u ? sums : c;  // C may hold u
  const Index ld = g.u ? n : g.ldc;
  transpose(n, m, scratch, m, s, ld);
  finish(g, i, j, m, n, s, ld);
}

template <class T>
void multiply_turned(const Gemm<T>& g, T* scratch) {
  for (Index i = 0; i < g.M; i += turned_rows)
    for (Index j = 0; j < g.N; j += turned_cut)
      multiply_turned(g, i, smaller(g.M - i, turned_rows), j, smaller(g.N - j, turned_cut),
                      scratch);
}

template <class T>
void gemm(const Gemm<T>& g, T* scratch) {
  if (g.b_sums && g.b_cs == 1) sum_rows(g.K, g.N, g.B, g.b_rs, g.b_sums, g.accumulate);
  if (is_few_tiles(g))
    multiply_tiles(g);
  else if (turns(g))
    multiply_turned(g, scratch);
  else if (has_few_rows(g))
    multiply_few(g);
  else
    multiply(g, scratch);
}

}  // namespace fastmlp::FASTMLP_ISA
