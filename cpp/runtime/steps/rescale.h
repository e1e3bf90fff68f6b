// Steps of rows of numbers for each column beside an activation, see Kernels.
#pragma once

#include "runtime/steps/kind.h"

namespace fastmlp::kinds {

struct rescaling : KindOfStep {
  // Of columns from `first` on: what the inputs are from `scale` on.
  template <class T>
  static Rescaling<T> of_columns(Runner<T>& r, int scale, Index first) {
    const Step& s = r.step;
    return {row(r, s.in[scale], first), row(r, s.in[scale + 1], first),
            row(r, s.in[scale + 2], first), Activation(s.numbers[0])};
  }
};

// in0 v, in1 scale, in2 offset, in3 factor (any of the last three may be absent); out y.
struct rescale : rescaling {
  enum Number { activation };
  static constexpr std::array numbers{"activation"};
  static constexpr std::array may_overwrite{0};

  static const char* check(const Step& s) {
    const Ref& v = s.in[0];
    return unless(v && same_shape(v, s.out) && by_column(s.in[1], v) && by_column(s.in[2], v) &&
                  by_column(s.in[3], v) &&
                  is_one_of(s.numbers[activation], int(Activation::count)));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> v = r.read(s.in[0]);
    const View<T> y = r.write(s.out);
    const Range rows = r.my_rows(r.rows(s.out), s.out.columns);
    if (rows.size())
      r.kernels.rescale(rows.size(), s.out.columns, v.data + rows.begin * v.ld, v.ld,
                        of_columns(r, 1, 0), y.data + rows.begin * y.ld, y.ld);
  }
};

// in0 bar, in1 v, in2 scale, in3 offset, in4 factor (any of the last three may be absent); out y;
// out2 the sums that are wanted, side by side: of the factor, of the scale, of the offset. Threads
// have columns of their own, since sums are of all rows.
struct rescale_message : rescaling {
  enum Number { activation, reads_z, sums_factor, sums_scale, sums_offset };
  static constexpr std::array numbers{"activation", "reads_z", "sums_factor", "sums_scale",
                                      "sums_offset"};
  static constexpr std::array may_overwrite{0, 1};

  static const char* check(const Step& s) {
    const Ref& bar = s.in[0];
    Index sums = 0;
    for (const int number : {sums_factor, sums_scale, sums_offset}) {
      if (!is_one_of(s.numbers[number], 2)) return "a sum that is neither wanted nor not";
      sums += s.numbers[number];
    }
    return unless(bar && same_shape(bar, s.in[1]) && same_shape(bar, s.out) &&
                  by_column(s.in[2], bar) && by_column(s.in[3], bar) && by_column(s.in[4], bar) &&
                  sums && shaped(s.out2, 1, sums * bar.columns) &&
                  is_one_of(s.numbers[activation], int(Activation::count)) &&
                  is_one_of(s.numbers[reads_z], 2));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const Index m = r.rows(s.out), n = s.out.columns;
    if (!r.mine(m * n, kElementGrain)) return;
    const Range columns = part(n, 16, r.thread, r.threads);
    const Index first = columns.begin, count = columns.size();
    if (!count) return;
    const View<const T> bar = r.read(s.in[0]), v = r.read(s.in[1]);
    const View<T> y = r.write(s.out);
    T* next = r.write(s.out2).data + first;
    const auto sum = [&](Number number) -> T* {
      if (!s.numbers[number]) return nullptr;
      T* const own = next;
      next += n;
      if (!r.accumulates()) r.kernels.fill(1, count, T(0), own, count);
      return own;
    };
    RescalingSums<T> sums;
    sums.factor = sum(sums_factor), sums.scale = sum(sums_scale), sums.offset = sum(sums_offset);
    r.kernels.rescale_message(m, count, bar.data + first, bar.ld, v.data + first, v.ld,
                              of_columns(r, 2, first), s.numbers[reads_z], sums, y.data + first,
                              y.ld);
  }
};

}  // namespace fastmlp::kinds
