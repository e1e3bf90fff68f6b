// Rows of tables, taken by number.
#pragma once

#include "runtime/steps/kind.h"

namespace fastmlp::kinds {

// out[i, to_column : …] = in1[in0[i, column], :].
struct take_rows : KindOfStep {
  enum Input { index, table };
  enum Number { column, to_column };
  static constexpr std::array numbers{"column", "to_column"};

  static const char* check(const Step& s) {
    const Ref &i = s.in[index], &t = s.in[table];
    const Index from = s.numbers[column], to = s.numbers[to_column];
    return unless(i && t && s.out && i.rows == s.out.rows && !t.by_batch() && from >= 0 &&
                  from < i.columns && to >= 0 && to <= s.out.columns - t.columns);
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> i = r.read(s.in[index]), t = r.read(s.in[table]);
    const View<T> y = r.write(s.out);
    const Range rows = r.my_rows(r.rows(s.out), s.in[table].columns);
    if (rows.size())
      r.kernels.take_rows(rows.size(), s.in[table].columns, t.data, t.ld, s.in[table].rows,
                          i.data + rows.begin * i.ld + s.numbers[column], i.ld,
                          y.data + rows.begin * y.ld + s.numbers[to_column], y.ld);
  }
};

// out[in1[i, column], :] = Σ_i in0[i, from_column : …], 0 in rows that no i names. Each thread has
// rows of out, to which it adds in the order of the examples.
struct add_rows : KindOfStep {
  enum Input { x, index };
  enum Number { column, from_column };
  static constexpr std::array numbers{"column", "from_column"};

  static const char* check(const Step& s) {
    const Ref &a = s.in[x], &i = s.in[index];
    const Index of = s.numbers[column], from = s.numbers[from_column];
    return unless(a && i && s.out && a.rows == i.rows && !s.out.by_batch() && of >= 0 &&
                  of < i.columns && from >= 0 && from <= a.columns - s.out.columns);
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> a = r.read(s.in[x]), i = r.read(s.in[index]);
    const View<T> y = r.write(s.out);
    const Index m = r.rows(s.in[x]), n = s.out.columns;
    if (!r.mine((s.out.rows + m) * n, kElementGrain)) return;
    const Range mine = part(s.out.rows, 16, r.thread, r.threads);
    if (!mine.size()) return;
    if (!r.accumulates()) r.kernels.fill(mine.size(), n, T(0), y.data + mine.begin * y.ld, y.ld);
    r.kernels.add_rows(m, n, a.data + s.numbers[from_column], a.ld, i.data + s.numbers[column],
                       i.ld, y.data, y.ld, mine.begin, mine.end);
  }

  static double flops(const Step& s) {
    return double(s.in[x].per_example()) * double(s.out.columns);
  }
};

}  // namespace fastmlp::kinds
