#include "runtime/steps/table.h"

#include <algorithm>

#include "runtime/steps/elementwise.h"
#include "runtime/steps/norms.h"
#include "runtime/steps/product.h"
#include "runtime/steps/rescale.h"
#include "runtime/steps/rows.h"
#include "runtime/steps/sums.h"
#include "runtime/steps/tables.h"

namespace fastmlp {
namespace {

template <class List, class T = typename List::value_type>
constexpr fastmlp::List<T> list_of(const List& list) {
  return {list.data(), list.size()};
}

template <class K>
constexpr StepKind row(const char* name) {
  return {name, list_of(K::numbers), list_of(K::may_overwrite), K::check, K::flops, K::whole_batch};
}

#define FASTMLP_ROW(name) row<kinds::name>(#name),
constexpr StepKind rows[] = {FASTMLP_KIND(FASTMLP_ROW)};
#undef FASTMLP_ROW

#define FASTMLP_ROW(name) kinds::name::scratch<T>,
template <class T>
constexpr Index (*scratches[])(const Step&, const Kernels<T>&, Index) = {FASTMLP_KIND(FASTMLP_ROW)};
#undef FASTMLP_ROW

}  // namespace

const StepKind& row_of(Kind kind) { return rows[int(kind)]; }

template <class T>
void run_step(const Step& step, const Frame<T>& frame, int thread, int threads, T* scratch) {
  Runner<T> runner{step, frame, *frame.kernels, thread, threads, scratch};
  switch (step.kind) {  // not through pointers: the runner's parts stay in registers
#define FASTMLP_RUN(name) \
  case Kind::name:        \
    return kinds::name::run<T>(runner);
    FASTMLP_KIND(FASTMLP_RUN)
#undef FASTMLP_RUN
    case Kind::count:
      break;
  }
}

template <class T>
Index scratch_size(const Program& program, const Kernels<T>& kernels, Index rows) {
  Index size = 0;
  for (const Step& s : program.steps)
    size = std::max(size, scratches<T>[int(s.kind)](s, kernels, rows));
  return size;
}

#define FASTMLP_STEPS(T)                                                 \
  template void run_step<T>(const Step&, const Frame<T>&, int, int, T*); \
  template Index scratch_size<T>(const Program&, const Kernels<T>&, Index);
FASTMLP_STEPS(float)
FASTMLP_STEPS(double)

}  // namespace fastmlp
