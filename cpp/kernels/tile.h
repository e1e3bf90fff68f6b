// The innermost part of gemm: a tile of C held in registers while k runs.
#pragma once

#include "kernels/elementwise.h"

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

// One to three rows alone would wait for their few chains of fma: they take more columns at once.
constexpr int vectors_for(Index rows) { return rows == 1 ? 8 : rows <= 3 ? 4 : tile_vectors; }

template <class T>
struct Tile {
  Index K;
  const T* A;
  Index a_rs, a_cs;  // one of them is 1
  const T* B;
  Index b_rs;
  T* C;
  Index ldc;
  const T* start;  // where the sums start from, ld_start apart; or null: from 0
  Index ld_start;
  Index last = 0;  // columns in the last vector
  const T* ahead =
      B;  // K lines, ahead_rs apart, to be fetched into the second-level cache meanwhile
  Index ahead_rs = 0;
  T* packed = nullptr;        // where to copy what is read of B, rows tile_columns apart, or null
  const T* next_c = nullptr;  // the next tile of C, to be fetched likewise
  // What becomes of the sums before they are stored: factor · addend more, relu of them, or its
  // message with h.
  const T* addend = nullptr;
  Index ld_addend = 0;
  T factor = T(1);
  bool relu = false, message = false;
  const T* u = nullptr;  // what the message reads, here or after the tile
  Index ldu = 0;
};

// Whether such a tile can copy B: the first of several that a block is cut into evenly.
template <int rows, int vectors>
constexpr bool can_pack = (2 * rows > tile_rows) && (vectors <= tile_vectors);

template <class T, int rows, int vectors, bool writes>
FASTMLP_INLINE void prefetch_tile(const T* c, Index ldc) {
  constexpr int line = 64 / int(sizeof(T)), columns = vectors * width<T>;
  FASTMLP_UNROLL
  for (int i = 0; i < rows; ++i) {
    FASTMLP_UNROLL
    for (int j = 0; j < columns; j += line) __builtin_prefetch(c + i * ldc + j, writes);
  }
}

