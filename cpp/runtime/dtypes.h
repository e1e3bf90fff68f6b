// From a dtype known at run time to a type.
#pragma once

#include <cstdint>
#include <cstring>

#include "runtime/feeds.h"

namespace fastmlp {

// In integers and without a choice, so that rows of them run in vectors: a quarter of the time. No
// operand is subnormal, which a step would take for 0.
inline float half_to_float(std::uint16_t h) {
  constexpr std::uint32_t bias = 112u << 23;  // between the exponents
  const std::uint32_t rest = h & 0x7fffu;
  const auto all_if = [](std::uint32_t negative) {  // all bits, or none
    return std::uint32_t(std::int32_t(negative) >> 31);
  };
  const std::uint32_t few = all_if(rest - 0x400u), beyond = all_if(0x7bffu - rest);
  const float least = float(std::int32_t(rest)) * 5.9604644775390625e-8f;  // rest · 2^-24
  std::uint32_t bits;
  std::memcpy(&bits, &least, sizeof bits);
  const std::uint32_t normal = (rest << 13) + bias + (beyond & bias);
  bits = (bits & few) | (normal & ~few) | std::uint32_t(h & 0x8000u) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

struct Half {
  std::uint16_t bits;
  operator float() const { return half_to_float(bits); }
};

inline bool finite(Half h) { return (h.bits & 0x7c00u) != 0x7c00u; }

// A bool of one byte: any byte but 0 is true.
struct Truth {
  std::uint8_t byte;
  operator bool() const { return byte != 0; }
};

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
      return body(Truth());
    case DType::csr:
      return;  // has elements of another type
  }
}

inline Index size_of(DType dtype) {
  Index size = 0;
  with_type(dtype, [&](auto element) { size = Index(sizeof element); });
  return size;
}

}  // namespace fastmlp
