// Steps of normalization, see Kernels. scalar: ε.
#pragma once

#include "runtime/steps/kind.h"

namespace fastmlp::kinds {

struct normalization : KindOfStep {
  static double flops(const Step& s) {
    return 8.0 * double(s.in[0].per_example() * s.in[0].columns);
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

// in0 z̄, in1 x, in2 scale or absent; out2, if it is wanted, has a row for each of some blocks of
// the batch: Σ z̄∘h of its rows, then Σ z̄. Threads work on blocks of their own.
struct normalize_rows_message : normalization {
  enum Number { centered };
  static constexpr std::array numbers{"centered"};
  static constexpr std::array may_overwrite{0, 1};
  static constexpr Index most_blocks = 1024, row_grain = 4;  // kernels work on some rows at once

  static const char* check(const Step& s) {
    const Ref &sums = s.out2, &y = s.out;
    const bool fits =
        !sums || (sums.rows >= 1 && sums.rows <= most_blocks && sums.columns == 2 * y.columns);
    return epsilon_of(s, fits && s.in[0] && s.in[1] && same_shape(s.in[0], s.in[1]) &&
                             same_shape(s.in[0], y) && by_column(s.in[2], y));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const Index m = r.rows(s.out), n = s.out.columns;
    if (!s.out2) {
      const Range rows = r.my_rows(m, n);
      if (rows.size()) run_rows(r, rows, static_cast<T*>(nullptr));
      return;
    }
    if (!r.mine(m * n, kElementGrain)) return;
    const View<T> sums = r.write(s.out2);
    const Range mine = part(s.out2.rows, 1, r.thread, r.threads);
    for (Index block = mine.begin; block < mine.end; ++block)
      run_rows(r, part(m, row_grain, int(block), int(s.out2.rows)), sums.data + block * sums.ld);
  }

  template <class T>
  static void run_rows(Runner<T>& r, Range rows, T* sums) {
    const Step& s = r.step;
    const View<const T> bar = r.read(s.in[0]), x = r.read(s.in[1]);
    const View<T> y = r.write(s.out);
    r.kernels.normalize_rows_message(rows.size(), s.out.columns, bar.data + rows.begin * bar.ld,
                                     bar.ld, x.data + rows.begin * x.ld, x.ld, row(r, s.in[2]),
                                     T(r.value()), s.numbers[centered], y.data + rows.begin * y.ld,
                                     y.ld, sums, r.accumulates());
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

// in0 z̄, in1 x, in2 mean, in3 variance; out Σ z̄∘h, out2 Σ z̄.
struct standard_sums : normalization {
  static constexpr bool whole_batch = true;

  static const char* check(const Step& s) {
    const Ref& x = s.in[1];
    return epsilon_of(s, x && same_shape(s.in[0], x) && shaped(s.in[2], 1, x.columns) &&
                             shaped(s.in[3], 1, x.columns) && shaped(s.out, 1, x.columns) &&
                             shaped(s.out2, 1, x.columns));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> bar = r.read(s.in[0]), x = r.read(s.in[1]);
    const Index m = r.rows(s.in[0]), n = s.in[0].columns;
    if (!r.mine(m * n, kElementGrain)) return;
    const Range columns = part(n, 16, r.thread, r.threads);
    const Index first = columns.begin;
    if (columns.size())
      r.kernels.standard_sums(m, columns.size(), bar.data + first, bar.ld, x.data + first, x.ld,
                              row(r, s.in[2], first), row(r, s.in[3], first), T(r.value()),
                              r.write(s.out).data + first, r.write(s.out2).data + first);
  }
};

// in0 z̄, in1 x, in2 mean, in3 variance, in4 scale or absent, in5 Σ z̄∘h, in6 Σ z̄.
struct normalize_columns_message : normalization {
  enum Number { centered };
  static constexpr std::array numbers{"centered"};
  static constexpr std::array may_overwrite{0, 1};
  static constexpr bool whole_batch = true;

  static const char* check(const Step& s) {
    const Ref& bar = s.in[0];
    bool rows = by_column(s.in[4], bar);
    for (const int i : {2, 3, 5, 6}) rows = rows && shaped(s.in[i], 1, bar.columns);
    return epsilon_of(s, bar && rows && same_shape(bar, s.in[1]) && same_shape(bar, s.out));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> bar = r.read(s.in[0]), x = r.read(s.in[1]);
    const View<T> y = r.write(s.out);
    const Index m = r.rows(s.out);
    const Range rows = r.my_rows(m, s.out.columns);
    if (!rows.size()) return;
    r.kernels.normalize_columns_message(rows.size(), s.out.columns, bar.data + rows.begin * bar.ld,
                                        bar.ld, x.data + rows.begin * x.ld, x.ld, row(r, s.in[2]),
                                        row(r, s.in[3]), row(r, s.in[4]), T(r.value()),
                                        s.numbers[centered], row(r, s.in[5]), row(r, s.in[6]),
                                        T(1) / T(m), y.data + rows.begin * y.ld, y.ld);
  }
};

}  // namespace fastmlp::kinds
