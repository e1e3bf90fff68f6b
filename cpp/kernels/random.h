// Dropout: random numbers by counters, so that each element's depends on its place alone.
#pragma once

#include "kernels/mix.h"
#include "kernels/simd.h"

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

}  // namespace fastmlp::FASTMLP_ISA
