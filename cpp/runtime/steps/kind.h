// What a kind of step says of itself, and how that is read. A kind is a struct derived from
// KindOfStep that names what differs:
//   numbers        the names of step.numbers, in their order
//   may_overwrite  the inputs whose place `out` may take (of softmax_cross_entropy, `out2`)
//   check          null if the operands fit, else what is wrong
//   run            does the thread's part
//   scratch        elements of scratch that run may need for a frame of `rows` rows
//   flops          operations for one row of the batch
//   whole_batch    whether it needs all rows at once: the batch is not cut then
#pragma once

#include <array>

#include "runtime/steps/runner.h"

namespace fastmlp {

inline const char* unless(bool fits) {
  return fits ? nullptr : "shapes of the operands do not fit";
}

inline bool shaped(const Ref& r, Index rows, Index columns) {
  return r.rows == rows && r.columns == columns;
}

inline bool same_shape(const Ref& a, const Ref& b) { return shaped(a, b.rows, b.columns); }

inline bool repeats_to(const Ref& operand, const Ref& out) {
  return (operand.rows == out.rows || operand.rows == 1) &&
         (operand.columns == out.columns || operand.columns == 1);
}

inline bool is_one_of(Index number, Index count) { return number >= 0 && number < count; }

// Whether a row of a number for each column is there as it should be, or not at all.
inline bool by_column(const Ref& r, const Ref& x) { return !r || shaped(r, 1, x.columns); }

// Its numbers from a column on; null if it is not there.
template <class T>
const T* row(Runner<T>& r, const Ref& ref, Index first = 0) {
  return ref ? r.read(ref).data + first : nullptr;
}

struct KindOfStep {
  static constexpr std::array<const char*, 0> numbers{};
  static constexpr std::array<int, 0> may_overwrite{};
  static constexpr bool whole_batch = false;
  template <class T>
  static Index scratch(const Step&, const Kernels<T>&, Index) {
    return 0;
  }
  static double flops(const Step& s) {  // as many as its operands have elements
    double elements = 0;
    for (const Ref& r : s.in) elements += double(r.per_example()) * double(r.columns);
    for (const Ref& r : {s.out, s.out2}) elements += double(r.per_example()) * double(r.columns);
    return elements;
  }
};

}  // namespace fastmlp
