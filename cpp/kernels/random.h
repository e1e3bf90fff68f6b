// Dropout and noise: random numbers by counters, so that each element's depends on its place alone.
#pragma once

#include "kernels/math.h"
#include "kernels/mix.h"
#include "kernels/shapes.h"

namespace fastmlp::FASTMLP_ISA {

// All ones for each of the 32-bit halves of u, the lower first, that is not below the threshold.
FASTMLP_INLINE Vec<float> kept(BitVec<double> u, std::uint32_t threshold) {
  return from_bits<float>((BitVec<float>)((BitVec<float>)u >= threshold));
}

// y = x·scale where a lane of `mask` has all ones, else 0: n elements.
template <class T>
FASTMLP_INLINE void keep(Index n, const T* x, T* y, Vec<T> mask, T scale) {
  store_part(y, from_bits<T>(bits<T>(load_part(x, n) * scale) & bits<T>(mask)), n);
}

// The first n of as many elements as a vector has halves of 64-bit words.
FASTMLP_INLINE void drop(Index n, const float* x, float* y, Vec<float> mask, float scale) {
  keep(n, x, y, mask, scale);
}
FASTMLP_INLINE void drop(Index n, const double* x, double* y, Vec<float> mask, double scale) {
  constexpr Index w = width<double>;
  Vec<float> low, high;
  interleave(mask, mask, low, high);
  keep(n < w ? n : w, x, y, (Vec<double>)low, scale);
  if (n > w) keep(n - w, x + w, y + w, (Vec<double>)high, scale);
}

template <class T>
void dropout(Index n, const T* x, T* y, std::uint64_t key, std::uint64_t first,
             std::uint32_t threshold, T scale) {
  constexpr Index pairs = width<double>;
  Index i = 0;
  if (first % 2 && n > 0) {
    y[0] = mix(key + (first / 2 + 1) * kGamma) >> 32 >= threshold ? x[0] * scale : T(0);
    i = 1;
  }
  const std::uint64_t pair = (first + std::uint64_t(i)) / 2 + 1;
  BitVec<double> at = (BitVec<double>)lane_numbers<double>() * kGamma + (key + pair * kGamma);
  for (; i < n; i += 2 * pairs, at += pairs * kGamma)
    drop(n - i < 2 * pairs ? n - i : 2 * pairs, x + i, y + i, kept(mix(at), threshold), scale);
}

// sin(2πa) for |a| ≤ ¼, by its Taylor series up to a²¹: 2^-60 of it is left.
FASTMLP_INLINE Vec<double> sine_of_turns(Vec<double> a) {
  constexpr double two_pi = 6.283185307179586476925286766559;
  double term = two_pi, terms[11];
  for (int k = 0; k < 11; ++k) {
    terms[k] = term;
    term *= -two_pi * two_pi / double((2 * k + 2) * (2 * k + 3));
  }
  const Vec<double> square = a * a;
  Vec<double> s = splat(terms[10]);
  FASTMLP_UNROLL
  for (int k = 9; k >= 0; --k) s = fma(s, square, splat(terms[k]));
  return s * a;
}

template <class T>
void noise(Index n, const T* x, T* y, std::uint64_t key, std::uint64_t first, double deviation) {
  constexpr Index w = width<double>, block = 64;
  constexpr double unit = 0x1p-32;
  alignas(64) double u[block], turns[block];
  for (Index i = 0; i < n; i += block) {
    const Index count = n - i < block ? n - i : block, whole = (count + w - 1) / w * w;
    FASTMLP_INDEPENDENT
    for (Index r = 0; r < whole; ++r) {
      const std::uint64_t at = first + std::uint64_t(i + r) + 1;
      const std::uint64_t bits = mix(key + at * kGamma);
      u[r] = double(std::int64_t(bits >> 32) + 1) * unit;
      turns[r] = double(std::int64_t(bits & 0xFFFFFFFFu)) * unit - 0.5;
    }
    // cos(2πv) = sin(2π(|v − ½| − ¼))
    for (Index r = 0; r < whole; r += w) {
      const Vec<double> radius = sqrt(-2.0 * log<double>(load(u + r)));
      store(u + r, radius * sine_of_turns(abs<double>(load(turns + r)) - 0.25) * deviation);
    }
    FASTMLP_INDEPENDENT
    for (Index r = 0; r < count; ++r) y[i + r] = x[i + r] + T(u[r]);
  }
}

}  // namespace fastmlp::FASTMLP_ISA
