#include "runtime/feeds.h"

#include <cstring>

namespace fastmlp {
namespace {

float half_to_float(std::uint16_t h) {
  const std::uint32_t sign = std::uint32_t(h & 0x8000u) << 16;
  const std::uint32_t exponent = (h >> 10) & 31u, fraction = h & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: fraction · 2^-24
    const float magnitude = float(fraction) * 5.9604644775390625e-8f;
    return sign ? -magnitude : magnitude;
  }
  const std::uint32_t bits = exponent == 31 ? sign | 0x7f800000u | (fraction << 13)
                                            : sign | ((exponent + 112u) << 23) | (fraction << 13);
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

struct Half {
  std::uint16_t bits;
  operator float() const { return half_to_float(bits); }
};

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

// Calls body(From()) with the type of the elements.
template <class Body>
void with_type(DType dtype, Body body) {
  switch (dtype) {
    case DType::f32:
      return body(float());
    case DType::f64:
      return body(double());
    case DType::f16:
      return body(Half());
    case DType::i8:
      return body(std::int8_t());
    case DType::u8:
      return body(std::uint8_t());
    case DType::i16:
      return body(std::int16_t());
    case DType::u16:
      return body(std::uint16_t());
    case DType::i32:
      return body(std::int32_t());
    case DType::u32:
      return body(std::uint32_t());
    case DType::i64:
      return body(std::int64_t());
    case DType::u64:
      return body(std::uint64_t());
    case DType::boolean:
      return body(bool());
    case DType::csr:
      return;  // has elements of another type
  }
}

template <class From, class Place, class T>
void gather_sparse(const Feed& feed, const std::int64_t* order, Index first, Index begin, Index end,
                   T* dst) {
  const From* data = static_cast<const From*>(feed.data);
  const Place* columns = static_cast<const Place*>(feed.sparse.columns);
  const Place* begins = static_cast<const Place*>(feed.sparse.begins);
  const Index n = feed.columns;
  for (Index i = begin; i < end; ++i) {
    const Index row = order ? Index(order[first + i]) : first + i;
    T* out = dst + i * n;
    std::memset(out, 0, std::size_t(n) * sizeof(T));
    for (Index k = begins[row]; k < Index(begins[row + 1]); ++k) out[columns[k]] += T(data[k]);
  }
}

}  // namespace

template <class T>
void gather(const Feed& feed, const std::int64_t* order, Index first, Index begin, Index end,
            T* dst) {
  if (feed.dtype == dtype_of<T>()) return gather_same<T>(feed, order, first, begin, end, dst);
  if (feed.dtype == DType::csr)
    return with_type(feed.sparse.dtype, [&](auto element) {
      using From = decltype(element);
      if (feed.sparse.wide)
        gather_sparse<From, std::int64_t>(feed, order, first, begin, end, dst);
      else
        gather_sparse<From, std::int32_t>(feed, order, first, begin, end, dst);
    });
  with_type(feed.dtype, [&](auto element) {
    gather_from<decltype(element)>(feed, order, first, begin, end, dst);
  });
}

template void gather<float>(const Feed&, const std::int64_t*, Index, Index, Index, float*);
template void gather<double>(const Feed&, const std::int64_t*, Index, Index, Index, double*);

}  // namespace fastmlp
