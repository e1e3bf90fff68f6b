// The contract between the kernels and everything above them: plain functions on pointers, sizes
// and strides. No kernel allocates, starts a thread, locks, or knows of graphs. One table of
// function pointers is filled per instruction set (table.cpp, compiled once for each).
//
// Same bits: an output element is a function of its own operands and of the contraction length
// alone. It does not depend on M or N, on its position in the matrix (body or tail), on alignment,
// or on which part of the whole a caller asks for. Callers rely on this to cut work among threads.
#pragma once

#include <cstdint>

#include "kernels/names.h"

namespace fastmlp {

using Index = std::int64_t;

// A product adds up as many terms as fill this many bytes before it stores partial sums in C.
constexpr Index kBlockBytes = 4096;

// C[M,N] = ψ(A[M,K]·B[K,N]) with, in this order:
//   s = Σ_k A[i,k] B[k,j], k ascending from C[i,j] if accumulate, else from bias[j] or 0
//   s += factor · addend[i,j]    if addend
//   s  = φ(s)                    if forward is not identity
//   s  = s · φ'(z[i,j])          if u, by the message of `derivative`, which reads h or z in u[i,j]
//   C[i,j] = s
// A is read at any strides; B's rows are contiguous unless b_cs != 1, then b_rs == 1 and B is read
// transposed. C must not overlap A, B; it may be u itself (same pointer and leading dimension).
// b_sums, if given: b_sums[j] = Σ_k B[k,j] (added to what is there if accumulate), k ascending.
template <class T>
struct Gemm {
  Index M, N, K;
  const T* A;
  Index a_rs, a_cs;
  const T* B;
  Index b_rs, b_cs;
  T* C;
  Index ldc;
  bool accumulate = false;
  const T* addend = nullptr;
  Index ld_addend = 0;
  T factor = 0;
  const T* bias = nullptr;
  Activation forward = Activation::identity;
  const T* u = nullptr;
  Index ldu = 0;
  Activation derivative = Activation::identity;
  T* b_sums = nullptr;
};

// A matrix by the elements that are listed: those of row i are values[k] in columns[k], for k in
// [begins[i], begins[i + 1]). Elements of one place are added up.
template <class T>
struct SparseRows {
  const T* values = nullptr;
  const std::int32_t* columns = nullptr;
  const Index* begins = nullptr;
};

// Rows of numbers for each column, any of which may be null, and an activation: φ(v∘scale +
// offset)∘factor.
template <class T>
struct Rescaling {
  const T* scale = nullptr;
  const T* offset = nullptr;
  const T* factor = nullptr;
  Activation activation = Activation::identity;
};

// Where the sums over the rows go that are the gradients of these; null where it is not wanted.
template <class T>
struct RescalingSums {
  T* factor = nullptr;
  T* scale = nullptr;
  T* offset = nullptr;
};

constexpr Index kSplitSide = 32;  // rows and columns of a block of split_gemm

template <class T>
struct Kernels {
  // `scratch` is 64-byte aligned and holds gemm_scratch(M, N, K) elements of T, private to the
  // calling thread; it is enough for split_gemm too.
  void (*gemm)(const Gemm<T>& g, T* scratch);
  Index (*gemm_scratch)(Index M, Index N, Index K);
  // The largest tile of gemm. Callers may cut C among threads anywhere: the bits stay, and blocks
  // are cut into even tiles.
  Index mr, nr;

  // As gemm, by products of parts of A and B in another precision (split.h): a start from C or bias
  // is added last, and sums round differently, to no larger errors. Null where the processor has no
  // units for it; `splits` tells whether that is faster for the whole of a product. Callers cut M
  // and N at multiples of kSplitSide.
  void (*split_gemm)(const Gemm<T>& g, T* scratch);
  bool (*splits)(Index M, Index N, Index K);

  // What products of a small network do in a nanosecond, roughly: it decides whether other threads
  // are asked for help.
  double flops_per_ns;

  // As gemm, with `a` for A: the terms of a sum come in the order in which its row lists them. A of
  // g is not read, and b_cs is 1.
  void (*sparse_gemm)(const SparseRows<T>& a, const Gemm<T>& g);

  // y[i] = f(x[i]); c is the exponent of power and the factor of scale. y may be x.
  void (*unary[int(Unary::count)])(Index n, const T* x, T* y, T c);

