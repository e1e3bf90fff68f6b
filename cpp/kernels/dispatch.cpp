// Chooses the table of kernels, once.
#ifdef FASTMLP_HAVE_AMX
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

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

#ifdef FASTMLP_HAVE_AMX
namespace amx {
extern const Isa isa;
}
#endif

namespace {

#ifdef FASTMLP_HAVE_AMX
// The processor has tiles of bfloat16, and Linux lets this process use them.
bool tiles_permitted() {
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr unsigned amx_bf16 = 1u << 22, amx_tile = 1u << 24;
  if (!(d & amx_bf16) || !(d & amx_tile)) return false;
  constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM of Linux 5.16
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}
#endif

struct Available {
  const Isa* tables[4];
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
#ifdef FASTMLP_HAVE_AMX
    if (tables[count - 1] == &avx512::isa && tiles_permitted()) tables[count++] = &amx::isa;
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
