#include "runtime/steps.h"

#include <cstring>
#include <limits>

#include "runtime/sparse.h"

namespace fastmlp {
namespace {

constexpr Index kElementGrain = 2048;    // fewer elements than this are not worth sharing
constexpr double kFlopGrain = 262144.0;  // about 3 µs of one core

template <class T>
class Runner {
 public:
  Runner(const Step& step, const Frame<T>& frame, int thread, int threads, T* scratch)
      : s_(step),
        f_(frame),
        k_(*frame.kernels),
        thread_(thread),
        threads_(threads),
        scratch_(scratch) {}

  void run() {
    switch (s_.kind) {
      case Kind::gemm:
        return gemm();
      case Kind::unary:
        return unary();
      case Kind::binary:
        return binary();
      case Kind::sum:
        return sum();
      case Kind::dot:
        return dot();
      case Kind::add_scaled:
        return add_scaled();
      case Kind::spread:
        return spread();
      case Kind::fill:
        return fill();
      case Kind::softmax:
        return by_rows(s_.in[0], k_.softmax);
      case Kind::log_softmax:
        return by_rows(s_.in[0], k_.log_softmax);
      case Kind::softmax_cross_entropy:
        return softmax_cross_entropy();
      case Kind::argmax:
        return argmax();
      case Kind::pick:
        return pick();
      case Kind::scatter:
        return scatter();
      case Kind::copy:
        return copy();
      case Kind::dropout:
        return dropout();
      case Kind::transpose:
        return transpose();
      case Kind::count:
        break;
    }
  }

 private:
  Index rows(const Ref& r) const { return r.rows == kBatch ? f_.rows : r.rows; }

  View<const T> read(const Ref& r) const {
    switch (r.space) {
      case Space::batch:
        return {f_.batch + r.offset * f_.capacity, r.columns};
      case Space::fixed:
        return {f_.fixed + r.offset, r.columns};
      case Space::reduced:
        return {f_.reduced + r.offset, r.columns};
      case Space::parameter:
        return {f_.parameters + r.offset, r.columns};
      case Space::feed:
        return f_.feeds[r.offset];
      case Space::output:
        return {f_.outputs[r.offset].data, f_.outputs[r.offset].ld};
      case Space::none:
        break;
    }
    return {};
  }

  View<T> write(const Ref& r) const {
    const View<const T> v = read(r);  // parameters and feeds are never results: the planner's rule
    return {const_cast<T*>(v.data), v.ld};
  }

  double value() const {
    return s_.scalar.per_row ? s_.scalar.value / double(f_.total_rows) : s_.scalar.value;
  }

  bool mine(Index work, Index grain) {  // small work stays with one thread
    if (work < 2 * grain) threads_ = thread_ == 0 ? 1 : threads_;
    return work >= 2 * grain || thread_ == 0;
  }

  Range my_rows(Index n_rows, Index columns) {
    if (!mine(n_rows * columns, kElementGrain)) return {0, 0};
    return part(n_rows, 1, thread_, threads_);
  }

