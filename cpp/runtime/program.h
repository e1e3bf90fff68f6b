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

// Where a buffer lives.
enum class Space : int {
  none,
  batch,      // one row per example; offset counts columns, each as long as the arena has rows
  fixed,      // constants and whatever has no batch rows
  reduced,    // sums over the batch: the gradient, in the layout of the parameters, then the rest
  parameter,  // the flat parameter vector
  feed,       // what the caller gives; offset is its number
  output,     // where the caller wants a result; offset is its number
};

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

enum class Kind : int {
  gemm,    // out = ψ(in0·in1): in2 bias, in3 h; a: transpose in0, b: transpose in1, c: φ, d: φ' of
           // h; out2: column sums of in1. Of a sum over the batch, in3 is what scalar · in3 adds.
  unary,   // out = f(in0); a: Unary; scalar: exponent or factor
  binary,  // out = f(in0, in1); a: Binary
  sum,     // out = scalar · Σ in0; a: axis 0, 1, or 2 for all
  dot,     // out (1,1) = scalar · Σ in0∘in1
  add_scaled,  // out = in0 + scalar · in1; in place if out is where in0 is
  spread,      // out = scalar · in0, repeated to out's shape
  fill,        // out = scalar
  softmax,     // out = softmax(in0) by rows
  log_softmax,
  softmax_cross_entropy,  // in0 z, in1 t, in2 L̄ or scalar; out L, out2 z̄ (either may be absent)
  argmax,
  pick,       // out[i] = in0[i, in1[i]]
  scatter,    // out[i, in1[i]] = in0[i], else 0
  copy,       // out[:, b:b+n] = in0[:, a:a+n], n = c
  dropout,    // a: key; scalar: rate
  transpose,  // out = in0ᵀ
  count
};

// When in the life of a batch a step can run.
enum class Section : int {
  before,  // needs no example
  rows,    // row by row
  reduce,  // sums over rows
  after,   // needs sums, has no rows
};

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

  double flops_per_row = 0;  // of the products, to decide how to cut and share

  // Columns of all feeds with batch rows, and elements of the others: what copies of them need.
  Index fed_columns() const;
  Index fed_size() const;

  // Throws std::invalid_argument if a step would touch anything outside its buffers.
  void check() const;
};

}  // namespace fastmlp
