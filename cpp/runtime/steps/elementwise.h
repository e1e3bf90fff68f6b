// Steps that compute each element of their result by itself.
#pragma once

#include <cstring>

#include "runtime/steps/kind.h"

namespace fastmlp::kinds {

// out = f(in0); scalar: exponent or factor.
struct unary : KindOfStep {
  enum Number { function };
  static constexpr std::array numbers{"function"};
  static constexpr std::array may_overwrite{0};

  static const char* check(const Step& s) {
    return unless(s.in[0] && s.out && same_shape(s.in[0], s.out) &&
                  is_one_of(s.numbers[function], int(Unary::count)));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> x = r.read(s.in[0]);
    const View<T> y = r.write(s.out);
    const Index m = r.rows(s.out), n = s.out.columns;
    const auto kernel = r.kernels.unary[s.numbers[function]];
    const T c = T(r.value());
    if (x.ld == n && y.ld == n) {
      if (!r.mine(m * n, kElementGrain)) return;
      const Range all = part(m * n, 64, r.thread, r.threads);
      if (all.size()) kernel(all.size(), x.data + all.begin, y.data + all.begin, c);
      return;
    }
    const Range rows = r.my_rows(m, n);
    for (Index i = rows.begin; i < rows.end; ++i)
      kernel(n, x.data + i * x.ld, y.data + i * y.ld, c);
  }
};

// out = f(in0, in1), each repeated where it has one row or column.
struct binary : KindOfStep {
  enum Number { function };
  static constexpr std::array numbers{"function"};
  static constexpr std::array may_overwrite{0, 1};

  static const char* check(const Step& s) {
    const Ref &a = s.in[0], &b = s.in[1], &out = s.out;
    return unless(a && b && out && repeats_to(a, out) && repeats_to(b, out) &&
                  is_one_of(s.numbers[function], int(Binary::count)));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> a = r.read(s.in[0]), b = r.read(s.in[1]);
    const View<T> y = r.write(s.out);
    const Index n = s.out.columns;
    const Index a_rs = r.rows(s.in[0]) == 1 ? 0 : a.ld,
                a_cs = s.in[0].columns == 1 && n > 1 ? 0 : 1;
    const Index b_rs = r.rows(s.in[1]) == 1 ? 0 : b.ld,
                b_cs = s.in[1].columns == 1 && n > 1 ? 0 : 1;
    const Range rows = r.my_rows(r.rows(s.out), n);
    if (!rows.size()) return;
    r.kernels.binary[s.numbers[function]](rows.size(), n, a.data + rows.begin * a_rs, a_rs, a_cs,
                                          b.data + rows.begin * b_rs, b_rs, b_cs,
                                          y.data + rows.begin * y.ld, y.ld);
  }
};

// out = in0 + scalar · in1; in place if out is where in0 is.
struct add_scaled : KindOfStep {
  static constexpr std::array may_overwrite{0};

  static const char* check(const Step& s) {
    const Ref &a = s.in[0], &b = s.in[1];
    return unless(a && b && same_shape(a, s.out) && same_shape(b, s.out));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> a = r.read(s.in[0]), b = r.read(s.in[1]);
    const View<T> y = r.write(s.out);
    const Range rows = r.my_rows(r.rows(s.out), s.out.columns);
    r.kernels.add_scaled(rows.size(), s.out.columns, a.data + rows.begin * a.ld, a.ld,
                         b.data + rows.begin * b.ld, b.ld, T(r.value()), y.data + rows.begin * y.ld,
                         y.ld);
  }
};

// out = scalar · in0, repeated to out's shape.
struct spread : KindOfStep {
  static const char* check(const Step& s) {
    return unless(s.in[0] && s.out && repeats_to(s.in[0], s.out));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> x = r.read(s.in[0]);
    const View<T> y = r.write(s.out);
    const Index x_rs = r.rows(s.in[0]) == 1 ? 0 : x.ld;
    const Range rows = r.my_rows(r.rows(s.out), s.out.columns);
    r.kernels.spread(rows.size(), s.out.columns, x.data + rows.begin * x_rs, x_rs,
                     s.in[0].columns == 1 ? 0 : 1, T(r.value()), y.data + rows.begin * y.ld, y.ld);
  }
};

// out = scalar.
struct fill : KindOfStep {
  static const char* check(const Step& s) { return unless(bool(s.out)); }

