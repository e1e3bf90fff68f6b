// C = ψ(A·B) for float32 on AMX, whose tiles multiply bfloat16 at sixteen times the peak of vectors
// of float32. Each x is split into x₀ + x₁ + x₂: x₀ the bfloat16 nearest to x, x₁ the upper
// half of what is left, x₂ the rest: 3 · 8 bits hold all 24 of a float32. Then
//   ab = a₀b₀ + (a₀b₁ + a₁b₀) + (a₀b₂ + a₁b₁ + a₂b₀) + r,  |r| < 2⁻²² |ab|,
// six products, each exact in float32, with a rest as small as a rounding; see Henry, Tang and
// Heinecke, "Leveraging the bfloat16 Artificial Intelligence Datatype For Higher-Precision
// Computations", ARITH 2019. Tiles add 32 terms to one another before they add them to the sum, so
// that few roundings are as large as the sum's: sums come out closer to the exact ones than those
// of gemm.h. Parts, and products of parts, below the least normal number count as 0: the bound
// holds where |a| and |b| are at least 2⁻¹⁰² and |ab| is at least 2⁻¹⁰².
//
// An element's sum depends on its row of A, its column of B and K alone: neither on the tile it
// falls into nor on the blocks. Terms k and k + 16 of each 32 are neighbours in a tile.
#pragma once

#include "kernels/gemm.h"

#ifdef FASTMLP_TILES

