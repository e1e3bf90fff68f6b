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

}  // namespace

template <class T>
void gather(const Feed& feed, const std::int64_t* order, Index first, Index begin, Index end,
            T* dst) {
  if (feed.dtype == dtype_of<T>()) return gather_same<T>(feed, order, first, begin, end, dst);
  switch (feed.dtype) {
    case DType::f32:
      return gather_from<float>(feed, order, first, begin, end, dst);
    case DType::f64:
      return gather_from<double>(feed, order, first, begin, end, dst);
    case DType::f16:
      return gather_from<Half>(feed, order, first, begin, end, dst);
    case DType::i8:
      return gather_from<std::int8_t>(feed, order, first, begin, end, dst);
    case DType::u8:
      return gather_from<std::uint8_t>(feed, order, first, begin, end, dst);
    case DType::i16:
      return gather_from<std::int16_t>(feed, order, first, begin, end, dst);
    case DType::u16:
      return gather_from<std::uint16_t>(feed, order, first, begin, end, dst);
    case DType::i32:
      return gather_from<std::int32_t>(feed, order, first, begin, end, dst);
    case DType::u32:
      return gather_from<std::uint32_t>(feed, order, first, begin, end, dst);
    case DType::i64:
      return gather_from<std::int64_t>(feed, order, first, begin, end, dst);
    case DType::u64:
      return gather_from<std::uint64_t>(feed, order, first, begin, end, dst);
    case DType::boolean:
      return gather_from<bool>(feed, order, first, begin, end, dst);
  }
}

template void gather<float>(const Feed&, const std::int64_t*, Index, Index, Index, float*);
template void gather<double>(const Feed&, const std::int64_t*, Index, Index, Index, double*);

}  // namespace fastmlp
