// Memory that AddressSanitizer must be told of: compilers do not see what masked loads and stores
// and tiles touch. Nothing in other builds.
#pragma once

#include "kernels/table.h"

#ifdef FASTMLP_SANITIZE_ADDRESS
extern "C" {
void __asan_loadN_noabort(void* p, unsigned long bytes);
void __asan_storeN_noabort(void* p, unsigned long bytes);
}
#endif

namespace fastmlp::FASTMLP_ISA {

inline __attribute__((always_inline)) void reads([[maybe_unused]] const void* p,
                                                 [[maybe_unused]] Index bytes) {
#ifdef FASTMLP_SANITIZE_ADDRESS
  __asan_loadN_noabort(const_cast<void*>(p), (unsigned long)bytes);
#endif
}

inline __attribute__((always_inline)) void writes([[maybe_unused]] void* p,
                                                  [[maybe_unused]] Index bytes) {
#ifdef FASTMLP_SANITIZE_ADDRESS
  __asan_storeN_noabort(p, (unsigned long)bytes);
#endif
}

}  // namespace fastmlp::FASTMLP_ISA
