// The table of one instruction set. Compiled once for each, with its flags and FASTMLP_ISA its
// name.
#include "kernels/table.h"

#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/math.h"
#include "kernels/norm_columns.h"
#include "kernels/norm_rows.h"
#include "kernels/optimizers.h"
#include "kernels/random.h"
#include "kernels/reduce.h"
#include "kernels/rescale.h"
#include "kernels/shapes.h"
#include "kernels/simd.h"
#include "kernels/softmax.h"
#include "kernels/sparse.h"
#include "kernels/split.h"
#include "kernels/transpose.h"

namespace fastmlp::FASTMLP_ISA {

// Independent multiply-adds in registers: what a benchmark calls the peak.
template <class T>
Index fma_burst(Index iterations, T* sink) {
  constexpr int chains = 12;
  Vec<T> acc[chains];
  const Vec<T> a = splat(T(*sink)), b = splat(T(1));
  FASTMLP_UNROLL
  for (int i = 0; i < chains; ++i) acc[i] = splat(T(i));
  for (Index k = 0; k < iterations; ++k) {
    FASTMLP_UNROLL
    for (int i = 0; i < chains; ++i) acc[i] = fma(acc[i], a, b);
  }
  Vec<T> total{};
  FASTMLP_UNROLL
  for (int i = 0; i < chains; ++i) total += acc[i];
  *sink = sum_lanes<T>(total);
  return iterations * chains * width<T> * 2;
}

template <class T>
constexpr Kernels<T> kernels() {
  Kernels<T> k{};
  k.gemm = gemm<T>;
  k.gemm_scratch = gemm_scratch<T>;
#ifdef FASTMLP_TILES
  if constexpr (sizeof(T) == sizeof(float)) {
    k.gemm_scratch = gemm_or_split_scratch;
    k.split_gemm = split_gemm;
    k.splits = splits;
  }
#endif
  k.mr = tile_rows;
  k.nr = tile_columns<T>;
  k.flops_per_ns = 6.0 * width<T>;
  k.sparse_gemm = sparse_gemm<T>;
#define FASTMLP_ENTRY(name) k.unary[int(Unary::name)] = UnaryKernel<T, Unary::name>::run;
  FASTMLP_UNARY(FASTMLP_ENTRY)
#undef FASTMLP_ENTRY
#define FASTMLP_ENTRY(name, phi, message)                       \
  k.unary[int(Unary::name)] = UnaryKernel<T, Unary::name>::run; \
  k.binary[int(Binary::name##_message)] = zip<T, binary::name##_message>;
  FASTMLP_ACTIVATION(FASTMLP_ENTRY)
#undef FASTMLP_ENTRY
#define FASTMLP_ENTRY(name) k.binary[int(Binary::name)] = zip<T, binary::name>;
  FASTMLP_BINARY(FASTMLP_ENTRY)
#undef FASTMLP_ENTRY
  k.sum = sum_matrix<T>;
  k.dot = dot_matrix<T>;
  k.sum_rows = sum_rows<T>;
  k.dot_rows = dot_rows<T>;
  k.sum_columns = sum_columns<T>;
  k.softmax = softmax<T>;
  k.log_softmax = log_softmax<T>;
  k.softmax_cross_entropy = softmax_cross_entropy<T>;
  k.normalize_rows = normalize_rows<T>;
  k.normalize_rows_message = normalize_rows_message<T>;
  k.column_moments = column_moments<T>;
  k.standardize = standardize<T>;
  k.standard_sums = standard_sums<T>;
  k.normalize_columns_message = normalize_columns_message<T>;
  k.rescale = rescale<T>;
  k.rescale_message = rescale_message<T>;
  k.argmax = argmax<T>;
  k.transpose = transpose<T>;
  k.fill = fill<T>;
  k.spread = spread<T>;
  k.add_scaled = add_scaled<T>;
  k.pick = pick<T>;
  k.take_rows = take_rows<T>;
  k.add_rows = add_rows<T>;
  k.scatter = scatter<T>;
  k.dropout = dropout<T>;
  k.noise = noise<T>;
#define FASTMLP_ENTRY(name, state, numbers) k.update[int(Optimizer::name)] = name<T>;
  FASTMLP_OPTIMIZER(FASTMLP_ENTRY)
#undef FASTMLP_ENTRY
  k.clip = clip<T>;
  k.approach = approach<T>;
  k.fma_burst = fma_burst<T>;
  return k;
}

#define FASTMLP_STRING(x) #x
#define FASTMLP_NAME(x) FASTMLP_STRING(x)
extern const Isa isa;
constexpr Isa isa = {FASTMLP_NAME(FASTMLP_ISA), kernels<float>(), kernels<double>()};

}  // namespace fastmlp::FASTMLP_ISA
