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
  const Index n = feed.columns;
  for (Index i = begin; i < end; ++i) {
    const From* row = data + (order ? order[first + i] : first + i) * feed.stride;
    T* out = dst + i * n;
    for (Index j = 0; j < n; ++j) out[j] = T(row[j]);
  }
}

template <class T>
void gather_same(const Feed& feed, const std::int64_t* order, Index first, Index begin, Index end,
                 T* dst) {
  const T* data = static_cast<const T*>(feed.data);
  const Index n = feed.columns;
  for (Index i = begin; i < end; ++i)
    std::memcpy(dst + i * n, data + (order ? order[first + i] : first + i) * feed.stride,
                std::size_t(n) * sizeof(T));
}

}  // namespace

template <class T>
void gather(const Feed& feed, const std::int64_t* order, Index first, Index begin, Index end,
            T* dst) {
  if (feed.dtype == dtype_of<T>()) return gather_same<T>(feed, order, first, begin, end, dst);
  if (feed.dtype == DType::csr) return gather_sparse<T>(feed, order, first, begin, end, dst);
  with_type(feed.dtype, [&](auto element) {
    gather_from<decltype(element)>(feed, order, first, begin, end, dst);
  });
}

template void gather<float>(const Feed&, const std::int64_t*, Index, Index, Index, float*);
template void gather<double>(const Feed&, const std::int64_t*, Index, Index, Index, double*);

}  // namespace fastmlp
