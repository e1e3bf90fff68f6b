// Arithmetic without subnormal numbers.
#pragma once

#include <cstdint>

namespace fastmlp {

// While it lives, its thread takes subnormal numbers for zero. Weights and averages that decay
// under L2 or Adam end there, and arithmetic on them is a hundred times slower; they change no
// result.
class FlushSubnormals {
 public:
#if defined(__x86_64__)
  FlushSubnormals() : before_(__builtin_ia32_stmxcsr()) {
    __builtin_ia32_ldmxcsr(unsigned(before_) | 0x8040u);  // results, and operands, to zero
  }
  ~FlushSubnormals() { __builtin_ia32_ldmxcsr(unsigned(before_)); }
#elif defined(__aarch64__)
  FlushSubnormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" ::"r"(before_ | (1ull << 24)));
  }
  ~FlushSubnormals() { asm volatile("msr fpcr, %0" ::"r"(before_)); }
#else
  FlushSubnormals() : before_(0) {}
  ~FlushSubnormals() {}
#endif
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
  std::uint64_t before_;
};

}  // namespace fastmlp
