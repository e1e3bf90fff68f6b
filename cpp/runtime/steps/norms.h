// Steps of normalization, see Kernels. scalar: ε.
#pragma once

#include "runtime/steps/kind.h"

namespace fastmlp::kinds {

// Whether a row of a number for each column is there as it should be, or not at all.
inline bool by_column(const Ref& r, const Ref& x) { return !r || shaped(r, 1, x.columns); }

struct normalization : KindOfStep {
  static double flops(const Step& s) {
    return 8.0 * double(s.in[0].per_example() * s.in[0].columns);
  }

  template <class T>
  static const T* row(Runner<T>& r, const Ref& ref) {
    return ref ? r.read(ref).data : nullptr;
  }
  // Where out2 has its rows from the first of these on, if it is wanted.
  template <class T>
  static View<T> second(Runner<T>& r, Range rows) {
    if (!r.step.out2) return {};
    const View<T> h = r.write(r.step.out2);
    return {h.data + rows.begin * h.ld, h.ld};
  }
  static const char* epsilon_of(const Step& s, bool fits) {
    if (!(s.scalar.value > 0)) return "an epsilon that is not positive";
    return unless(fits);
  }
};

// in0 x, in1 scale, in2 offset; out y, out2 h (all but x and y may be absent).
struct normalize_rows : normalization {
  enum Number { centered };
  static constexpr std::array numbers{"centered"};
  static constexpr std::array may_overwrite{0};

  static const char* check(const Step& s) {
    const Ref& x = s.in[0];
    return epsilon_of(s, x && same_shape(x, s.out) && by_column(s.in[1], x) &&
                             by_column(s.in[2], x) && (!s.out2 || same_shape(x, s.out2)));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> x = r.read(s.in[0]);
    const View<T> y = r.write(s.out);
    const Range rows = r.my_rows(r.rows(s.out), s.out.columns);
    if (!rows.size()) return;
    const View<T> h = second(r, rows);
    r.kernels.normalize_rows(rows.size(), s.out.columns, x.data + rows.begin * x.ld, x.ld,
                             T(r.value()), s.numbers[centered], row(r, s.in[1]), row(r, s.in[2]),
                             y.data + rows.begin * y.ld, y.ld, h.data, h.ld);
  }
};

// in0 z̄, in1 x, in2 scale or absent.
struct normalize_rows_message : normalization {
  enum Number { centered };
  static constexpr std::array numbers{"centered"};
  static constexpr std::array may_overwrite{0, 1};

  static const char* check(const Step& s) {
    return epsilon_of(s, s.in[0] && s.in[1] && same_shape(s.in[0], s.in[1]) &&
                             same_shape(s.in[0], s.out) && by_column(s.in[2], s.out));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> bar = r.read(s.in[0]), x = r.read(s.in[1]);
    const View<T> y = r.write(s.out);
    const Range rows = r.my_rows(r.rows(s.out), s.out.columns);
    if (!rows.size()) return;
    r.kernels.normalize_rows_message(rows.size(), s.out.columns, bar.data + rows.begin * bar.ld,
                                     bar.ld, x.data + rows.begin * x.ld, x.ld, row(r, s.in[2]),
                                     T(r.value()), s.numbers[centered], y.data + rows.begin * y.ld,
                                     y.ld);
  }
};

// in0 x; out the mean of each column, out2 the variance. Sums of squares of what a mean has left
// cannot be added up from parts of the batch.
struct column_moments : normalization {
  enum Number { centered };
  static constexpr std::array numbers{"centered"};
  static constexpr bool whole_batch = true;

  static const char* check(const Step& s) {
    const Ref& x = s.in[0];
    return unless(x && shaped(s.out, 1, x.columns) && shaped(s.out2, 1, x.columns));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> x = r.read(s.in[0]);
    const Index m = r.rows(s.in[0]), n = s.in[0].columns;
    if (!r.mine(m * n, kElementGrain)) return;
    const Range columns = part(n, 16, r.thread, r.threads);
    if (columns.size())
      r.kernels.column_moments(m, columns.size(), x.data + columns.begin, x.ld, s.numbers[centered],
                               r.write(s.out).data + columns.begin,
                               r.write(s.out2).data + columns.begin);
  }
};

// in0 x, in1 mean, in2 variance, in3 scale, in4 offset; out y, out2 h (the last three of these may
// be absent).
struct standardize : normalization {
  static constexpr std::array may_overwrite{0};

  static const char* check(const Step& s) {
    const Ref& x = s.in[0];
    return epsilon_of(s, x && s.in[1] && s.in[2] && same_shape(x, s.out) && by_column(s.in[1], x) &&
                             by_column(s.in[2], x) && by_column(s.in[3], x) &&
                             by_column(s.in[4], x) && (!s.out2 || same_shape(x, s.out2)));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> x = r.read(s.in[0]);
    const View<T> y = r.write(s.out);
    const Range rows = r.my_rows(r.rows(s.out), s.out.columns);
    if (!rows.size()) return;
    const View<T> h = second(r, rows);
    r.kernels.standardize(rows.size(), s.out.columns, x.data + rows.begin * x.ld, x.ld,
                          row(r, s.in[1]), row(r, s.in[2]), T(r.value()), row(r, s.in[3]),
                          row(r, s.in[4]), y.data + rows.begin * y.ld, y.ld, h.data, h.ld);
  }
};

// in0 z̄, in1 h, in2 variance, in3 mean of z̄, in4 mean of z̄∘h.
struct normalize_columns_message : normalization {
  static constexpr std::array may_overwrite{0, 1};

  static const char* check(const Step& s) {
    const Ref& bar = s.in[0];
    bool rows = true;
    for (int i = 2; i < kInputs; ++i) rows = rows && shaped(s.in[i], 1, bar.columns);
    return epsilon_of(s, bar && rows && same_shape(bar, s.in[1]) && same_shape(bar, s.out));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> bar = r.read(s.in[0]), h = r.read(s.in[1]);
    const View<T> y = r.write(s.out);
    const Range rows = r.my_rows(r.rows(s.out), s.out.columns);
    if (!rows.size()) return;
    r.kernels.normalize_columns_message(rows.size(), s.out.columns, bar.data + rows.begin * bar.ld,
                                        bar.ld, h.data + rows.begin * h.ld, h.ld, row(r, s.in[2]),
                                        T(r.value()), row(r, s.in[3]), row(r, s.in[4]),
                                        y.data + rows.begin * y.ld, y.ld);
  }
};

}  // namespace fastmlp::kinds