  // y[i,j] = f(a[i,j], b[i,j]) over rows × columns. A row stride of 0 repeats the first row, a
  // column stride is 1, or 0 to repeat the first column. y may be a or b where they do not
  // broadcast.
  void (*binary[int(Binary::count)])(Index rows, Index columns, const T* a, Index a_rs, Index a_cs,
                                     const T* b, Index b_rs, Index b_cs, T* y, Index y_rs);

  // Sums in a fixed order. sum: all elements. dot: Σ a[i,j]·b[i,j]. sum_rows: y[j] (+)= Σ_i x[i,j],
  // i ascending. dot_rows: y[j] (+)= Σ_i a[i,j]·b[i,j], likewise, no product fused with a sum.
  // sum_columns: y[i·y_rs] = Σ_j x[i,j].
  T (*sum)(Index rows, Index columns, const T* x, Index ldx);
  T (*dot)(Index rows, Index columns, const T* a, Index lda, const T* b, Index ldb);
  void (*sum_rows)(Index rows, Index columns, const T* x, Index ldx, T* y, bool accumulate);
  void (*dot_rows)(Index rows, Index columns, const T* a, Index lda, const T* b, Index ldb, T* y,
                   bool accumulate);
  void (*sum_columns)(Index rows, Index columns, const T* x, Index ldx, T* y, Index y_rs);

  // Row by row, with the row's maximum subtracted first. y may be x.
  void (*softmax)(Index rows, Index columns, const T* x, Index ldx, T* y, Index ldy);
  void (*log_softmax)(Index rows, Index columns, const T* x, Index ldx, T* y, Index ldy);

  // Cross-entropy of softmax(z) with targets t, both directions in one pass. t has `columns`
  // columns (weights of the classes) if dense, else one: the class as a number.
  //   loss[i] = Σ_j t_j · (logΣexp z − z_j);  z̄[i,j] = L̄_i · (softmax(z)_j · Σt − t_j)
  // loss, z_bar: either may be null. L̄_i = loss_bar ? loss_bar[i·loss_bar_rs] : scale. z_bar may be
  // z.
  void (*softmax_cross_entropy)(Index rows, Index columns, const T* z, Index ldz, const T* t,
                                Index ldt, bool dense, const T* loss_bar, Index loss_bar_rs,
                                T scale, T* loss, T* z_bar, Index ldz_bar);

  // Normalization. Of each row h = (x − mean)/√(variance + ε), or without the mean if not centered;
  // y = h·scale[j] + offset[j]. scale, offset, h: any may be null. y may be x. The message is
  // y = (g − mean g − h·mean(g∘h))/√(variance + ε) with g = z̄·scale; y may be z̄ or x. sums, unless
  // null: (+)= Σ_i z̄∘h for each column, then Σ_i z̄, i ascending.
  void (*normalize_rows)(Index rows, Index columns, const T* x, Index ldx, T epsilon, bool centered,
                         const T* scale, const T* offset, T* y, Index ldy, T* h, Index ldh);
  void (*normalize_rows_message)(Index rows, Index columns, const T* bar, Index ldbar, const T* x,
                                 Index ldx, const T* scale, T epsilon, bool centered, T* y,
                                 Index ldy, T* sums, bool accumulate);
  // The same of columns, in parts: mean and variance of each over all rows (zero instead of a mean
  // if not centered); what the rows become by them; of the message first products = Σ_i z̄∘h and
  // totals = Σ_i z̄, i ascending, then the message by them. y may be x; z̄ or x.
  void (*column_moments)(Index rows, Index columns, const T* x, Index ldx, bool centered, T* mean,
                         T* variance);
  void (*standardize)(Index rows, Index columns, const T* x, Index ldx, const T* mean,
                      const T* variance, T epsilon, const T* scale, const T* offset, T* y,
                      Index ldy, T* h, Index ldh);
  void (*standard_sums)(Index rows, Index columns, const T* bar, Index ldbar, const T* x, Index ldx,
                        const T* mean, const T* variance, T epsilon, T* products, T* totals);
  // `share`: 1 divided by the rows of the batch, which these may be a part of.
  void (*normalize_columns_message)(Index rows, Index columns, const T* bar, Index ldbar,
                                    const T* x, Index ldx, const T* mean, const T* variance,
                                    const T* scale, T epsilon, bool centered, const T* products,
                                    const T* totals, T share, T* y, Index ldy);

