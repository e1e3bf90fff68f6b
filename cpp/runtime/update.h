// The update of the flat parameter vector: each group of parameters by the rule of its optimizer.
#pragma once

#include <atomic>
#include <limits>
#include <vector>

#include "runtime/program.h"
#include "runtime/team.h"

namespace fastmlp {

constexpr double kUnbounded = std::numeric_limits<double>::infinity();

constexpr Index count_words(const char* text) {
  Index words = 0;
  for (bool inside = false; *text; ++text) {
    words += *text != ' ' && !inside;
    inside = *text != ' ';
  }
  return words;
}

constexpr bool ends_in_decay(const char* text) {
  const char *end = text, *word = "decay";
  while (*end) ++end;
  if (end - text < 5) return false;
  for (int i = 0; i < 5; ++i)
    if (end[i - 5] != word[i]) return false;
  return true;
}

// What the list of optimizers says of a rule; the names are divided by spaces. They are counted
// while compiling: in a step of a small network it took a twentieth of the time.
struct Rule {
  const char *name, *state, *numbers;
  Index vectors = count_words(state), width = count_words(numbers);
  bool decays = ends_in_decay(numbers);
};

#define FASTMLP_ENTRY(name, state, numbers) {#name, #state, #numbers},
constexpr Rule kRules[] = {FASTMLP_OPTIMIZER(FASTMLP_ENTRY)};
#undef FASTMLP_ENTRY

// Neighbours in the flat vector that are updated alike. What is in no group stays as it is.
struct Group {
  Index begin = 0, end = 0;  // begin: a multiple of kGrain
  Optimizer rule = Optimizer::assign;
  Index column = 0;    // where the rule's numbers begin in those of a step
  bool decays = true;  // else the rule's decay is 0
  const Rule& format() const { return kRules[int(rule)]; }
};

// A matrix of weights, stored (inputs, units) or (units, inputs) if by_rows, of which the weights
// into each unit are brought back to a norm of at most `limit` after each step.
struct NormBound {
  Index offset = 0, inputs = 0, units = 0;
  double limit = kUnbounded;
  bool by_rows = false;
};

template <class T>
struct Updates {
  std::vector<Group> groups;        // in the order of the vector, apart from each other
  std::vector<T*> state;            // vectors as long as the parameters, as many as any rule needs
  const double* numbers = nullptr;  // steps × columns
  Index columns = 0;
  // Bounds of the gradient: of its norm over all groups that are not told their value, then of its
  // elements.
  double clip_norm = kUnbounded, clip_value = kUnbounded;
  std::vector<NormBound> bounds;  // apart from each other
  T* average = nullptr;           // of the parameters, or null; the last vector of `state` then
  const double* parts = nullptr;  // how far each step brings it to the parameters
};

// What update() does beside its step where a call has no other: it puts the n parameters and the
// state, as they were, vector after vector into `backup`, and says whether all new ones are finite.
// Block by block, while a cache has them, this takes two thirds of what passes over all vectors do.
// Only without bounds, which come after the blocks.
template <class T>
struct Care {
  T* backup = nullptr;
  std::atomic<bool>* non_finite = nullptr;
};

// How many numbers update() needs for itself.
Index norm_sums(Index parameters);

// This thread's part of one step on the n parameters at w, along g; the average is taken last.
// `sums`: norm_sums(n) numbers that all threads share.
template <class T>
void update(const Updates<T>& updates, const Kernels<T>& kernels, Index step, Index n, T* w,
            const T* g, double* sums, const Worker& worker, const Care<T>& care = {});

// Whether all n elements of x are finite.
template <class T>
bool finite(const Kernels<T>& kernels, Index n, const T* x);

}  // namespace fastmlp