namespace fastmlp::FASTMLP_ISA {

constexpr Index split_side = kSplitSide;  // two tiles each way
constexpr Index step_terms = 32;          // of one product of tiles
constexpr Index tile_bytes = 1024, part_bytes = 2 * tile_bytes, step_bytes = 3 * part_bytes;

// Terms at once; elements of A whose parts stay in half of the second-level cache; columns of B,
// and rows of C whose sums wait in scratch.
constexpr Index split_k = 1024, split_a_size = 128 * 1024, split_n = 2048, split_rows = 1024;

constexpr Index staged_terms = 128, staged_row = staged_terms + 16;

FASTMLP_INLINE Index rounded_up(Index n, Index unit) { return (n + unit - 1) / unit * unit; }

// Two vectors as three rows of tiles, x in the lower halves and y in the upper ones.
FASTMLP_INLINE void store_parts(Vec<float> x, Vec<float> y, char* to) {
  constexpr std::uint32_t half = 0x8000, upper = 0xffff0000;  // of the last place, the bits kept
  FASTMLP_UNROLL
  for (int part = 0; part < 3; ++part, to += part_bytes) {
    // Only the first is rounded: NaN stays NaN in the others.
    const BitVec<float> p = part ? bits<float>(x) : bits<float>(x) + half;
    const BitVec<float> q = part ? bits<float>(y) : bits<float>(y) + half;
    const __m512i pair = _mm512_mask_blend_epi16(0xaaaaaaaa, (__m512i)(p >> 16), (__m512i)q);
    _mm512_store_si512(to, pair);
    x -= from_bits<float>(p & upper);
    y -= from_bits<float>(q & upper);
  }
}

// The first n of a vector; none if n < 0.
FASTMLP_INLINE Vec<float> load_some(const float* x, Index n) {
  return n >= width<float> ? load(x) : n > 0 ? load_first(x, n) : Vec<float>{};
}

// `rows` rows of k terms, from row i of a panel of A on.
FASTMLP_INLINE void split_rows_of_a(const float* x, Index ldx, Index rows, Index k, char* panel) {
  for (Index j = 0; j < k; j += step_terms, panel += step_bytes)
    for (Index i = 0; i < rows; ++i)
      store_parts(load_some(x + i * ldx + j, k - j), load_some(x + i * ldx + j + 16, k - j - 16),
                  panel + i * 64);
}

// k rows of `columns` columns, to panels of B that lie `panel_bytes` apart.
FASTMLP_INLINE void split_rows_of_b(const float* x, Index ldx, Index k, Index columns,
                                    Index panel_bytes, char* panels) {
  for (Index s = 0; s < k; s += step_terms, panels += step_bytes) {
    for (Index j = 0; j < columns; j += 16) {
      char* const to = panels + j / split_side * panel_bytes + j / 16 % 2 * tile_bytes;
      for (Index r = 0; r < 16; ++r) {
        const float *low = x + (s + r) * ldx + j, *high = low + 16 * ldx;
        store_parts(load_some(low, s + r < k ? columns - j : 0),
                    load_some(high, s + r + 16 < k ? columns - j : 0), to + r * 64);
      }
    }
  }
}

// m rows and k terms of A, panel after panel of 32 rows.
inline void split_a(const Gemm<float>& g, const float* A, Index m, Index k, char* to) {
  const Index panel_bytes = rounded_up(k, step_terms) / step_terms * step_bytes;
  alignas(64) float staged[split_side * staged_row];
  for (Index i = 0; i < m; i += split_side, to += panel_bytes) {
    const Index rows = smaller(m - i, split_side);
    if (g.a_cs == 1) {
      split_rows_of_a(A + i * g.a_rs, g.a_rs, rows, k, to);
      continue;
    }
    for (Index j = 0; j < k; j += staged_terms) {
      const Index terms = smaller(k - j, staged_terms);
      const float* const from = A + i * g.a_rs + j * g.a_cs;
      if (g.a_rs == 1) {
        transpose(terms, rows, from, g.a_cs, staged, staged_row);
      } else {
        for (Index r = 0; r < rows; ++r)
          for (Index t = 0; t < terms; ++t)
            staged[r * staged_row + t] = from[r * g.a_rs + t * g.a_cs];
      }
      split_rows_of_a(staged, staged_row, rows, terms, to + j / step_terms * step_bytes);
    }
  }
}

// k terms and n columns of B, panel after panel of 32 columns. Sums of its rows are left to the
// caller unless B is transposed.
inline void split_b(const Gemm<float>& g, const float* B, Index k, Index n, float* b_sums,
                    bool accumulate, char* to) {
  const Index panel_bytes = rounded_up(k, step_terms) / step_terms * step_bytes;
  if (g.b_cs == 1) return split_rows_of_b(B, g.b_rs, k, n, panel_bytes, to);
  alignas(64) float staged[staged_terms * split_side];
  for (Index j = 0; j < n; j += split_side, to += panel_bytes) {
    const Index columns = smaller(n - j, split_side);
    for (Index i = 0; i < k; i += staged_terms) {
      const Index terms = smaller(k - i, staged_terms);
      transpose(columns, terms, B + i + j * g.b_cs, g.b_cs, staged, split_side);
      if (b_sums) sum_rows(terms, columns, staged, split_side, b_sums + j, accumulate || i > 0);
      split_rows_of_b(staged, split_side, terms, columns, 0, to + i / step_terms * step_bytes);
    }
  }
}

// Sums that are not finite are computed again by fma: between parts, ∞ would become NaN.
inline void redo_non_finite(const Gemm<float>& g, Index i, Index j, Index rows, Index columns,
                            float* s, float* scratch) {
  const Index n = columns < 16 ? 0 : columns - 16;
  Vec<float> total[4] = {};
  for (Index r = 0; r < rows; ++r) {
    const float* const row = s + r * split_side;
    Vec<float>* const t = total + r % 2 * 2;
    t[0] = fma(load_first(row, columns - n), Vec<float>{}, t[0]);
    t[1] = fma(load_first(row + 16, n), Vec<float>{}, t[1]);
  }
  if (sum_lanes<float>(total[0] + total[1] + (total[2] + total[3])) == 0.0f) return;
  alignas(64) float again[split_side * split_side];
  multiply(Gemm<float>{rows, columns, g.K, g.A + i * g.a_rs, g.a_rs, g.a_cs, g.B + j * g.b_cs,
                       g.b_rs, g.b_cs, again, split_side},
           scratch);
  for (Index r = 0; r < rows; ++r)
    for (Index c = r * split_side; c < r * split_side + columns; ++c)
      if (s[c] - s[c] != 0.0f) s[c] = again[c];
}

// What follows the sums s of a block of C, up to C, which may hold u: each vector of it is read
// before it is written.
inline void finish_split(const Gemm<float>& g, Index i, Index j, Index rows, Index columns,
                         float* s) {
  const bool relu = g.forward == Activation::relu, direct = only_relu(g);
  float* const C = g.C + i * g.ldc + j;
  for (Index c = 0; c < columns; c += 16) {
    const Index n = smaller(columns - c, 16);
    const Vec<float> bias = g.bias && !g.accumulate ? load_first(g.bias + j + c, n) : Vec<float>{};
    for (Index r = 0; r < rows; ++r) {
      Vec<float> v = load(s + r * split_side + c) + bias;
      if (g.accumulate) v += load_first(C + r * g.ldc + c, n);
      if (g.addend) v += g.factor * load_first(g.addend + (i + r) * g.ld_addend + j + c, n);
      if (direct) {
        if (relu) v = unary::relu<float>::at(v, 0.0f);
        if (g.u)
          v = binary::relu_message<float>::at(v, load_first(g.u + (i + r) * g.ldu + j + c, n));
        store_first(C + r * g.ldc + c, v, n);
      } else {
        store(s + r * split_side + c, v);
      }
    }
  }
  if (direct) return;
  Gemm<float> rest = g;
  rest.addend = nullptr;
  finish(rest, i, j, rows, columns, s, split_side);
}

// A block of sums, on its way to C. That takes a few rows at a time, while tiles are busy with the
// next block.
class Finish {
 public:
  Finish() = default;
  Finish(const Gemm<float>& g, Index i, Index j, Index rows, Index columns, float* s,
         float* scratch)
      : g_(&g), i_(i), j_(j), rows_(rows), columns_(columns), s_(s), scratch_(scratch) {}