// partial: the last vector holds t.last columns. unit_rows: a_rs is 1, else a_cs is. packs: what is
// read of B is copied to t.packed (always to look whether took 2 % of a step). Rows of A are
// addressed in threes from one pointer, so that 14 of them take 5 registers and the row stride: the
// address modes of x86 hold base + {0, 1, 2}·stride.
template <class T, int rows, int vectors, bool partial, bool unit_rows, bool packs = false>
__attribute__((noinline)) void run_tile(const Tile<T>& t) {
  constexpr int w = width<T>, groups = unit_rows ? 1 : (rows + 2) / 3;
  const Index last = t.last, ldc = t.ldc, a_rs = t.a_rs, a_cs = unit_rows ? t.a_cs : 1;
  T* const C = t.C;
  Vec<T> acc[rows][vectors] = {};
  if (t.start) {
    FASTMLP_UNROLL
    for (int i = 0; i < rows; ++i) {
      FASTMLP_UNROLL
      for (int v = 0; v < vectors; ++v) {
        const T* s = t.start + i * t.ld_start + v * w;
        acc[i][v] = partial && v + 1 == vectors ? load_first(s, last) : load(s);
      }
    }
  }
  if (t.next_c) prefetch_tile<T, rows, vectors, true>(t.next_c, ldc);
  if (t.addend) prefetch_tile<T, rows, vectors, false>(t.addend, t.ld_addend);
  if (t.u) prefetch_tile<T, rows, vectors, false>(t.u, t.ldu);

  const T* a[groups];
  FASTMLP_UNROLL
  for (int i = 0; i < groups; ++i) a[i] = t.A + 3 * i * a_rs;
  const T *b = t.B, *ahead = t.ahead;
  T* packed = t.packed;
  const Index b_rs = t.b_rs, ahead_rs = t.ahead_rs;
  for (Index k = t.K; k > 0; --k) {
    Vec<T> row_of_b[vectors];
    FASTMLP_UNROLL
    for (int v = 0; v < vectors; ++v)
      row_of_b[v] = partial && v + 1 == vectors ? load_first(b + v * w, last) : load(b + v * w);
    if (packs) {
      FASTMLP_UNROLL
      for (int v = 0; v < vectors; ++v) store(packed + v * w, row_of_b[v]);
      packed += tile_columns<T>;
    }
    FASTMLP_UNROLL
    for (int i = 0; i < rows; ++i) {
      const Vec<T> a_i = splat(unit_rows ? a[0][i] : a[i / 3][i % 3 * a_rs]);
      FASTMLP_UNROLL
      for (int v = 0; v < vectors; ++v) acc[i][v] = fma(a_i, row_of_b[v], acc[i][v]);
    }
    FASTMLP_UNROLL
    for (int i = 0; i < groups; ++i) a[i] += a_cs;
    b += b_rs;
    FASTMLP_UNROLL
    for (int v = 0; v < vectors; ++v) __builtin_prefetch(b + 8 * b_rs + v * w, 0, 3);
    __builtin_prefetch(ahead, 0, 2);
    ahead += ahead_rs;
  }

  if (t.addend) {
    FASTMLP_UNROLL
    for (int i = 0; i < rows; ++i) {
      FASTMLP_UNROLL
      for (int v = 0; v < vectors; ++v) {
        const T* x = t.addend + i * t.ld_addend + v * w;
        const bool few = partial && v + 1 == vectors;
        acc[i][v] = acc[i][v] + t.factor * (few ? load_first(x, last) : load(x));
      }
    }
  }
  if (t.relu) {
    FASTMLP_UNROLL
    for (int i = 0; i < rows; ++i) {
      FASTMLP_UNROLL
      for (int v = 0; v < vectors; ++v) acc[i][v] = unary::relu<T>::at(acc[i][v], T(0));
    }
  }
  if (t.message) {
    FASTMLP_UNROLL
    for (int i = 0; i < rows; ++i) {
      FASTMLP_UNROLL
      for (int v = 0; v < vectors; ++v) {
        const T* h = t.u + i * t.ldu + v * w;
        acc[i][v] = binary::relu_message<T>::at(
            acc[i][v], partial && v + 1 == vectors ? load_first(h, last) : load(h));
      }
    }
  }
  FASTMLP_UNROLL
  for (int i = 0; i < rows; ++i) {
    FASTMLP_UNROLL
    for (int v = 0; v < vectors; ++v) {
      T* c = C + i * ldc + v * w;
      if (partial && v + 1 == vectors)
        store_first(c, acc[i][v], last);
      else
        store(c, acc[i][v]);
    }
  }
}

// From run-time numbers of rows and columns to the instance made for them.
template <class T, int rows, int vectors, bool unit_rows>
FASTMLP_INLINE void choose_vectors(Index n, Tile<T>& t) {
  if constexpr (vectors > 1) {
    if (n <= (vectors - 1) * width<T>) return choose_vectors<T, rows, vectors - 1, unit_rows>(n, t);
  }
  t.last = n - (vectors - 1) * width<T>;
  const bool whole = vectors == vectors_for(rows) && t.last == width<T>;
  if constexpr (can_pack<rows, vectors>) {
    if (t.packed && whole) return run_tile<T, rows, vectors, false, unit_rows, true>(t);
    if (t.packed) return run_tile<T, rows, vectors, true, unit_rows, true>(t);
  }
  if (whole)
    run_tile<T, rows, vectors, false, unit_rows>(t);
  else
    run_tile<T, rows, vectors, true, unit_rows>(t);
}

template <class T, int most, bool unit_rows>
FASTMLP_INLINE void choose_rows(Index m, Index n, Tile<T>& t) {
  if constexpr (most > 1) {
    if (m < most) return choose_rows<T, most - 1, unit_rows>(m, n, t);
  }
  choose_vectors<T, most, vectors_for(most), unit_rows>(n, t);
}

// m ≤ tile_rows rows, n columns: at most tile_columns, or width·vectors_for(m).
template <class T>
FASTMLP_INLINE void run_tile(Index m, Index n, Tile<T>& t) {
  if (m == 1 || t.a_cs != 1)
    choose_rows<T, tile_rows, true>(m, n, t);
  else
    choose_rows<T, tile_rows, false>(m, n, t);
}

}  // namespace fastmlp::FASTMLP_ISA
