// The table of step kinds: all that program, executor and planner know of them.
#pragma once

#include "runtime/steps/runner.h"

namespace fastmlp {

template <class T>
struct List {
  const T* first;
  std::size_t size;
  const T* begin() const { return first; }
  const T* end() const { return first + size; }
};

// A row, see kind.h.
struct StepKind {
  const char* name;
  List<const char*> numbers;
  List<int> may_overwrite;
  const char* (*check)(const Step&);
  double (*flops)(const Step&);
  bool whole_batch;
};

const StepKind& row_of(Kind kind);

template <class T>
void run_step(const Step& step, const Frame<T>& frame, int thread, int threads, T* scratch);

// Elements of scratch that run_step may need for a frame of `rows` rows.
template <class T>
Index scratch_size(const Program& program, const Kernels<T>& kernels, Index rows);

}  // namespace fastmlp