  void gemm() {
    const View<const T> a = read(s_.in[0]), b = read(s_.in[1]);
    const View<T> c = write(s_.out);
    Gemm<T> g;
    g.M = rows(s_.out), g.N = s_.out.columns;
    g.K = s_.a ? rows(s_.in[0]) : s_.in[0].columns;
    g.a_rs = s_.a ? 1 : a.ld, g.a_cs = s_.a ? a.ld : 1;
    g.b_rs = s_.b ? 1 : b.ld, g.b_cs = s_.b ? b.ld : 1;
    g.A = a.data, g.B = b.data, g.C = c.data, g.ldc = c.ld;
    g.forward = Activation(s_.c), g.derivative = Activation(s_.d);
    if (s_.in[2]) g.bias = read(s_.in[2]).data;
    if (s_.out2) g.b_sums = write(s_.out2).data;
    if (s_.section != Section::reduce) {
      if (s_.in[3]) g.h = read(s_.in[3]).data, g.ldh = read(s_.in[3]).ld;
    } else {
      g.accumulate = f_.accumulate;
      if (s_.in[3] && f_.first_row == 0) {  // once, with the first part of the batch
        g.addend = read(s_.in[3]).data, g.ld_addend = read(s_.in[3]).ld;
        g.factor = T(value());
      }
    }
    if (const SparseBatch<T>* x = listed(s_.in[0]))
      return sparse_gemm(g, s_.a ? x->columns : x->rows);
    if (const SparseBatch<T>* x = listed(s_.in[1])) {  // z̄ᵀ x, one row: the column xᵀ z̄
      g.M = g.N, g.N = 1;
      g.ldc = g.ldh = g.ld_addend = 1;
      g.B = a.data, g.b_rs = a.ld;
      return sparse_gemm(g, x->columns);
    }
    const bool split = splits(g);
    if (threads_ > 1 && !cut(g, split ? kSplitSide : k_.mr, split ? kSplitSide : k_.nr)) return;
    (split ? k_.split_gemm : k_.gemm)(g, scratch_);
  }

  // Of the whole product, not a thread's part, and with the rows that the plan is made for, so that
  // the last rows of a batch are no exception.
  bool splits(const Gemm<T>& g) const {
    if (!k_.split_gemm) return false;
    const bool rows_of_c = s_.out.rows == kBatch, terms = s_.a && s_.in[0].rows == kBatch;
    return k_.splits(rows_of_c ? f_.capacity : g.M, g.N, terms ? f_.capacity : g.K);
  }

  const SparseBatch<T>* listed(const Ref& r) const {
    if (r.space != Space::feed || !f_.sparse[r.offset].rows.begins) return nullptr;
    return f_.sparse + r.offset;
  }

  void sparse_gemm(Gemm<T> g, SparseRows<T> a) {
    const double work = 2.0 * double(g.N) * double(a.begins[g.M] + g.M);
    if (!mine(Index(work), Index(kFlopGrain))) return;
    const Range r = even_part(a.begins, g.M, thread_, threads_);
    if (thread_ > 0) g.b_sums = nullptr;
    a.begins += r.begin;
    g.C += r.begin * g.ldc;
    if (g.h) g.h += r.begin * g.ldh;
    if (g.addend) g.addend += r.begin * g.ld_addend;
    g.M = r.end - r.begin;
    k_.sparse_gemm(a, g);
  }

  // Narrows g to this thread's block of C: threads in a grid of pm × pn, the one whose largest
  // block is smallest. False if nothing is left.
  bool cut(Gemm<T>& g, Index mr, Index nr) {
    if (!mine(Index(2.0 * double(g.M) * double(g.N) * double(g.K)), Index(kFlopGrain)))
      return false;
    if (threads_ == 1) return true;
    const Index tiles_m = (g.M + mr - 1) / mr, tiles_n = (g.N + nr - 1) / nr;
    Index best = std::numeric_limits<Index>::max();
    int best_pm = 1;
    for (int pm = 1; pm <= threads_; ++pm) {
      if (threads_ % pm) continue;
      const int pn = threads_ / pm;
      const Index block = ((tiles_m + pm - 1) / pm) * ((tiles_n + pn - 1) / pn);
      const bool longer_side = block == best && g.M > g.N;  // read the longer operand once
      if (block < best || longer_side) best = block, best_pm = pm;
    }
    const int pn = threads_ / best_pm;
    const Range m = part(g.M, mr, thread_ / pn, best_pm);
    const Range n = part(g.N, nr, thread_ % pn, pn);
    if (m.begin > 0) g.b_sums = nullptr;
    if (g.b_sums) g.b_sums += n.begin;
    if (m.begin == m.end || n.begin == n.end) return false;
    g.A += m.begin * g.a_rs;
    g.B += n.begin * g.b_cs;
    g.C += m.begin * g.ldc + n.begin;
    if (g.bias) g.bias += n.begin;
    if (g.h) g.h += m.begin * g.ldh + n.begin;
    if (g.addend) g.addend += m.begin * g.ld_addend + n.begin;
    g.M = m.end - m.begin;
    g.N = n.end - n.begin;
    return true;
  }

