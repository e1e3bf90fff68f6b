#include "runtime/sparse.h"

#include <algorithm>
#include <cstring>

#include "runtime/dtypes.h"
#include "runtime/steps/product.h"

namespace fastmlp {
namespace {

constexpr double kFlopsPerElement = 16.0;  // writing a number to memory takes as long

// A feed's rows in the order of a batch.
template <class From, class Place>
struct Source {
  const From* values;
  const Place* columns;
  const Index* begins;
  const std::int64_t* order;
  Index first, rows, width;

  Range row(Index i) const {
    const Index r = row_at(order, first + i, rows);
    return {begins[r], begins[r + 1]};
  }
  Index length(Index i) const {
    const Range r = row(i);
    return r.end - r.begin;
  }
  // Others may have written to it since it was checked.
  Index column(Index k) const {
    const Index j = Index(static_cast<const volatile Place*>(columns)[k]);
    return j >= 0 && j < width ? j : 0;
  }
};

template <class From, class Body>
void with_places(const Feed& feed, const std::int64_t* order, Index first, Body body) {
  const From* values = static_cast<const From*>(feed.data);
  const auto source = [&](auto place) {
    using Place = decltype(place);
    return Source<From, Place>{values,
                               static_cast<const Place*>(feed.sparse.columns),
                               feed.sparse.begins.get(),
                               order,
                               first,
                               feed.rows,
                               feed.columns};
  };
  if (feed.sparse.wide)
    body(source(std::int64_t()));
  else
    body(source(std::int32_t()));
}

// Calls body(source) with the types of the feed's elements and places.
template <class Body>
void with_source(const Feed& feed, const std::int64_t* order, Index first, Body body) {
  with_type(feed.sparse.dtype,
            [&](auto element) { with_places<decltype(element)>(feed, order, first, body); });
}

// Rows [part.begin, part.end) of the batch, one after the other.
template <class S, class T>
void bring_rows(const S& source, Range part, T* values, std::int32_t* columns, Index* begins) {
  if (part.begin == part.end) return;
  Index to = 0;
  for (Index i = 0; i < part.begin; ++i) to += source.length(i);
  if (part.begin == 0) begins[0] = 0;
  for (Index i = part.begin; i < part.end; ++i) {
    const Range r = source.row(i);
    for (Index k = r.begin; k < r.end; ++k, ++to) {
      values[to] = T(source.values[k]);
      columns[to] = std::int32_t(source.column(k));
    }
    begins[i + 1] = to;
  }
}

// Columns [part.begin, part.end) of `rows` rows, by a counting sort: the elements of a column come
// in the order of the rows.
template <class T>
void turn_rows(const SparseRows<T>& x, Index rows, Range part, T* values, std::int32_t* places,
               Index* begins) {
  if (part.begin == part.end) return;
  Index* const next = begins + 1;  // counts, then where the next element of each column goes
  std::fill(next + part.begin, next + part.end, Index(0));
  Index to = 0;
  for (Index k = 0; k < x.begins[rows]; ++k) {
    const Index j = x.columns[k];
    if (j < part.begin)
      ++to;
    else if (j < part.end)
      ++next[j];
  }
  if (part.begin == 0) begins[0] = 0;
  for (Index j = part.begin; j < part.end; ++j) {
    const Index count = next[j];
    next[j] = to;
    to += count;
  }
  for (Index i = 0; i < rows; ++i) {
    for (Index k = x.begins[i]; k < x.begins[i + 1]; ++k) {
      const Index j = x.columns[k];
      if (j < part.begin || j >= part.end) continue;
      values[next[j]] = x.values[k];
      places[next[j]++] = std::int32_t(i);
    }
  }
}

bool turned_a(const Step& product) { return product.numbers[kinds::gemm::transpose_a]; }
bool turned_b(const Step& product) { return product.numbers[kinds::gemm::transpose_b]; }
Index groups_of(const Step& s) { return s.kind == Kind::gemm ? s.numbers[kinds::gemm::groups] : 1; }
bool is_feed(const Ref& r, Index feed) { return r.space == Space::feed && r.offset == feed; }

// Adds to `use` what one step does with the feed.
void count_use(const Step& s, Index feed, FactorUse& use) {
  int reads = 0;
  for (const Ref& r : s.in) reads += is_feed(r, feed);
  if (reads == 0) return;
  const bool gradient = is_turned_gradient(s) && is_feed(s.in[1], feed);
  const bool left = s.kind == Kind::gemm && !turned_b(s) && is_feed(s.in[0], feed);
  if (reads > 1 || !(left || gradient) || groups_of(s) > 1) {
    use.only = false;
    return;
  }
  const Index units = gradient ? 1 : s.out.columns;
  use.units += units;
  if (gradient || turned_a(s)) use.turned_units += units;
}

}  // namespace

double FactorUse::flops(Index columns, Index elements) const {
  return 2.0 * double(units) * double(elements) +
         kFlopsPerElement * double(turned_units) * double(columns);
}

double FactorUse::dense_flops(Index rows, Index columns) const {
  return 2.0 * double(units) * double(rows) * double(columns);
}

bool is_turned_gradient(const Step& s) {
  return s.kind == Kind::gemm && turned_a(s) && !turned_b(s) && s.out.rows == 1 && !s.in[2] &&
         !s.out2;
}

std::vector<FactorUse> factor_uses(const Program& program) {
  std::vector<FactorUse> uses(program.feed_rows.size());
  for (std::size_t f = 0; f < uses.size(); ++f) {
    uses[f].only = program.feed_rows[f] == kBatch;
    for (const Step& s : program.steps) count_use(s, Index(f), uses[f]);
  }
  return uses;
}

Fullest fullest(const Feed& feed, const Batches& b, const Cut& cut) {
  const Index lane = cut.lanes ? cut.lane_rows : b.batch_rows;
  const Index chunk = cut.chunk;
  Fullest most;
  with_places<char>(feed, b.order, 0, [&](const auto& source) {
    const auto piece = [&](Index begin, Index end) {
      Index elements = 0;
      for (Index i = begin; i < end; ++i) elements += source.length(i);
      most.piece = std::max(most.piece, elements);
      return elements;
    };
    const Index end = b.rows * (b.order ? b.epochs : 1);
    for (Index epoch = 0; epoch < end; epoch += b.rows) {
      for (Index batch = 0; batch < b.rows; batch += b.batch_rows) {
        const Index batch_end = std::min(b.rows, batch + b.batch_rows);
        Index elements = 0;
        for (Index begin = batch; begin < batch_end; begin += lane) {
          const Index lane_end = std::min(batch_end, begin + lane);
          for (Index i = begin; i < lane_end; i += chunk)
            elements += piece(epoch + i, epoch + std::min(lane_end, i + chunk));
        }
        most.batch = std::max(most.batch, elements);
      }
    }
  });
  return most;
}

template <class T>
void SparseBuffers<T>::reserve(Index rows, Index columns, Index elements, bool turned,
                               Index copies) {
  rows_ = rows, columns_ = columns, elements_ = elements, turned_ = turned;
  const Index sides = turned ? 2 : 1;
  values_.reserve(std::size_t(sides * elements * copies));
  places_.reserve(std::size_t(sides * elements * copies));
  begins_.reserve(std::size_t((rows + 1 + (turned ? columns + 1 : 0)) * copies));
}

template <class T>
typename SparseBuffers<T>::Lists SparseBuffers<T>::lists(bool turned, Index copy) const {
  const Index side = (turned_ ? 2 : 1) * copy + (turned ? 1 : 0);
  const Index begins = (rows_ + 1 + (turned_ ? columns_ + 1 : 0)) * copy + (turned ? rows_ + 1 : 0);
  return {values_.data() + elements_ * side, places_.data() + elements_ * side,
          begins_.data() + begins};
}

template <class T>
SparseBatch<T> SparseBuffers<T>::bring(const Feed& feed, const std::int64_t* order, Index first,
                                       Index rows, int thread, int threads, Index copy) const {
  const Lists to = lists(false, copy);
  if (rows > 0)
    with_source(feed, order, first, [&](const auto& source) {
      bring_rows(source, part(rows, 1, thread, threads), to.values, to.places, to.begins);
    });
  SparseBatch<T> batch;
  batch.rows = to.read();
  if (turned_) batch.columns = lists(true, copy).read();
  return batch;
}

template <class T>
void SparseBuffers<T>::turn(Index rows, int thread, int threads, Index copy) const {
  if (!turned_ || rows == 0) return;
  const Lists to = lists(true, copy);
  turn_rows(lists(false, copy).read(), rows, part(columns_, 16, thread, threads), to.values,
            to.places, to.begins);
}

template <class T>
void gather_sparse(const Feed& feed, const std::int64_t* order, Index first, Index begin, Index end,
                   T* dst) {
  const Index n = feed.columns;
  with_source(feed, order, first, [&](const auto& source) {
    for (Index i = begin; i < end; ++i) {
      T* out = dst + i * n;
      std::memset(out, 0, std::size_t(n) * sizeof(T));
      const Range r = source.row(i);
      for (Index k = r.begin; k < r.end; ++k) out[source.column(k)] += T(source.values[k]);
    }
  });
}

#define FASTMLP_SPARSE(T)          \
  template class SparseBuffers<T>; \
  template void gather_sparse<T>(const Feed&, const std::int64_t*, Index, Index, Index, T*);
FASTMLP_SPARSE(float)
FASTMLP_SPARSE(double)

}  // namespace fastmlp
