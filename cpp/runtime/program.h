// A Program: a flat list of steps on buffers with fixed places. The planner writes it, the executor
// runs it; it never changes. The number of rows of a batch is not in it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/table.h"

namespace fastmlp {

constexpr Index kBatch = -1;  // a number of rows that the run decides; −k is k times as many
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
  Index rows = 0, columns = 0;  // rows: a number, kBatch, or a multiple of it
  explicit operator bool() const { return space != Space::none; }
  bool by_batch() const { return rows < 0; }
  Index per_example() const { return rows < 0 ? -rows : 0; }  // rows for each of the batch
  Index rows_of(Index batch) const { return rows < 0 ? -rows * batch : rows; }
};

// A number known without the data: value, divided by the batch's rows if per_row.
struct Scalar {
  double value = 0;
  bool per_row = false;
};

// The kinds of steps, each described where it is defined, in runtime/steps.
#define FASTMLP_KIND(X)        \
  X(gemm)                      \
  X(unary)                     \
  X(binary)                    \
  X(sum)                       \
  X(sum_blocks)                \
  X(dot)                       \
  X(add_scaled)                \
  X(spread)                    \
  X(fill)                      \
  X(softmax)                   \
  X(log_softmax)               \
  X(softmax_cross_entropy)     \
  X(normalize_rows)            \
  X(normalize_rows_message)    \
  X(column_moments)            \
  X(standardize)               \
  X(standard_sums)             \
  X(normalize_columns_message) \
  X(rescale)                   \
  X(rescale_message)           \
  X(argmax)                    \
  X(pick)                      \
  X(scatter)                   \
  X(copy)                      \
  X(dropout)                   \
  X(noise)                     \
  X(take_rows)                 \
  X(add_rows)                  \
  X(transpose)

#define FASTMLP_ENUM(name) name,
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

constexpr int kInputs = 7;  // the most that a step has
constexpr int kNumbers = 5;

struct Step {
  Kind kind;
  Section section;
  bool barrier;  // touches what a step since the last barrier touched
  Ref in[kInputs];
  Ref out, out2;
  Index numbers[kNumbers] = {};  // named by their kind
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
