// Sums over rows, columns or both.
#pragma once

#include "runtime/steps/kind.h"

namespace fastmlp::kinds {

// out = scalar · Σ in0.
struct sum : KindOfStep {
  enum Number { axis };
  static constexpr std::array numbers{"axis"};
  enum Axis { over_rows, over_columns, over_all };

  static const char* check(const Step& s) {
    const Ref& x = s.in[0];
    const Index along = s.numbers[axis];
    return unless(
        x && s.out && is_one_of(along, 3) &&
        shaped(s.out, along == over_columns ? x.rows : 1, along == over_rows ? x.columns : 1));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> x = r.read(s.in[0]);
    const View<T> y = r.write(s.out);
    const Index m = r.rows(s.in[0]), n = s.in[0].columns;
    const T scale = T(r.value());
    if (s.numbers[axis] == over_rows)
      return by_columns(r, m, n, y.data, scale, [&](Range columns, T* out, bool accumulate) {
        r.kernels.sum_rows(m, columns.size(), x.data + columns.begin, x.ld, out, accumulate);
      });
    if (s.numbers[axis] == over_all) {
      if (r.thread != 0) return;
      const T total = r.kernels.sum(m, n, x.data, x.ld);
      y.data[0] = (r.accumulates() ? y.data[0] : T(0)) + scale * total;
      return;
    }
    const Range rows = r.my_rows(m, n);
    if (!rows.size()) return;
    T* out = y.data + rows.begin * y.ld;
    r.kernels.sum_columns(rows.size(), n, x.data + rows.begin * x.ld, x.ld, out, y.ld);
    if (scale != T(1)) r.kernels.spread(rows.size(), 1, out, y.ld, 1, scale, out, y.ld);
  }

  // A sum over m rows for each of n columns, times scale; `add` does it for some columns.
  template <class T, class Add>
  static void by_columns(Runner<T>& r, Index m, Index n, T* y, T scale, Add add) {
    if (!r.mine(m * n, kElementGrain)) return;
    const Range columns = part(n, 16, r.thread, r.threads);
    const Index count = columns.size();
    if (!count) return;
    T* out = y + columns.begin;
    if (scale == T(1)) return add(columns, out, r.accumulates());
    add(columns, r.scratch, false);
    if (!r.accumulates()) r.kernels.fill(1, count, T(0), out, count);
    r.kernels.add_scaled(1, count, out, count, r.scratch, count, scale, out, count);
  }

  template <class T>
  static Index scratch(const Step& s, const Kernels<T>&, Index) {
    return s.numbers[axis] == over_rows ? s.out.columns : 0;
  }
};

// out = Σ over the rows of in0, of as many of its columns as out has: sums that blocks of the batch
// have left there.
struct sum_blocks : KindOfStep {
  enum Number { from_column };
  static constexpr std::array numbers{"from_column"};

  static const char* check(const Step& s) {
    const Ref& x = s.in[0];
    const Index first = s.numbers[from_column];
    return unless(x && s.out.rows == 1 && first >= 0 && first <= x.columns - s.out.columns);
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> x = r.read(s.in[0]);
    const Index m = r.rows(s.in[0]);
    const T* const first = x.data + s.numbers[from_column];
    sum::by_columns(r, m, s.out.columns, r.write(s.out).data, T(1), [&](Range columns, T* y, bool) {
      r.kernels.sum_rows(m, columns.size(), first + columns.begin, x.ld, y, false);
    });
  }
};

// out = scalar · Σ in0∘in1, over the rows or over all.
struct dot : KindOfStep {
  enum Number { axis };
  static constexpr std::array numbers{"axis"};

  static const char* check(const Step& s) {
    const Ref& a = s.in[0];
    const Index along = s.numbers[axis];
    return unless(a && s.in[1] && same_shape(a, s.in[1]) &&
                  ((along == sum::over_rows && shaped(s.out, 1, a.columns)) ||
                   (along == sum::over_all && shaped(s.out, 1, 1))));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> a = r.read(s.in[0]), b = r.read(s.in[1]);
    if (s.numbers[axis] == sum::over_rows)
      return sum::by_columns(r, r.rows(s.in[0]), s.in[0].columns, r.write(s.out).data, T(r.value()),
                             [&](Range columns, T* y, bool accumulate) {
                               r.kernels.dot_rows(r.rows(s.in[0]), columns.size(),
                                                  a.data + columns.begin, a.ld,
                                                  b.data + columns.begin, b.ld, y, accumulate);
                             });
    if (r.thread != 0) return;
    T* y = r.write(s.out).data;
    const T total = r.kernels.dot(r.rows(s.in[0]), s.in[0].columns, a.data, a.ld, b.data, b.ld);
    y[0] = (r.accumulates() ? y[0] : T(0)) + T(r.value()) * total;
  }

  template <class T>
  static Index scratch(const Step& s, const Kernels<T>&, Index) {
    return s.numbers[axis] == sum::over_rows ? s.out.columns : 0;
  }
};

}  // namespace fastmlp::kinds
