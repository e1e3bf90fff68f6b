// Steps that need a row at once.
#pragma once

#include "runtime/steps/kind.h"

namespace fastmlp::kinds {

// A kernel from each row of in0 to one of out.
template <class T>
void by_rows(Runner<T>& r, void (*kernel)(Index, Index, const T*, Index, T*, Index)) {
  const Step& s = r.step;
  const View<const T> x = r.read(s.in[0]);
  const View<T> y = r.write(s.out);
  const Range rows = r.my_rows(r.rows(s.out), s.out.columns);
  if (rows.size())
    kernel(rows.size(), s.in[0].columns, x.data + rows.begin * x.ld, x.ld,
           y.data + rows.begin * y.ld, y.ld);
}

struct softmax : KindOfStep {
  static constexpr std::array may_overwrite{0};

  static const char* check(const Step& s) {
    return unless(s.in[0] && s.out && same_shape(s.in[0], s.out));
  }

  template <class T>
  static void run(Runner<T>& r) {
    by_rows(r, r.kernels.softmax);
  }
};

struct log_softmax : softmax {
  template <class T>
  static void run(Runner<T>& r) {
    by_rows(r, r.kernels.log_softmax);
  }
};

// in0 z, in1 t, in2 L̄ or scalar; out L, out2 z̄ (either may be absent).
struct softmax_cross_entropy : KindOfStep {
  static constexpr std::array may_overwrite{0};

  static const char* check(const Step& s) {
    const Ref &z = s.in[0], &t = s.in[1], &bar = s.in[2];
    return unless(z && t && t.rows == z.rows && (t.columns == 1 || t.columns == z.columns) &&
                  (!bar || shaped(bar, z.rows, 1) || shaped(bar, 1, 1)) &&
                  (!s.out || shaped(s.out, z.rows, 1)) && (!s.out2 || same_shape(s.out2, z)));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> z = r.read(s.in[0]), t = r.read(s.in[1]);
    const Index n = s.in[0].columns;
    const Range rows = r.my_rows(r.rows(s.in[0]), n);
    if (!rows.size()) return;
    const T* loss_bar = nullptr;
    Index loss_bar_rs = 0;
    if (s.in[2]) {
      const View<const T> v = r.read(s.in[2]);
      loss_bar_rs = r.rows(s.in[2]) == 1 ? 0 : v.ld;
      loss_bar = v.data + rows.begin * loss_bar_rs;
    }
    T* loss = s.out ? r.write(s.out).data + rows.begin : nullptr;
    const View<T> z_bar = s.out2 ? r.write(s.out2) : View<T>{};
    r.kernels.softmax_cross_entropy(
        rows.size(), n, z.data + rows.begin * z.ld, z.ld, t.data + rows.begin * t.ld, t.ld,
        s.in[1].columns == n, loss_bar, loss_bar_rs, T(r.value()), loss,
        s.out2 ? z_bar.data + rows.begin * z_bar.ld : nullptr, z_bar.ld);
  }
};

// out[i] = the column of the largest in0[i, ·].
struct argmax : KindOfStep {
  static const char* check(const Step& s) {
    return unless(s.in[0] && shaped(s.out, s.in[0].rows, 1));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Ref& in = r.step.in[0];
    const View<const T> x = r.read(in);
    const View<T> y = r.write(r.step.out);
    const Range rows = r.my_rows(r.rows(r.step.out), in.columns);
    if (rows.size())
      r.kernels.argmax(rows.size(), in.columns, x.data + rows.begin * x.ld, x.ld,
                       y.data + rows.begin);
  }
};

// out[i] = in0[i, in1[i]].
struct pick : KindOfStep {
  static const char* check(const Step& s) {
    const Ref &x = s.in[0], &index = s.in[1];
    return unless(x && shaped(index, x.rows, 1) && shaped(s.out, x.rows, 1));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> x = r.read(s.in[0]), index = r.read(s.in[1]);
    const View<T> y = r.write(s.out);
    const Range rows = r.my_rows(r.rows(s.out), 1);
    r.kernels.pick(rows.size(), s.in[0].columns, x.data + rows.begin * x.ld, x.ld,
                   index.data + rows.begin * index.ld, index.ld, y.data + rows.begin * y.ld, y.ld);
  }
};

// out[i, in1[i]] = in0[i], else 0.
struct scatter : KindOfStep {
  static const char* check(const Step& s) {
    return unless(s.out && shaped(s.in[0], s.out.rows, 1) && shaped(s.in[1], s.out.rows, 1));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> x = r.read(s.in[0]), index = r.read(s.in[1]);
    const View<T> y = r.write(s.out);
    const Range rows = r.my_rows(r.rows(s.out), s.out.columns);
    r.kernels.scatter(rows.size(), s.out.columns, x.data + rows.begin * x.ld, x.ld,
                      index.data + rows.begin * index.ld, index.ld, y.data + rows.begin * y.ld,
                      y.ld);
  }
};

}  // namespace fastmlp::kinds
