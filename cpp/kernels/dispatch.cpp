// Chooses the table of kernels, once.
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels/table.h"

namespace fastmlp {

namespace baseline {
extern const Isa isa;
}
#ifdef FASTMLP_HAVE_AVX2
namespace avx2 {
extern const Isa isa;
}
#endif
#ifdef FASTMLP_HAVE_AVX512
namespace avx512 {
extern const Isa isa;
}
#endif

namespace {

struct Available {
  const Isa* tables[3];
  int count = 0;

  Available() {
    tables[count++] = &baseline::isa;
#ifdef FASTMLP_HAVE_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
      tables[count++] = &avx2::isa;
#endif
#ifdef FASTMLP_HAVE_AVX512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
      tables[count++] = &avx512::isa;
#endif
  }
};

const Available& available() {
  static const Available a;
  return a;
}

const Isa& choose() {
  const Available& a = available();
  const char* wanted = std::getenv("FASTMLP_ISA");
  if (!wanted || !*wanted) return *a.tables[a.count - 1];
  std::string names;
  for (int i = 0; i < a.count; ++i) {
    if (!std::strcmp(a.tables[i]->name, wanted)) return *a.tables[i];
    names += (i ? ", " : "") + std::string(a.tables[i]->name);
  }
  throw std::invalid_argument(
      "FASTMLP_ISA is \"" + std::string(wanted) +
      "\", which this machine and build cannot run; expected one of: " + names);
}

}  // namespace

const Isa& active_isa() {
  static const Isa& isa = choose();
  return isa;
}

const Isa* const* available_isas(int* count) {
  const Available& a = available();
  *count = a.count;
  return a.tables;
}

}  // namespace fastmlp
