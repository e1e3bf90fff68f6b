#include "runtime/update.h"

#include <algorithm>
#include <cmath>

#include "runtime/steps/runner.h"

namespace fastmlp {
namespace {

constexpr Index kUpdateGrain = 4096;  // fewer parameters than this are not worth sharing
constexpr Index kNormBlock = 4096;    // elements whose squares one thread adds up
constexpr Index kUpdateBlock = 1024;  // elements that are clipped, updated and averaged at a time

constexpr Index kBoundBlock = 256;  // units whose norms are taken in one pass over the inputs
constexpr Index kBoundGrain = 16;   // units that one thread brings back to their norm

constexpr Index most(Index Rule::* count) {
  Index found = 1;  // no array is empty
  for (const Rule& rule : kRules)
    if (rule.*count > found) found = rule.*count;
  return found;
}

// Σ g² in double where it is too large for T.
template <class T>
double sum_of_squares(const Kernels<T>& kernels, Index n, const T* g) {
  const T sum = kernels.dot(1, n, g, n, g, n);
  if (sum <= std::numeric_limits<T>::max()) return double(sum);
  double exact = 0.0;
  for (Index i = 0; i < n; ++i) exact += double(g[i]) * double(g[i]);
  return exact;
}

// What the gradient is multiplied by so that its norm is at most clip_norm, as PyTorch has it:
// min(1, c / (‖g‖ + 1e-6)). Each block's squares are added up by one thread, the blocks' sums in
// their order by all: the same bits on any number of threads.
template <class T>
T norm_factor(const Updates<T>& updates, const Kernels<T>& kernels, Index n, const T* g,
              double* sums, int threads, const Worker& worker) {
  const Index blocks = norm_sums(n);
  const Range mine = part(blocks, 1, worker.thread, threads);
  for (Index block = mine.begin; block < mine.end; ++block) {
    sums[block] = 0.0;
    for (const Group& group : updates.groups) {
      const Index begin = std::max(block * kNormBlock, group.begin);
      const Index end = std::min((block + 1) * kNormBlock, group.end);
      if (begin < end && group.rule != Optimizer::assign)
        sums[block] += sum_of_squares(kernels, end - begin, g + begin);
    }
  }
  if (threads > 1) worker.wait();
  double total = 0.0;
  for (Index block = 0; block < blocks; ++block) total += sums[block];
  const double factor = updates.clip_norm / (std::sqrt(total) + 1e-6);
  return factor < 1.0 ? T(factor) : factor == factor ? T(1) : T(factor);  // NaN stays
}

// ‖w‖ of n elements whose squares are beyond the range of double, or below it.
template <class T>
double scaled_norm(Index n, const T* w, Index stride) {
  double largest = 0.0, sum = 0.0;
  for (Index i = 0; i < n; ++i) largest = std::max(largest, std::abs(double(w[i * stride])));
  if (!(largest > 0.0 && largest < kUnbounded)) return largest;
  for (Index i = 0; i < n; ++i) {
    const double x = double(w[i * stride]) / largest;
    sum += x * x;
  }
  return largest * std::sqrt(sum);
}

// w ← w · min(1, c / ‖w‖) for the weights into each unit of this thread's part. A unit's squares
// are added up by one thread, in the order of the inputs. What is not finite stays.
template <bool kByRows, class T>
void keep_in(const NormBound& bound, T* weights, int thread, int threads) {
  constexpr double kSmall = 1e-140;  // its square is a normal number
  const Index down = kByRows ? 1 : bound.units, across = kByRows ? bound.inputs : 1;
  T* const w = weights + bound.offset;
  const Range mine = part(bound.units, kBoundGrain, thread, threads);
  for (Index first = mine.begin; first < mine.end; first += kBoundBlock) {
    const Index count = std::min(kBoundBlock, mine.end - first);
    double sums[kBoundBlock] = {};
    for (Index i = 0; i < bound.inputs; ++i) {
      const T* const row = w + i * down + first * across;
      for (Index u = 0; u < count; ++u) {
        const double x = double(row[kByRows ? u * across : u]);
        sums[u] += x * x;
      }
    }
    T factors[kBoundBlock];
    bool all_inside = true;
    for (Index u = 0; u < count; ++u) {
      const bool exact = sums[u] < kUnbounded && bound.limit > kSmall;
      const double norm =
          exact ? std::sqrt(sums[u]) : scaled_norm(bound.inputs, w + (first + u) * across, down);
      const bool inside = !(norm > bound.limit && norm < kUnbounded);
      factors[u] = inside ? T(1) : T(bound.limit / norm);
      all_inside = all_inside && inside;
    }
    if (all_inside) continue;
    for (Index i = 0; i < bound.inputs; ++i) {
      T* const row = w + i * down + first * across;
      for (Index u = 0; u < count; ++u) row[kByRows ? u * across : u] *= factors[u];
    }
  }
}

}  // namespace

Index norm_sums(Index parameters) { return (parameters + kNormBlock - 1) / kNormBlock; }

// NaN and infinity have all exponent bits set; x − x is zero for every other number. So it is for
// the sum of squares, unless that overflows.
template <class T>
bool finite(const Kernels<T>& kernels, Index n, const T* x) {
  const auto is_finite = [](T e) { return e - e == T(0); };
  return n <= 0 || is_finite(kernels.dot(1, n, x, n, x, n)) || std::all_of(x, x + n, is_finite);
}

namespace {

// One step of a group's rule on the parameters in r.
template <class T>
void update_group(const Updates<T>& updates, const Kernels<T>& kernels, const Group& group,
                  Index step, Range r, T factor, T* w, const T* g) {
  const bool clips = updates.clip_norm < kUnbounded || updates.clip_value < kUnbounded;
  const T bound = T(updates.clip_value);
  const bool averages_at_once = updates.average && updates.bounds.empty();
  const Rule& rule = group.format();
  const bool told = group.rule == Optimizer::assign;
  T numbers[most(&Rule::width)];
  const double* const given = updates.numbers + step * updates.columns + group.column;
  for (Index i = 0; i < rule.width; ++i) numbers[i] = T(given[i]);
  if (rule.decays && !group.decays) numbers[rule.width - 1] = T(0);
  // What is clipped or averaged goes through the caches once, block by block.
  const Index length = clips || averages_at_once ? kUpdateBlock : r.end - r.begin;
  for (Index i = r.begin; i < r.end; i += length) {
    const Index count = std::min(length, r.end - i);
    T* state[most(&Rule::vectors)];
    for (Index k = 0; k < rule.vectors; ++k) state[k] = updates.state[std::size_t(k)] + i;
    alignas(64) T clipped[kUpdateBlock];
    if (clips && !told) kernels.clip(count, g + i, factor, bound, clipped);
    kernels.update[int(group.rule)](count, w + i, clips && !told ? clipped : g + i, state, numbers);
    if (averages_at_once)
      kernels.approach(count, w + i, told ? T(1) : T(updates.parts[step]), updates.average + i);
  }
}

}  // namespace

template <class T>
void update(const Updates<T>& updates, const Kernels<T>& kernels, Index step, Index n, T* w,
            const T* g, double* sums, const Worker& worker, const Care<T>& care) {
  const int threads = n < 2 * kUpdateGrain ? 1 : worker.threads;
  if (worker.thread >= threads) return;
  const T factor = updates.clip_norm < kUnbounded
                       ? norm_factor(updates, kernels, n, g, sums, threads, worker)
                       : T(1);
  const Range mine = part(n, 64, worker.thread, threads);
  const auto all_vectors = [&](auto visit) {
    visit(Index(0), w);
    for (std::size_t s = 0; s < updates.state.size(); ++s)
      visit(n * Index(s + 1), updates.state[s]);
  };
  const Index length = care.backup ? kUpdateBlock : std::max<Index>(mine.size(), 1);
  for (Index first = mine.begin; first < mine.end; first += length) {
    const Range block{first, std::min(mine.end, first + length)};
    const Index count = block.end - block.begin;
    if (care.backup)
      all_vectors([&](Index place, const T* x) {
        T* const kept = care.backup + place + block.begin;
        kernels.update[int(Optimizer::assign)](count, kept, x + block.begin, nullptr, nullptr);
      });
    for (const Group& group : updates.groups) {
      const Range r{std::max(block.begin, group.begin), std::min(block.end, group.end)};
      if (r.begin < r.end) update_group(updates, kernels, group, step, r, factor, w, g);
    }
    if (care.non_finite)
      all_vectors([&](Index, const T* x) {
        if (!finite(kernels, count, x + block.begin)) *care.non_finite = true;
      });
  }
  if (updates.bounds.empty()) return;
  if (threads > 1) worker.wait();
  for (const NormBound& bound : updates.bounds) {
    if (bound.by_rows)
      keep_in<true>(bound, w, worker.thread, threads);
    else
      keep_in<false>(bound, w, worker.thread, threads);
  }
  if (!updates.average) return;
  if (threads > 1) worker.wait();
  for (const Group& group : updates.groups) {
    const Index begin = std::max(mine.begin, group.begin), end = std::min(mine.end, group.end);
    if (begin >= end) continue;
    const T step_part = group.rule == Optimizer::assign ? T(1) : T(updates.parts[step]);
    kernels.approach(end - begin, w + begin, step_part, updates.average + begin);
  }
}

#define FASTMLP_UPDATE(T)                                                                         \
  template void update(const Updates<T>&, const Kernels<T>&, Index, Index, T*, const T*, double*, \
                       const Worker&, const Care<T>&);                                            \
  template bool finite(const Kernels<T>&, Index, const T*);
FASTMLP_UPDATE(float)
FASTMLP_UPDATE(double)

}  // namespace fastmlp
