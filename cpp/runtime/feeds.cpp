#include "runtime/feeds.h"

#include <cstring>

#include "runtime/dtypes.h"
#include "runtime/sparse.h"

namespace fastmlp {
namespace {

template <class From, class T>
void gather_from(const Feed& feed, const std::int64_t* order, Index first, Index begin, Index end,
                 T* dst) {
  const From* data = static_cast<const From*>(feed.data);
  const Index n = feed.columns, step = feed.step, rows = feed.rows, stride = feed.stride;
  if (n == 1) {  // targets
    for (Index i = begin; i < end; ++i) dst[i] = T(data[row_at(order, first + i, rows) * stride]);
    return;
  }
  for (Index i = begin; i < end; ++i) {
    const From* row = data + row_at(order, first + i, rows) * stride;
    T* out = dst + i * n;
    if (step == 1) {  // in vectors
      for (Index j = 0; j < n; ++j) out[j] = T(row[j]);
    } else {
      for (Index j = 0; j < n; ++j) out[j] = T(row[j * step]);
    }
  }
}

// A short row costs less than a call of memcpy.
template <class T>
void copy_row(Index n, const T* x, T* y) {
  constexpr Index piece = 16 / Index(sizeof(T)), few = 8 * piece;
  if (n > few) {
    std::memcpy(y, x, std::size_t(n) * sizeof(T));
    return;
  }
  Index j = 0;
  for (; j + piece <= n; j += piece) std::memcpy(y + j, x + j, 16);
  for (; j < n; ++j) y[j] = x[j];
}

template <class T>
void gather_same(const Feed& feed, const std::int64_t* order, Index first, Index begin, Index end,
                 T* dst) {
  const T* data = static_cast<const T*>(feed.data);
  const Index n = feed.columns, rows = feed.rows, stride = feed.stride;
  for (Index i = begin; i < end; ++i)
    copy_row(n, data + row_at(order, first + i, rows) * stride, dst + i * n);
}

}  // namespace

template <class T>
void gather(const Feed& feed, const std::int64_t* order, Index first, Index begin, Index end,
            T* dst) {
  if (feed.dtype == dtype_of<T>() && feed.step == 1)
    return gather_same<T>(feed, order, first, begin, end, dst);
  if (feed.dtype == DType::csr) return gather_sparse<T>(feed, order, first, begin, end, dst);
  with_type(feed.dtype, [&](auto element) {
    gather_from<decltype(element)>(feed, order, first, begin, end, dst);
  });
}

template void gather<float>(const Feed&, const std::int64_t*, Index, Index, Index, float*);
template void gather<double>(const Feed&, const std::int64_t*, Index, Index, Index, double*);

}  // namespace fastmlp
