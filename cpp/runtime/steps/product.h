// Products of matrices.
#pragma once

#include <limits>

#include "runtime/sparse.h"
#include "runtime/steps/kind.h"

namespace fastmlp {

// Narrows g to this thread's block of C: threads in a grid of pm × pn, the one whose largest block
// is smallest. False if nothing is left.
template <class T>
bool cut(Runner<T>& r, Gemm<T>& g, Index mr, Index nr) {
  if (!r.mine(Index(2.0 * double(g.M) * double(g.N) * double(g.K)), Index(kFlopGrain)))
    return false;
  if (r.threads == 1) return true;
  const Index tiles_m = (g.M + mr - 1) / mr, tiles_n = (g.N + nr - 1) / nr;
  Index best = std::numeric_limits<Index>::max();
  int best_pm = 1;
  for (int pm = 1; pm <= r.threads; ++pm) {
    if (r.threads % pm) continue;
    const int pn = r.threads / pm;
    const Index block = ((tiles_m + pm - 1) / pm) * ((tiles_n + pn - 1) / pn);
    const bool longer_side = block == best && g.M > g.N;  // read the longer operand once
    if (block < best || longer_side) best = block, best_pm = pm;
  }
  const int pn = r.threads / best_pm;
  const Range m = part(g.M, mr, r.thread / pn, best_pm);
  const Range n = part(g.N, nr, r.thread % pn, pn);
  if (m.begin > 0) g.b_sums = nullptr;
  if (g.b_sums) g.b_sums += n.begin;
  if (m.begin == m.end || n.begin == n.end) return false;
  g.A += m.begin * g.a_rs;
  g.B += n.begin * g.b_cs;
  g.C += m.begin * g.ldc + n.begin;
  if (g.bias) g.bias += n.begin;
  if (g.u) g.u += m.begin * g.ldu + n.begin;
  if (g.addend) g.addend += m.begin * g.ld_addend + n.begin;
  g.M = m.size();
  g.N = n.size();
  return true;
}

template <class T>
void run_sparse(Runner<T>& r, Gemm<T> g, SparseRows<T> a) {
  const double work = 2.0 * double(g.N) * double(a.begins[g.M] + g.M);
  if (!r.mine(Index(work), Index(kFlopGrain))) return;
  const Range rows = even_part(a.begins, g.M, r.thread, r.threads);
  if (r.thread > 0) g.b_sums = nullptr;
  a.begins += rows.begin;
  g.C += rows.begin * g.ldc;
  if (g.u) g.u += rows.begin * g.ldu;
  if (g.addend) g.addend += rows.begin * g.ld_addend;
  g.M = rows.size();
  r.kernels.sparse_gemm(a, g);
}

template <class T>
const SparseBatch<T>* sparse_batch(const Runner<T>& r, const Ref& ref) {
  if (ref.space != Space::feed || !r.frame.sparse[ref.offset].rows.begins) return nullptr;
  return r.frame.sparse + ref.offset;
}

namespace kinds {

// out = ψ(A·B), see Gemm, with scalar as the addend's factor; out2: column sums of B. The result
// has either what a message reads (one row for each example) or an addend (a sum over the batch).
struct gemm : KindOfStep {
  enum Input { A, B, bias, message_reads, addend };
  enum Number { transpose_a, transpose_b, activation, derivative };
  static constexpr std::array numbers{"transpose_a", "transpose_b", "activation", "derivative"};
  static constexpr std::array<int, 1> may_overwrite{message_reads};

  static const char* check(const Step& s) {
    const Ref &a = s.in[A], &b = s.in[B], &out = s.out;
    const bool sums_batch = s.section == Section::reduce;
    const bool turned_a = s.numbers[transpose_a], turned_b = s.numbers[transpose_b];
    const Index m = turned_a ? a.columns : a.rows, k = turned_a ? a.rows : a.columns;
    const Index n = turned_b ? b.rows : b.columns, kb = turned_b ? b.columns : b.rows;
    return unless(a && b && out && k == kb && shaped(out, m, n) &&
                  (!s.in[bias] || shaped(s.in[bias], 1, n)) &&
                  (!s.in[message_reads] || (!sums_batch && shaped(s.in[message_reads], m, n))) &&
                  (!s.in[addend] || (sums_batch && shaped(s.in[addend], m, n))) &&
                  (!s.out2 || (shaped(s.out2, 1, n) && !turned_b)) &&
                  is_one_of(s.numbers[activation], int(Activation::count)) &&
                  is_one_of(s.numbers[derivative], int(Activation::count)));
  }