  FASTMLP_INLINE void step(Index most) {
    if (rows_) some(smaller(rows_, most));
  }

 private:
  __attribute__((noinline)) void some(Index rows) {
    redo_non_finite(*g_, i_, j_, rows, columns_, s_, scratch_);
    finish_split(*g_, i_, j_, rows, columns_, s_);
    i_ += rows;
    s_ += rows * split_side;
    rows_ -= rows;
  }

  const Gemm<float>* g_ = nullptr;
  Index i_ = 0, j_ = 0, rows_ = 0, columns_ = 0;
  float *s_ = nullptr, *scratch_ = nullptr;
};

// Tiles are numbered by constants, which functions cannot pass on.
#define FASTMLP_LOAD_TILE(tile, from, row)                                     \
  do {                                                                         \
    for (Index i = 0; i < 16; ++i) reads((const char*)(from) + i * (row), 64); \
    _tile_loadd(tile, from, row);                                              \
  } while (0)
#define FASTMLP_STORE_TILE(tile, to, row)                               \
  do {                                                                  \
    for (Index i = 0; i < 16; ++i) writes((char*)(to) + i * (row), 64); \
    _tile_stored(tile, to, row);                                        \
  } while (0)

// A block of C, m × n tiles of sums, over `steps` steps of a panel of A and one of B. The sums go
// on from those in `from`, or from 0; both hold rows of 32. Meanwhile `lines` cache lines a step
// are fetched from `ahead` on into the second-level cache, and the block before is finished.
template <int m, int n>
__attribute__((noinline)) void split_block(const char* a, const char* b, Index steps,
                                           const float* from, float* to, const char* ahead,
                                           Index lines, Finish& before) {
  constexpr Index row = split_side * sizeof(float), down = 16 * split_side;
  if (from) {
    FASTMLP_LOAD_TILE(0, from, row);
    if constexpr (n > 1) FASTMLP_LOAD_TILE(1, from + 16, row);
    if constexpr (m > 1) FASTMLP_LOAD_TILE(2, from + down, row);
    if constexpr (m > 1 && n > 1) FASTMLP_LOAD_TILE(3, from + down + 16, row);
  } else {
    _tile_zero(0);
    if constexpr (n > 1) _tile_zero(1);
    if constexpr (m > 1) _tile_zero(2);
    if constexpr (m > 1 && n > 1) _tile_zero(3);
  }
  const auto load_a = [&](int part) __attribute__((always_inline)) {
    FASTMLP_LOAD_TILE(4, a + part * part_bytes, 64);
    if constexpr (m > 1) FASTMLP_LOAD_TILE(5, a + part * part_bytes + tile_bytes, 64);
  };
  const auto load_b = [&](int part) __attribute__((always_inline)) {
    FASTMLP_LOAD_TILE(6, b + part * part_bytes, 64);
    if constexpr (n > 1) FASTMLP_LOAD_TILE(7, b + part * part_bytes + tile_bytes, 64);
  };
  const auto multiply = [&](int sixth) __attribute__((always_inline)) {
    // A sixth of the next step, into the first-level cache.
    FASTMLP_UNROLL
    for (int line = 0; line < 16; ++line) {
      __builtin_prefetch(a + step_bytes + (sixth * 16 + line) * 64, 0, 3);
      __builtin_prefetch(b + step_bytes + (sixth * 16 + line) * 64, 0, 3);
    }
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (n > 1) _tile_dpbf16ps(1, 4, 7);
    if constexpr (m > 1) _tile_dpbf16ps(2, 5, 6);
    if constexpr (m > 1 && n > 1) _tile_dpbf16ps(3, 5, 7);
  };
  const Index rows = (split_side + steps - 1) / steps;
  for (Index s = 0; s < steps; ++s, a += step_bytes, b += step_bytes) {
    for (Index line = 0; line < lines; ++line, ahead += 64) __builtin_prefetch(ahead, 0, 2);
    before.step(rows);
    load_a(0), load_b(2), multiply(0);
    load_b(1), multiply(1);
    load_a(1), multiply(2);
    load_b(0), multiply(3);
    load_a(2), multiply(4);
    load_a(0), multiply(5);
  }
  FASTMLP_STORE_TILE(0, to, row);
  if constexpr (n > 1) FASTMLP_STORE_TILE(1, to + 16, row);
  if constexpr (m > 1) FASTMLP_STORE_TILE(2, to + down, row);
  if constexpr (m > 1 && n > 1) FASTMLP_STORE_TILE(3, to + down + 16, row);
}

FASTMLP_INLINE void split_block(Index rows, Index columns, const char* a, const char* b,
                                Index steps, const float* from, float* to, const char* ahead,
                                Index lines, Finish& before) {
  const auto block = rows > 16      ? columns > 16 ? split_block<2, 2> : split_block<2, 1>
                     : columns > 16 ? split_block<1, 2>
                                    : split_block<1, 1>;
  block(a, b, steps, from, to, ahead, lines, before);
}

// Scratch, in floats: the parts of a block of A and of a slab of B, the sums that wait while K is
// cut, and what redo_non_finite() needs.
struct SplitScratch {
  Index a, b, sums, redone;
};

FASTMLP_INLINE SplitScratch split_scratch(Index M, Index N, Index K) {
  const Index steps = rounded_up(smaller(K, split_k), step_terms) / step_terms;
  const Index m = rounded_up(M, split_side), n = rounded_up(smaller(N, split_n), split_side);
  constexpr Index step = step_bytes / Index(sizeof(float)) / split_side;
  return {smaller(m * steps, split_a_size / step_terms) * step, n * steps * step,
          K > split_k / 2 ? smaller(m, split_rows) * n : 0,
          whole_scratch<float>(split_side, split_side, K)};
}

inline Index gemm_or_split_scratch(Index M, Index N, Index K) {
  const SplitScratch s = split_scratch(M, N, K);
  const Index split = s.a + s.b + s.sums + s.redone, plain = gemm_scratch<float>(M, N, K);
  return split > plain ? split : plain;
}

// Whether the parts pay, which cost as much as some products by fma. Fitted to measured times of
// one thread: many make some parts several times, but bits must not depend on how many there are.
inline bool splits(Index M, Index N, Index K) {
  if (M <= 32 || N <= 32 || K <= 32) return false;  // then it never pays
  const double m = double(rounded_up(M, 16)), n = double(rounded_up(N, 16));
  const double k = double(rounded_up(K, step_terms));
  return m * n * k / 70.0 + (m + n) * k + m * n < double(M) * double(N) * double(K) / 22.0;
}

struct SplitWork {
  const Gemm<float>& g;
  SplitScratch sizes;
  float* scratch;
  Index k, m, n;  // terms, rows and columns of a block
  Index slab;     // columns of B whose parts are made at once

