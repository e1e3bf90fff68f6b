// A Program: a flat list of steps on buffers with fixed places. The planner writes it, the executor
// runs it; it never changes. The number of rows of a batch is not in it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/table.h"

namespace fastmlp {

constexpr Index kBatch = -1;  // a number of rows that the run decides
constexpr Index kRows = -1;   // a batch counts as much as it has rows
constexpr Index kGrain = 16;  // elements: what begins on a multiple of it begins a cache line

// Where a buffer lives.
//   none       no buffer
//   batch      one row per example; offset counts columns, each as long as the arena has rows
//   fixed      constants and whatever has no batch rows
//   reduced    sums over the batch: the gradient, in the layout of the parameters, then the rest
//   parameter  the flat parameter vector
//   feed       what the caller gives; offset is its number
//   output     where the caller wants a result; offset is its number
#define FASTMLP_SPACE(X) X(none) X(batch) X(fixed) X(reduced) X(parameter) X(feed) X(output)

#define FASTMLP_ENUM(name) name,
enum class Space : int { FASTMLP_SPACE(FASTMLP_ENUM) };
#undef FASTMLP_ENUM

struct Ref {
  Space space = Space::none;
  Index offset = 0;
  Index rows = 0, columns = 0;  // rows: kBatch or a number
  explicit operator bool() const { return space != Space::none; }
};

// A number known without the data: value, divided by the batch's rows if per_row.
struct Scalar {
  double value = 0;
  bool per_row = false;
};

// The kinds of steps: X(name, the names of the numbers a, b, …, which inputs out may overwrite). Of
// softmax_cross_entropy that is out2.
//   gemm       out = ψ(in0·in1): in2 bias, in3 h of φ'(h); out2: column sums of in1. Where the
//              result is a sum over the batch, scalar · in3 is added instead.
//   unary      out = f(in0); function: Unary; scalar: exponent or factor
//   binary     out = f(in0, in1); function: Binary
//   sum        out = scalar · Σ in0; axis: 0, 1, or 2 for all
//   dot        out (1,1) = scalar · Σ in0∘in1
//   add_scaled out = in0 + scalar · in1; in place if out is where in0 is
//   spread     out = scalar · in0, repeated to out's shape
//   fill       out = scalar
//   softmax, log_softmax  by rows
//   softmax_cross_entropy  in0 z, in1 t, in2 L̄ or scalar; out L, out2 z̄ (either may be absent)
//   argmax     out[i] = the column of the largest in0[i, ·]
//   pick       out[i] = in0[i, in1[i]]
//   scatter    out[i, in1[i]] = in0[i], else 0
//   copy       out[:, to_column : to_column + columns] = in0[:, from_column : …]
//   dropout    scalar: rate
//   transpose  out = in0ᵀ
#define FASTMLP_LIST(...) {__VA_ARGS__}
#define FASTMLP_KIND(X)                                                                            \
  X(gemm, FASTMLP_LIST("transpose_a", "transpose_b", "activation", "derivative"), FASTMLP_LIST(3)) \
  X(unary, FASTMLP_LIST("function"), FASTMLP_LIST(0))                                              \
  X(binary, FASTMLP_LIST("function"), FASTMLP_LIST(0, 1))                                          \
  X(sum, FASTMLP_LIST("axis"), FASTMLP_LIST())                                                     \
  X(dot, FASTMLP_LIST(), FASTMLP_LIST())                                                           \
  X(add_scaled, FASTMLP_LIST(), FASTMLP_LIST(0))                                                   \
  X(spread, FASTMLP_LIST(), FASTMLP_LIST())                                                        \
  X(fill, FASTMLP_LIST(), FASTMLP_LIST())                                                          \
  X(softmax, FASTMLP_LIST(), FASTMLP_LIST(0))                                                      \
  X(log_softmax, FASTMLP_LIST(), FASTMLP_LIST(0))                                                  \
  X(softmax_cross_entropy, FASTMLP_LIST(), FASTMLP_LIST(0))                                        \
  X(argmax, FASTMLP_LIST(), FASTMLP_LIST())                                                        \
  X(pick, FASTMLP_LIST(), FASTMLP_LIST())                                                          \
  X(scatter, FASTMLP_LIST(), FASTMLP_LIST())                                                       \
  X(copy, FASTMLP_LIST("from_column", "to_column", "columns"), FASTMLP_LIST())                     \
  X(dropout, FASTMLP_LIST("key"), FASTMLP_LIST(0))                                                 \
  X(transpose, FASTMLP_LIST(), FASTMLP_LIST())

#define FASTMLP_ENUM(name, numbers, overwrites) name,
enum class Kind : int { FASTMLP_KIND(FASTMLP_ENUM) count };
#undef FASTMLP_ENUM

// When in the life of a batch a step can run.
//   before  needs no example
//   rows    row by row
//   reduce  sums over rows
//   after   needs sums, has no rows
#define FASTMLP_SECTION(X) X(before) X(rows) X(reduce) X(after)

#define FASTMLP_ENUM(name) name,
enum class Section : int { FASTMLP_SECTION(FASTMLP_ENUM) };
#undef FASTMLP_ENUM

struct Step {
  Kind kind;
  Section section;
  bool barrier;  // touches what a step since the last barrier touched
  Ref in[4];
  Ref out, out2;
  Index a = 0, b = 0, c = 0, d = 0;
  Scalar scalar;
};

struct Program {
  std::vector<Step> steps;
  std::vector<Index> feed_columns;  // of each feed
  std::vector<Index> feed_rows;     // kBatch or a number
  std::vector<Index> output_columns;
  std::vector<Index> output_rows;
  std::vector<double> constants;  // the first elements of the fixed space
  std::vector<Index> scalars;     // offsets in reduced of the (1,1) results of training, loss first
  Index batch_weight = kRows;     // offset in reduced of what a batch counts in their averages
  Index batch_columns = 0;
  Index fixed_size = 0;
  Index reduced_size = 0;
  Index parameter_size = 0;
  bool by_rows = true;  // no row needs a sum over rows: the batch may be cut

  double flops_per_row = 0;  // to decide how to cut and share; from `count_flops`

  // Operations for one row of the batch: products by two, the rest by their elements.
  void count_flops();

  // Columns of all feeds with batch rows, and elements of the others: what copies of them need.
  Index fed_columns() const;
  Index fed_size() const;

  // Throws std::invalid_argument if a step would touch anything outside its buffers.
  void check() const;
};

}  // namespace fastmlp
