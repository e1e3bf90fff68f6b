// Dropout and noise: random numbers by counters, so that each element's depends on its place alone.
#pragma once

#include "kernels/math.h"
#include "kernels/mix.h"

namespace fastmlp::FASTMLP_ISA {

template <class T>
void dropout(Index n, const T* x, T* y, std::uint64_t key, std::uint64_t first,
             std::uint32_t threshold, T scale) {
  FASTMLP_INDEPENDENT
  for (Index i = 0; i < n; ++i) {
    const std::uint64_t u = mix(key + (first + std::uint64_t(i) + 1) * 0x9E3779B97F4A7C15u);
    y[i] = (u >> 32) >= threshold ? x[i] * scale : T(0);
  }
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
      const std::uint64_t bits = mix(key + at * 0x9E3779B97F4A7C15u);
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