  void unary() {
    const View<const T> x = read(s_.in[0]);
    const View<T> y = write(s_.out);
    const Index m = rows(s_.out), n = s_.out.columns;
    const auto kernel = k_.unary[s_.a];
    const T c = T(value());
    if (x.ld == n && y.ld == n) {
      if (!mine(m * n, kElementGrain)) return;
      const Range r = part(m * n, 64, thread_, threads_);
      if (r.end > r.begin) kernel(r.end - r.begin, x.data + r.begin, y.data + r.begin, c);
      return;
    }
    const Range r = my_rows(m, n);
    for (Index i = r.begin; i < r.end; ++i) kernel(n, x.data + i * x.ld, y.data + i * y.ld, c);
  }

  void binary() {
    const View<const T> a = read(s_.in[0]), b = read(s_.in[1]);
    const View<T> y = write(s_.out);
    const Index n = s_.out.columns;
    const Index a_rs = rows(s_.in[0]) == 1 ? 0 : a.ld,
                a_cs = s_.in[0].columns == 1 && n > 1 ? 0 : 1;
    const Index b_rs = rows(s_.in[1]) == 1 ? 0 : b.ld,
                b_cs = s_.in[1].columns == 1 && n > 1 ? 0 : 1;
    const Range r = my_rows(rows(s_.out), n);
    if (r.end == r.begin) return;
    k_.binary[s_.a](r.end - r.begin, n, a.data + r.begin * a_rs, a_rs, a_cs,
                    b.data + r.begin * b_rs, b_rs, b_cs, y.data + r.begin * y.ld, y.ld);
  }

  void sum() {
    const View<const T> x = read(s_.in[0]);
    const View<T> y = write(s_.out);
    const Index m = rows(s_.in[0]), n = s_.in[0].columns;
    const T scale = T(value());
    const bool add = s_.section == Section::reduce && f_.accumulate;
    if (s_.a == 0) {
      if (!mine(m * n, kElementGrain)) return;
      const Range r = part(n, 16, thread_, threads_);
      if (r.end == r.begin) return;
      T* out = y.data + r.begin;
      if (scale == T(1)) {
        k_.sum_rows(m, r.end - r.begin, x.data + r.begin, x.ld, out, add);
      } else {
        T* part_sums = scratch_;
        k_.sum_rows(m, r.end - r.begin, x.data + r.begin, x.ld, part_sums, false);
        for (Index j = 0; j < r.end - r.begin; ++j)
          out[j] = (add ? out[j] : T(0)) + scale * part_sums[j];
      }
    } else if (s_.a == 1) {
      const Range r = my_rows(m, n);
      if (r.end == r.begin) return;
      T* out = y.data + r.begin * y.ld;
      k_.sum_columns(r.end - r.begin, n, x.data + r.begin * x.ld, x.ld, out, y.ld);
      if (scale != T(1))
        for (Index i = 0; i < r.end - r.begin; ++i) out[i * y.ld] *= scale;
    } else if (thread_ == 0) {
      T total = 0;
      if (x.ld == n) {
        total = k_.sum(m * n, x.data);
      } else {
        for (Index i = 0; i < m; ++i) total += k_.sum(n, x.data + i * x.ld);
      }
      y.data[0] = (add ? y.data[0] : T(0)) + scale * total;
    }
  }