  template <class T>
  static void run(Runner<T>& r) {
    const Step& s = r.step;
    const View<const T> a = r.read(s.in[A]), b = r.read(s.in[B]);
    const View<T> c = r.write(s.out);
    const bool turned_a = s.numbers[transpose_a], turned_b = s.numbers[transpose_b];
    Gemm<T> g;
    g.M = r.rows(s.out), g.N = s.out.columns;
    g.K = turned_a ? r.rows(s.in[A]) : s.in[A].columns;
    g.a_rs = turned_a ? 1 : a.ld, g.a_cs = turned_a ? a.ld : 1;
    g.b_rs = turned_b ? 1 : b.ld, g.b_cs = turned_b ? b.ld : 1;
    g.A = a.data, g.B = b.data, g.C = c.data, g.ldc = c.ld;
    g.forward = Activation(s.numbers[activation]);
    g.derivative = Activation(s.numbers[derivative]);
    if (s.in[bias]) g.bias = r.read(s.in[bias]).data;
    if (s.out2) g.b_sums = r.write(s.out2).data;
    if (s.in[message_reads]) {
      const View<const T> u = r.read(s.in[message_reads]);
      g.u = u.data, g.ldu = u.ld;
    }
    g.accumulate = r.accumulates();
    if (s.in[addend] && r.frame.first_row == 0) {  // once, with the first part of the batch
      const View<const T> added = r.read(s.in[addend]);
      g.addend = added.data, g.ld_addend = added.ld, g.factor = T(r.value());
    }
    if (const SparseBatch<T>* x = sparse_batch(r, s.in[A]))
      return run_sparse(r, g, turned_a ? x->columns : x->rows);
    if (const SparseBatch<T>* x = sparse_batch(r, s.in[B])) {  // z̄ᵀ x, one row: the column xᵀ z̄
      g.M = g.N, g.N = 1;
      g.ldc = g.ldu = g.ld_addend = 1;
      g.B = a.data, g.b_rs = a.ld;
      return run_sparse(r, g, x->columns);
    }
    const bool split = splits(r, g);
    const Index mr = split ? kSplitSide : r.kernels.mr, nr = split ? kSplitSide : r.kernels.nr;
    if (r.threads > 1 && !cut(r, g, mr, nr)) return;
    (split ? r.kernels.split_gemm : r.kernels.gemm)(g, r.scratch);
  }

  // Of the whole product, not a thread's part, and with the rows that the plan is made for, so that
  // the last rows of a batch are no exception.
  template <class T>
  static bool splits(const Runner<T>& r, const Gemm<T>& g) {
    if (!r.kernels.split_gemm) return false;
    const Step& s = r.step;
    const bool rows_of_c = s.out.rows == kBatch;
    const bool terms = s.numbers[transpose_a] && s.in[A].rows == kBatch;
    const Index capacity = r.frame.capacity;
    return r.kernels.splits(rows_of_c ? capacity : g.M, g.N, terms ? capacity : g.K);
  }

  template <class T>
  static Index scratch(const Step& s, const Kernels<T>& kernels, Index rows) {
    const auto count = [rows](Index n) { return n == kBatch ? rows : n; };
    return kernels.gemm_scratch(count(s.out.rows), s.out.columns,
                                s.numbers[transpose_a] ? count(s.in[A].rows) : s.in[A].columns);
  }

  static double flops(const Step& s) {
    if (KindOfStep::flops(s) == 0) return 0;  // nothing of the batch takes part
    const Ref& b = s.in[B];
    return 2 * double(s.in[A].columns) * double(s.numbers[transpose_b] ? b.rows : b.columns);
  }
};

}  // namespace kinds
}  // namespace fastmlp
