// How a batch is cut into lanes of rows: from shapes alone, so that any number of threads has the
// same bits.
#include <algorithm>

#include "runtime/batches.h"

namespace fastmlp {
namespace {

constexpr Index kMaxLanes = 16;             // bounds the memory of the lanes' sums
constexpr Index kLaneRows = 64;             // fewer rows do not pay for a lane's own sums
constexpr double kFlopsPerSum = 250.0;      // of a lane's work for each of its sums, to be added
constexpr Index kMaxSumBytes = 512 * 1024;  // longer sums leave a core's own cache
constexpr double kLaneFlops = 2e6;          // below, lanes cost more than they gain
constexpr Index kChunkBytes = 192 * 1024;   // a chunk's buffers stay in a core's own cache

// Without sums, lanes pay from fewer rows on where each core keeps all parameters to itself.
constexpr Index kFewRows = 32, kFewBytes = 256 * 1024;
constexpr double kFewFlops = 1e6;

}  // namespace

Cut cut_batch(const Program& p, Index rows, Index element_size) {
  if (!p.by_rows) return {};
  const double flops = double(rows) * p.flops_per_row;
  double lanes = double(rows) / double(kLaneRows), fewest = 2.0;
  if (p.reduced_size) {  // each lane keeps, and later adds, sums as long as the gradient
    if (flops < kLaneFlops || p.reduced_size * element_size > kMaxSumBytes) return {};
    lanes = std::min(lanes, flops / (double(p.reduced_size) * kFlopsPerSum));
    // Two lanes pay from half of that: threads no longer meet before nearly every step. Measured
    // with 2,000 to 50,000 weights in both types: never slower, a quarter faster at 64 rows, a
    // third at 200.
    fewest = 1.0;
  } else if (p.parameter_size * element_size <= kFewBytes && flops >= kFewFlops) {
    lanes = double(rows) / double(kFewRows);
    fewest = 1.0;
  }
  if (lanes < fewest) return {};
  Cut cut;
  cut.lanes = 2;  // powers of two, as numbers of cores mostly are
  while (cut.lanes < kMaxLanes && 2.0 * double(cut.lanes) <= lanes) cut.lanes *= 2;
  cut.lane_rows = parts_of(rows, cut.lanes);
  const Index row_bytes = std::max<Index>(p.batch_columns + p.fed_columns(), 1) * element_size;
  const Index fitting = std::max(kChunkBytes / row_bytes, 4 * kGrain);
  cut.chunk = parts_of(cut.lane_rows, parts_of(cut.lane_rows, fitting));
  return cut;
}

}  // namespace fastmlp