  // Rows [i0, end) of C by columns [j0, j0 + columns).
  void run(Index i0, Index end, Index j0, Index columns) const {
    char *const a = reinterpret_cast<char*>(scratch), *const b = a + 4 * sizes.a;
    alignas(64) float blocks[2][split_side * split_side];
    int turn = 0;
    Finish before;
    for (Index k0 = 0; k0 < g.K; k0 += k) {
      const Index terms = smaller(g.K - k0, k), steps = (terms + step_terms - 1) / step_terms;
      const bool first = k0 == 0, last = k0 + k >= g.K;
      float* sum = scratch + sizes.a + sizes.b;
      for (Index j = j0; j < j0 + columns; j += slab) {
        const Index slab_end = smaller(j + slab, j0 + columns);
        split_b(g, g.B + k0 * g.b_rs + j * g.b_cs, terms, slab_end - j,
                g.b_sums && i0 == 0 ? g.b_sums + j : nullptr, g.accumulate || !first, b);
        for (Index i = i0; i < end; i += m) {
          const Index rows = smaller(end - i, m), panels = (rows + split_side - 1) / split_side;
          if (j == j0) split_a(g, g.A + i * g.a_rs + k0 * g.a_cs, rows, terms, a);
          const Index lines = slab > split_side ? (step_bytes / 64 + panels - 1) / panels : 0;
          const char* panel_b = b;
          for (Index q = j; q < slab_end; q += split_side, panel_b += steps * step_bytes) {
            const char *panel_a = a, *ahead = panel_b + steps * step_bytes;
            const Index c = smaller(slab_end - q, split_side);
            for (Index p = i; p < i + rows; p += split_side, panel_a += steps * step_bytes) {
              const Index r = smaller(i + rows - p, split_side);
              float* const to = last ? blocks[turn] : sum;
              split_block(r, c, panel_a, panel_b, steps, first ? nullptr : sum, to, ahead, lines,
                          before);
              ahead += lines * steps * 64;
              sum += split_side * split_side;
              if (last) {
                before = Finish(g, p, q, r, c, to, scratch + sizes.a + sizes.b + sizes.sums);
                turn ^= 1;
              }
            }
          }
        }
      }
    }
    before.step(split_side);
  }
};

struct alignas(64) TileConfig {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

inline void split_gemm(const Gemm<float>& g, float* scratch) {
  if (g.K == 0) return gemm(g, scratch);  // there is nothing to split
  if (g.b_sums && g.b_cs == 1) sum_rows(g.K, g.N, g.B, g.b_rs, g.b_sums, g.accumulate);
  static constexpr TileConfig config;  // static: GCC does not see that the intrinsic reads it all
  _tile_loadconfig(&config);
  const Index rows = even_block(g.M, split_rows, split_side);
  const Index fitting = split_a_size / rows / step_terms * step_terms;
  const Index k =
      even_block(g.K, fitting < split_k / 2 ? split_k : smaller(fitting, split_k), step_terms);
  const Index most = split_a_size / rounded_up(k, step_terms) / split_side * split_side;
  const Index m = even_block(rows, most, split_side), n = even_block(g.N, split_n, split_side);
  // One block of A: B comes a panel at a time. Several: all of them use a slab of B.
  const SplitWork work{g, split_scratch(g.M, g.N, g.K), scratch, k, m,
                       n, m < rows ? n : split_side};
  for (Index i = 0; i < g.M; i += rows)
    for (Index j = 0; j < g.N; j += work.n)
      work.run(i, smaller(g.M, i + rows), j, smaller(g.N - j, work.n));
  _tile_release();
}

}  // namespace fastmlp::FASTMLP_ISA

#endif
