#include "runtime/update.h"

#include <algorithm>

#include "runtime/steps/runner.h"

namespace fastmlp {
namespace {

constexpr Index kUpdateGrain = 4096;  // fewer parameters than this are not worth sharing

constexpr Index most(Index (Rule::*count)() const) {
  Index found = 1;  // no array is empty
  for (const Rule& rule : kRules)
    if ((rule.*count)() > found) found = (rule.*count)();
  return found;
}

}  // namespace

template <class T>
void update(const Updates<T>& updates, const Kernels<T>& kernels, Index step, Index n, T* w,
            const T* g, const Worker& worker) {
  const int threads = n < 2 * kUpdateGrain ? 1 : worker.threads;
  if (worker.thread >= threads) return;
  const Range mine = part(n, 64, worker.thread, threads);
  for (const Group& group : updates.groups) {
    const Index begin = std::max(mine.begin, group.begin), end = std::min(mine.end, group.end);
    if (begin >= end) continue;
    const Rule& rule = group.format();
    T* state[most(&Rule::vectors)];
    for (Index i = 0; i < rule.vectors(); ++i) state[i] = updates.state[std::size_t(i)] + begin;
    T numbers[most(&Rule::width)];
    const double* const given = updates.numbers + step * updates.columns + group.column;
    for (Index i = 0; i < rule.width(); ++i) numbers[i] = T(given[i]);
    if (rule.decays() && !group.decays) numbers[rule.width() - 1] = T(0);
    kernels.update[int(group.rule)](end - begin, w + begin, g + begin, state, numbers);
  }
}

template void update(const Updates<float>&, const Kernels<float>&, Index, Index, float*,
                     const float*, const Worker&);
template void update(const Updates<double>&, const Kernels<double>&, Index, Index, double*,
                     const double*, const Worker&);

}  // namespace fastmlp
