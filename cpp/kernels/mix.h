// Where random numbers come from: a hash of a key and a counter.
#pragma once

#include <cstdint>

namespace fastmlp {

// What counters are multiplied by before they are mixed; theirs.
constexpr std::uint64_t kGamma = 0x9E3779B97F4A7C15u;

// SplitMix64's finalizer: Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
// 2014, of a 64-bit number or of a vector of them. Static: what is compiled for an instruction set
// may not be merged with what is not.
template <class U>
static inline __attribute__((always_inline)) U mix(U u) {
  u ^= u >> 30;
  u *= 0xBF58476D1CE4E5B9u;
  u ^= u >> 27;
  u *= 0x94D049BB133111EBu;
  return u ^ (u >> 31);
}

}  // namespace fastmlp
