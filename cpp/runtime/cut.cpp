// How a batch is cut into lanes or pieces of rows: from shapes alone, so that any number of threads
// has the same bits.
#include <algorithm>

#include "runtime/batches.h"

namespace fastmlp {
namespace {

constexpr Index kMaxLanes = 16;        // bounds the memory of the lanes' sums
constexpr Index kLaneRows = 64;        // fewer rows do not pay for a lane's own sums
constexpr double kWorkPerSum = 250.0;  // operations of a lane for each of its sums, to be added
constexpr Index kMaxSumBytes = 512 * 1024;  // longer sums leave a core's own cache
constexpr Index kChunkBytes = 192 * 1024;   // a chunk's buffers stay in a core's own cache

// Two lanes pay from fewer: threads no longer meet before nearly every step. Below that many bytes
// of operations, some 12 µs of one core, lanes cost more than they gain. Measured with steps of 3
// to 1,000 µs in both types: on two cores up to 1.7 times as fast, mostly from 20 to 80 µs, on one
// 0.93 to 1.05.
constexpr Index kTwoLaneRows = 32;
constexpr double kTwoLaneBytes = 4.8e6;

// Without sums, lanes pay from fewer rows on where each core keeps all parameters to itself.
constexpr Index kFewRows = 32, kFewBytes = 256 * 1024;
constexpr double kFewWorkBytes = 3.4e6;

// Without lanes a long batch goes piece by piece, whose buffers stay in the caches. Each piece
// reads all parameters and adds to all sums anew: it has four times their bytes, or is not worth
// it. Where large products run on tiles it would split the parameters anew, too: there the batch
// stays whole.
constexpr Index kPieceBytes = 4 * 1024 * 1024, kMostPieceBytes = 8 * 1024 * 1024;

Index bytes_of_row(const Program& p, Index element_size) {
  return std::max<Index>(p.batch_columns + p.fed_columns(), 1) * element_size;
}

// Equal parts of so many rows, each of at most `most`.
Index equal_parts(Index rows, Index most) { return parts_of(rows, parts_of(rows, most)); }

Cut cut_into_pieces(const Program& p, Index rows, Index element_size, bool splits) {
  const Index read = std::max(p.parameter_size, p.reduced_size) * element_size;
  const Index bytes = std::max(kPieceBytes, 4 * read), row = bytes_of_row(p, element_size);
  Cut cut;
  cut.chunk = rows;
  // What fits into a piece is told without a division: small predictions come here, too.
  if (p.by_rows && !splits && bytes <= kMostPieceBytes && rows * row > bytes)
    cut.chunk = equal_parts(rows, std::max(bytes / row, kGrain));
  return cut;
}

}  // namespace

Cut cut_batch(const Program& p, Index rows, Index element_size, bool splits) {
  const Cut pieces = cut_into_pieces(p, rows, element_size, splits);
  if (!p.by_rows) return pieces;
  const double work = operations(p, rows, double(rows) * p.flops_per_row);
  const double bytes = work * double(element_size);
  double lanes = double(rows) / double(kLaneRows), fewest = 2.0;
  if (p.reduced_size) {  // each lane keeps, and later adds, sums as long as the gradient
    if (rows < kTwoLaneRows || bytes < kTwoLaneBytes ||
        p.reduced_size * element_size > kMaxSumBytes)
      return pieces;
    lanes = std::min(std::max(lanes, 1.0), work / (double(p.reduced_size) * kWorkPerSum));
    fewest = 1.0;
  } else if (p.parameter_size * element_size <= kFewBytes && bytes >= kFewWorkBytes) {
    lanes = double(rows) / double(kFewRows);
    fewest = 1.0;
  }
  if (lanes < fewest) return pieces;
  Cut cut;
  cut.lanes = 2;  // powers of two, as numbers of cores mostly are
  while (cut.lanes < kMaxLanes && 2.0 * double(cut.lanes) <= lanes) cut.lanes *= 2;
  cut.lane_rows = parts_of(rows, cut.lanes);
  const Index fitting = std::max(kChunkBytes / bytes_of_row(p, element_size), 4 * kGrain);
  cut.chunk = equal_parts(cut.lane_rows, fitting);
  return cut;
}

}  // namespace fastmlp