  template <class T>
  static void run(Runner<T>& r) {
    const View<T> y = r.write(r.step.out);
    const Range rows = r.my_rows(r.rows(r.step.out), r.step.out.columns);
    r.kernels.fill(rows.size(), r.step.out.columns, T(r.value()), y.data + rows.begin * y.ld, y.ld);
  }
};

// out[:, to_column : to_column + columns] = in0[:, from_column : …].
struct copy : KindOfStep {
  enum Number { from_column, to_column, columns };
  static constexpr std::array numbers{"from_column", "to_column", "columns"};

  static const char* check(const Step& s) {
    const Ref &x = s.in[0], &out = s.out;
    const Index from = s.numbers[from_column], to = s.numbers[to_column], n = s.numbers[columns];
    return unless(x && out && x.rows == out.rows && from >= 0 && to >= 0 && n >= 0 &&
                  n <= x.columns && from <= x.columns - n && n <= out.columns &&
                  to <= out.columns - n);
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> x = r.read(s.in[0]);
    const View<T> y = r.write(s.out);
    const Range rows = r.my_rows(r.rows(s.out), s.out.columns);
    for (Index i = rows.begin; i < rows.end; ++i)
      std::memcpy(y.data + i * y.ld + s.numbers[to_column],
                  x.data + i * x.ld + s.numbers[from_column],
                  std::size_t(s.numbers[columns]) * sizeof(T));
  }
};

// The rate is in1, (1, 1), or the scalar.
struct dropout : KindOfStep {
  enum Number { key };
  static constexpr std::array numbers{"key"};
  static constexpr std::array may_overwrite{0};

  static const char* check(const Step& s) {
    if (!(s.scalar.value >= 0 && s.scalar.value < 1)) return "a rate outside [0, 1)";
    return unless(s.in[0] && s.out && same_shape(s.in[0], s.out) &&
                  (!s.in[1] || shaped(s.in[1], 1, 1)));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> x = r.read(s.in[0]);
    const View<T> y = r.write(s.out);
    const Index n = s.out.columns;
    const double given = s.in[1] ? double(*r.read(s.in[1]).data) : s.scalar.value;
    const double rate = given >= 0 && given < 1 ? given : 0;  // what Python has checked
    const auto threshold = std::uint32_t(rate * 4294967296.0);
    const std::uint64_t layer_key = mix(r.frame.key + std::uint64_t(s.numbers[key]));
    const Range rows = r.my_rows(r.rows(s.out), n);
    for (Index i = rows.begin; i < rows.end; ++i)
      r.kernels.dropout(n, x.data + i * x.ld, y.data + i * y.ld, layer_key,
                        std::uint64_t(r.first_row(s.out) + i) * std::uint64_t(n), threshold,
                        T(1.0 / (1.0 - rate)));
  }
};

// scalar: the standard deviation.
struct noise : KindOfStep {
  enum Number { key };
  static constexpr std::array numbers{"key"};
  static constexpr std::array may_overwrite{0};

  static const char* check(const Step& s) {
    if (!(s.scalar.value >= 0)) return "a negative deviation";
    return unless(s.in[0] && s.out && same_shape(s.in[0], s.out));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> x = r.read(s.in[0]);
    const View<T> y = r.write(s.out);
    const Index n = s.out.columns;
    const std::uint64_t layer_key = mix(r.frame.key + std::uint64_t(s.numbers[key]));
    const Range rows = r.my_rows(r.rows(s.out), n);
    for (Index i = rows.begin; i < rows.end; ++i)
      r.kernels.noise(n, x.data + i * x.ld, y.data + i * y.ld, layer_key,
                      std::uint64_t(r.first_row(s.out) + i) * std::uint64_t(n), r.value());
  }

  static double flops(const Step& s) { return 20.0 * double(s.out.per_example() * s.out.columns); }
};

// out = in0ᵀ.
struct transpose : KindOfStep {
  static const char* check(const Step& s) {
    const Ref& x = s.in[0];
    return unless(x && s.out && !x.by_batch() && shaped(s.out, x.columns, x.rows));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const View<const T> x = r.read(r.step.in[0]);
    const View<T> y = r.write(r.step.out);
    const Index m = r.rows(r.step.in[0]), n = r.step.in[0].columns;
    if (!r.mine(m * n, kElementGrain)) return;
    const Range rows = part(m, 16, r.thread, r.threads);
    if (rows.size())
      r.kernels.transpose(rows.size(), n, x.data + rows.begin * x.ld, x.ld, y.data + rows.begin,
                          y.ld);
  }
};

}  // namespace fastmlp::kinds