  // y = h∘factor with h = φ(z), z = v∘scale + offset; y may be v. The message computes z and h
  // again: y = g∘scale with g = φ'(z)∘factor∘bar; sums, each added to what is there, i ascending:
  // factor Σ bar∘h, scale Σ g∘v, offset Σ g. y may be bar or v.
  void (*rescale)(Index rows, Index columns, const T* v, Index ldv, const Rescaling<T>& by, T* y,
                  Index ldy);
  void (*rescale_message)(Index rows, Index columns, const T* bar, Index ldbar, const T* v,
                          Index ldv, const Rescaling<T>& by, bool reads_z,
                          const RescalingSums<T>& sums, T* y, Index ldy);

  // Index of each row's largest element (the first of equals) as a number.
  void (*argmax)(Index rows, Index columns, const T* x, Index ldx, T* y);

  void (*transpose)(Index rows, Index columns, const T* x, Index ldx, T* y, Index ldy);

  // rows × columns elements of y: value; factor · x[i,j], where strides of 0 repeat x's first row
  // or column (y may be x); a + factor · b (y may be a).
  void (*fill)(Index rows, Index columns, T value, T* y, Index ldy);
  void (*spread)(Index rows, Index columns, const T* x, Index x_rs, Index x_cs, T factor, T* y,
                 Index ldy);
  void (*add_scaled)(Index rows, Index columns, const T* a, Index lda, const T* b, Index ldb,
                     T factor, T* y, Index ldy);

  // pick: y[i] = x[i, index[i]], NaN where there is no such column. scatter: y[i, index[i]] = x[i],
  // the rest of y, or all of a row without such a column, 0.
  void (*pick)(Index rows, Index columns, const T* x, Index ldx, const T* index, Index ld_index,
               T* y, Index y_rs);
  void (*scatter)(Index rows, Index columns, const T* x, Index x_rs, const T* index, Index ld_index,
                  T* y, Index ldy);

  // Rows of a table of `categories` rows. take_rows: y[i, :] = table[index[i], :], NaN where there
  // is no such row. add_rows: table[index[i], :] += x[i, :], i ascending, for indices in begin …
  // end − 1 alone.
  void (*take_rows)(Index rows, Index columns, const T* table, Index ld_table, Index categories,
                    const T* index, Index ld_index, T* y, Index ldy);
  void (*add_rows)(Index rows, Index columns, const T* x, Index ldx, const T* index, Index ld_index,
                   T* table, Index ld_table, Index begin, Index end);

  // y[i] = keep(first + i) ? x[i]/(1−rate) : 0, where keep(n) is a function of (key, n) alone:
  //   u = mix(key + (⌊n/2⌋+1)·kGamma), see mix.h
  //   keep = v >= threshold = floor(rate · 2^32), v the lower 32 bits of u for even n, else the
  //   upper
  void (*dropout)(Index n, const T* x, T* y, std::uint64_t key, std::uint64_t first,
                  std::uint32_t threshold, T scale);

  // y[i] = x[i] + deviation · √(−2 log u)·cos(2πv), where u in (0, 1] and v in [0, 1) are the upper
  // and the lower 32 bits of mix(key + (first+i+1)·kGamma), computed in double (Box, Muller 1958).
  void (*noise)(Index n, const T* x, T* y, std::uint64_t key, std::uint64_t first,
                double deviation);

  // One step of a rule on n parameters: its vectors of n elements and its numbers, in the order of
  // their names.
  void (*update[int(Optimizer::count)])(Index n, T* w, const T* g, T* const* state,
                                        const T* numbers);
  // y[i] = factor·g[i], brought into [−bound, bound]; NaN stays.
  void (*clip)(Index n, const T* g, T factor, T bound, T* y);
  // average[i] += part·(w[i] − average[i]); a part of 1 gives w[i] itself.
  void (*approach)(Index n, const T* w, T part, T* average);

  // For benchmarks: multiply-adds in registers by the factor *sink. Returns how many floating-point
  // operations it did.
  Index (*fma_burst)(Index iterations, T* sink);
};

struct Isa {
  const char* name;
  Kernels<float> f32;
  Kernels<double> f64;
};

template <class T>
inline const Kernels<T>& kernels_of(const Isa& isa);
template <>
inline const Kernels<float>& kernels_of<float>(const Isa& isa) {
  return isa.f32;
}
template <>
inline const Kernels<double>& kernels_of<double>(const Isa& isa) {
  return isa.f64;
}

// dispatch.cpp. The table in force: chosen at the first call by asking the CPU, or by FASTMLP_ISA.
// Throws std::invalid_argument listing the names that would work if FASTMLP_ISA names another.
const Isa& active_isa();
// All tables this CPU can run, slowest first; and one of them by name, or null.
const Isa* const* available_isas(int* count);

}  // namespace fastmlp
