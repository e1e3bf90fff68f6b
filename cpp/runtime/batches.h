// Which rows a call takes, and how a batch of them is cut.
#pragma once

#include "runtime/program.h"

namespace fastmlp {

// How many parts n things make, each of `size` but perhaps the last.
constexpr Index parts_of(Index n, Index size) { return (n + size - 1) / size; }

// `rows` an epoch, `batch_rows` at a time, in an order of their own each epoch or, if that is null,
// as they stand.
struct Batches {
  const std::int64_t* order = nullptr;  // epochs × rows
  Index rows = 0, batch_rows = 0, epochs = 1;
};

// What a batch takes, in operations of products: to write a number takes as long as 24 of its
// type's.
inline double operations(const Program& program, Index rows, double flops) {
  return flops + 24.0 * double(rows) * double(program.batch_columns);
}

// How a batch is cut: into `lanes`, each summing over its own rows `chunk` rows at a time, each
// done by one thread; or not at all (lanes = 0), then threads share every step, likewise `chunk`
// rows at a time. A function of the program, the kernels and the number of rows alone, never of the
// threads: the sums come out the same.
struct Cut {
  Index lanes = 0;
  Index lane_rows = 0;
  Index chunk = 0;
};
// splits: whether large products run on tiles, in parts.
Cut cut_batch(const Program& program, Index rows, Index element_size, bool splits);

}  // namespace fastmlp
