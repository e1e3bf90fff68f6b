// Sparse rows of a feed: whether a program can multiply by them as they are, and a batch of them
// copied in its order and in the program's type, which is what the kernel reads.
#pragma once

#include <vector>

#include "runtime/arena.h"
#include "runtime/batches.h"
#include "runtime/feeds.h"
#include "runtime/steps/runner.h"

namespace fastmlp {

// How the steps of a program use a feed.
struct FactorUse {
  bool only = false;       // as a factor of products that sparse_gemm can do, and in no other way
  Index units = 0;         // columns of these products' other factors, all together
  Index turned_units = 0;  // of those where it is transposed: gradients

  // Work of these products, by the elements listed and by the places without one.
  double flops(Index columns, Index elements) const;
  double dense_flops(Index rows, Index columns) const;
};

std::vector<FactorUse> factor_uses(const Program& program);

// Whether the step is the gradient (1, n) of a layer of one unit, z̄ᵀ x with x the feed. It is the
// column xᵀ z̄ too.
bool is_turned_gradient(const Step& step);

// How many elements the fullest batch lists, and the fullest piece of one that is brought at once.
struct Fullest {
  Index batch = 0, piece = 0;
};
Fullest fullest(const Feed& feed, const Batches& batches, const Cut& cut);

// The rows of `rows` that thread `thread` of `threads` does, cut where the elements of them are
// even; a row counts as one more.
inline Range even_part(const Index* begins, Index rows, int thread, int threads) {
  const auto cut = [&](int t) {
    const Index work = ((begins[rows] + rows) * t + threads - 1) / threads;
    Index low = 0, high = rows;  // the first row that begins at or beyond that work
    while (low < high) {
      const Index middle = (low + high) / 2;
      if (begins[middle] + middle < work)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  };
  return {cut(thread), cut(thread + 1)};
}

// What batches of one feed are converted into. Kept between calls.
template <class T>
class SparseBuffers {
 public:
  // For `copies` pieces of batches at once, each of at most `rows` rows and `elements` elements,
  // and if `turned` for their transposes.
  void reserve(Index rows, Index columns, Index elements, bool turned, Index copies);

  // Brings the rows [first, first + rows), in the given order. Each thread brings its part; the
  // result is whole when all have.
  SparseBatch<T> bring(const Feed& feed, const std::int64_t* order, Index first, Index rows,
                       int thread, int threads, Index copy) const;
  bool turned() const { return turned_; }
  // Then, their transpose if it was asked for: from what was brought, not from the feed, which
  // others may write to meanwhile. Whole when all threads have done their part.
  void turn(Index rows, int thread, int threads, Index copy) const;

 private:
  struct Lists {
    T* values;
    std::int32_t* places;
    Index* begins;
    SparseRows<T> read() const { return {values, places, begins}; }
  };
  Lists lists(bool turned, Index copy) const;
  Index rows_ = 0, columns_ = 0, elements_ = 0;
  bool turned_ = false;
  Arena<T> values_;
  Arena<std::int32_t> places_;
  Arena<Index> begins_;
};

// As gather, of a sparse feed: its rows become dense.
template <class T>
void gather_sparse(const Feed& feed, const std::int64_t* order, Index first, Index begin, Index end,
                   T* dst);

}  // namespace fastmlp