  void dot() {
    if (thread_ != 0) return;
    const View<const T> a = read(s_.in[0]), b = read(s_.in[1]);
    T* y = write(s_.out).data;
    const bool add = s_.section == Section::reduce && f_.accumulate;
    T total = 0;
    const Index m = rows(s_.in[0]), n = s_.in[0].columns;
    if (a.ld == n && b.ld == n) {
      total = k_.dot(m * n, a.data, b.data);
    } else {
      for (Index i = 0; i < m; ++i) total += k_.dot(n, a.data + i * a.ld, b.data + i * b.ld);
    }
    y[0] = (add ? y[0] : T(0)) + T(value()) * total;
  }

  void add_scaled() {
    const View<const T> a = read(s_.in[0]), b = read(s_.in[1]);
    const View<T> y = write(s_.out);
    const Index n = s_.out.columns;
    const T scale = T(value());
    const Range r = my_rows(rows(s_.out), n);
    for (Index i = r.begin; i < r.end; ++i) {
      T* out = y.data + i * y.ld;
      if (out != a.data + i * a.ld) std::memcpy(out, a.data + i * a.ld, std::size_t(n) * sizeof(T));
      k_.sgd(n, out, b.data + i * b.ld, nullptr, -scale, T(0), false, T(0));
    }
  }

  void spread() {
    const View<const T> x = read(s_.in[0]);
    const View<T> y = write(s_.out);
    const Index n = s_.out.columns, x_rs = rows(s_.in[0]) == 1 ? 0 : x.ld;
    const bool repeat = s_.in[0].columns == 1;
    const T scale = T(value());
    const Range r = my_rows(rows(s_.out), n);
    for (Index i = r.begin; i < r.end; ++i)
      for (Index j = 0; j < n; ++j)
        y.data[i * y.ld + j] = scale * x.data[i * x_rs + (repeat ? 0 : j)];
  }

  void fill() {
    const View<T> y = write(s_.out);
    const Range r = my_rows(rows(s_.out), s_.out.columns);
    for (Index i = r.begin; i < r.end; ++i)
      for (Index j = 0; j < s_.out.columns; ++j) y.data[i * y.ld + j] = T(value());
  }

  void by_rows(const Ref& in, void (*kernel)(Index, Index, const T*, Index, T*, Index)) {
    const View<const T> x = read(in);
    const View<T> y = write(s_.out);
    const Range r = my_rows(rows(s_.out), s_.out.columns);
    if (r.end > r.begin)
      kernel(r.end - r.begin, in.columns, x.data + r.begin * x.ld, x.ld, y.data + r.begin * y.ld,
             y.ld);
  }

  void softmax_cross_entropy() {
    const View<const T> z = read(s_.in[0]), t = read(s_.in[1]);
    const Index n = s_.in[0].columns;
    const Range r = my_rows(rows(s_.in[0]), n);
    if (r.end == r.begin) return;
    const T* loss_bar = nullptr;
    Index loss_bar_rs = 0;
    if (s_.in[2]) {
      const View<const T> v = read(s_.in[2]);
      loss_bar_rs = rows(s_.in[2]) == 1 ? 0 : v.ld;
      loss_bar = v.data + r.begin * loss_bar_rs;
    }
    T* loss = s_.out ? write(s_.out).data + r.begin : nullptr;
    const View<T> z_bar = s_.out2 ? write(s_.out2) : View<T>{};
    k_.softmax_cross_entropy(r.end - r.begin, n, z.data + r.begin * z.ld, z.ld,
                             t.data + r.begin * t.ld, t.ld, s_.in[1].columns == n, loss_bar,
                             loss_bar_rs, T(value()), loss,
                             s_.out2 ? z_bar.data + r.begin * z_bar.ld : nullptr, z_bar.ld);
  }

  void argmax() {
    const View<const T> x = read(s_.in[0]);
    const View<T> y = write(s_.out);
    const Range r = my_rows(rows(s_.out), s_.in[0].columns);
    if (r.end > r.begin)
      k_.argmax(r.end - r.begin, s_.in[0].columns, x.data + r.begin * x.ld, x.ld, y.data + r.begin);
  }

