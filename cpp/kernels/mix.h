// Where random numbers come from: a hash of a key and a counter.
#pragma once

#include <cstdint>

namespace fastmlp {

// SplitMix64's finalizer: Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
// 2014. Static: what is compiled for an instruction set may not be merged with what is not.
static inline __attribute__((always_inline)) std::uint64_t mix(std::uint64_t u) {
  u ^= u >> 30;
  u *= 0xBF58476D1CE4E5B9u;
  u ^= u >> 27;
  u *= 0x94D049BB133111EBu;
  return u ^ (u >> 31);
}

}  // namespace fastmlp