  void pick() {
    const View<const T> x = read(s_.in[0]), index = read(s_.in[1]);
    const View<T> y = write(s_.out);
    const Range r = my_rows(rows(s_.out), 1);
    for (Index i = r.begin; i < r.end; ++i) {
      const Index j = column(index.data[i * index.ld], s_.in[0].columns);
      y.data[i * y.ld] = j < 0 ? std::numeric_limits<T>::quiet_NaN() : x.data[i * x.ld + j];
    }
  }

  void scatter() {
    const View<const T> x = read(s_.in[0]), index = read(s_.in[1]);
    const View<T> y = write(s_.out);
    const Index n = s_.out.columns;
    const Range r = my_rows(rows(s_.out), n);
    for (Index i = r.begin; i < r.end; ++i) {
      std::memset(y.data + i * y.ld, 0, std::size_t(n) * sizeof(T));
      const Index j = column(index.data[i * index.ld], n);
      if (j >= 0) y.data[i * y.ld + j] = x.data[i * x.ld];
    }
  }

  static Index column(T index, Index columns) {  // −1 if there is no such column
    return index >= T(0) && index < T(columns) ? Index(index) : -1;
  }

  void copy() {
    const View<const T> x = read(s_.in[0]);
    const View<T> y = write(s_.out);
    const Range r = my_rows(rows(s_.out), s_.out.columns);
    for (Index i = r.begin; i < r.end; ++i)
      std::memcpy(y.data + i * y.ld + s_.b, x.data + i * x.ld + s_.a,
                  std::size_t(s_.c) * sizeof(T));
  }

  void dropout() {
    const View<const T> x = read(s_.in[0]);
    const View<T> y = write(s_.out);
    const Index n = s_.out.columns;
    const double rate = s_.scalar.value;
    const auto threshold = std::uint32_t(rate * 4294967296.0);
    const std::uint64_t key = mix(f_.key + std::uint64_t(s_.a));
    const Range r = my_rows(rows(s_.out), n);
    for (Index i = r.begin; i < r.end; ++i)
      k_.dropout(n, x.data + i * x.ld, y.data + i * y.ld, key,
                 std::uint64_t(f_.first_row + i) * std::uint64_t(n), threshold,
                 T(1.0 / (1.0 - rate)));
  }

  void transpose() {
    const View<const T> x = read(s_.in[0]);
    const View<T> y = write(s_.out);
    const Index m = rows(s_.in[0]), n = s_.in[0].columns;
    if (!mine(m * n, kElementGrain)) return;
    const Range r = part(m, 16, thread_, threads_);
    if (r.end > r.begin)
      k_.transpose(r.end - r.begin, n, x.data + r.begin * x.ld, x.ld, y.data + r.begin, y.ld);
  }

  const Step& s_;
  const Frame<T>& f_;
  const Kernels<T>& k_;
  const int thread_;
  int threads_;
  T* const scratch_;
};

}  // namespace

template <class T>
void run_step(const Step& step, const Frame<T>& frame, int thread, int threads, T* scratch) {
  Runner<T>(step, frame, thread, threads, scratch).run();
}

template <class T>
Index scratch_size(const Program& program, const Kernels<T>& kernels, Index rows) {
  Index size = 0;
  const auto count = [rows](Index n) { return n == kBatch ? rows : n; };
  for (const Step& s : program.steps) {
    Index need = 0;
    if (s.kind == Kind::gemm)
      need = kernels.gemm_scratch(count(s.out.rows), s.out.columns,
                                  s.a ? count(s.in[0].rows) : s.in[0].columns);
    if (s.kind == Kind::sum && s.a == 0) need = s.out.columns;
    if (need > size) size = need;
  }
  return size;
}

#define FASTMLP_STEPS(T)                                                 \
  template void run_step<T>(const Step&, const Frame<T>&, int, int, T*); \
  template Index scratch_size<T>(const Program&, const Kernels<T>&, Index);
FASTMLP_STEPS(float)
FASTMLP_STEPS(double)

}  // namespace fastmlp
