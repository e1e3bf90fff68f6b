// Products of matrices.
#pragma once

#include <algorithm>
#include <limits>

#include "runtime/sparse.h"
#include "runtime/steps/kind.h"

namespace fastmlp {

// Multiplications that take as long as to read one number of an operand.
constexpr double kReading = 2.5;

// Narrows g to this thread's block of C, whose rows and columns are multiples of mr and nr: threads
// in a grid of pm × pn, the one whose largest block takes least. False if nothing is left.
template <class T>
bool cut(Runner<T>& r, Gemm<T>& g, Index mr, Index nr) {
  if (!r.mine(Index(2.0 * double(g.M) * double(g.N) * double(g.K)), kFlopGrain<T>)) return false;
  if (r.threads == 1) return true;
  const Index tiles_m = (g.M + mr - 1) / mr, tiles_n = (g.N + nr - 1) / nr;
  double best = std::numeric_limits<double>::max();
  int best_pm = 1;
  for (int pm = 1; pm <= r.threads; ++pm) {
    if (r.threads % pm) continue;
    const int pn = r.threads / pm;
    const double m = double((tiles_m + pm - 1) / pm * mr), n = double((tiles_n + pn - 1) / pn * nr);
    const double block = m * n + kReading * (m + n);
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
  if (!r.mine(Index(work), kFlopGrain<T>)) return;
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
// With `groups`, as many products: the columns of all matrices as they lie are cut into groups, and
// those of a group are multiplied with one another.
struct gemm : KindOfStep {
  enum Input { A, B, bias, message_reads, addend };
  enum Number { transpose_a, transpose_b, activation, derivative, groups };
  static constexpr std::array numbers{"transpose_a", "transpose_b", "activation", "derivative",
                                      "groups"};
  static constexpr std::array<int, 1> may_overwrite{message_reads};

  static const char* check(const Step& s) {
    const Ref &a = s.in[A], &b = s.in[B], &out = s.out;
    const bool sums_batch = s.section == Section::reduce;
    const bool turned_a = s.numbers[transpose_a], turned_b = s.numbers[transpose_b];
    const Index G = s.numbers[groups];
    if (G < 1 || a.columns % G || b.columns % G || out.columns % G)
      return "groups that do not cut the columns";
    const Index a_columns = a.columns / G, b_columns = b.columns / G, n = out.columns;
    const Index m = turned_a ? a_columns : a.rows, k = turned_a ? a.rows : a_columns;
    const Index nb = turned_b ? b.rows : b_columns, kb = turned_b ? b_columns : b.rows;
    return unless(a && b && out && k == kb && nb == n / G && out.rows == m &&
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
    const Index G = s.numbers[groups];
    const auto one_of = [G](Index columns) { return G == 1 ? columns : columns / G; };  // divisions
    g.M = r.rows(s.out), g.N = one_of(s.out.columns);                                   // are slow
    g.K = turned_a ? r.rows(s.in[A]) : one_of(s.in[A].columns);
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
    if (G == 1) return run_cut(r, g, split);
    run_groups(r, g, split);
  }

  template <class T>
  static void run_cut(Runner<T>& r, Gemm<T>& g, bool split) {
    // Kernels of fma cut rows evenly into tiles, whatever their number; columns are whole cache
    // lines.
    const Index mr = split ? kSplitSide : 1, nr = split ? kSplitSide : 64 / Index(sizeof(T));
    if (r.threads > 1 && !cut(r, g, mr, nr)) return;
    (split ? r.kernels.split_gemm : r.kernels.gemm)(g, r.scratch);
  }

  // Threads have groups of their own if these are as many, else they share each.
  template <class T>
  static void run_groups(Runner<T>& r, const Gemm<T>& first, bool split) {
    const Step& s = r.step;
    const Index G = s.numbers[groups], n = first.N;
    const Index a_step = s.in[A].columns / G, b_step = s.in[B].columns / G;
    const double work = 2.0 * double(first.M) * double(n) * double(first.K) * double(G);
    if (!r.mine(Index(work), kFlopGrain<T>)) return;
    const bool whole = G >= r.threads;
    const Range mine = whole ? part(G, 1, r.thread, r.threads) : Range{0, G};
    for (Index i = mine.begin; i < mine.end; ++i) {
      Gemm<T> g = first;
      g.A += i * a_step, g.B += i * b_step, g.C += i * n;
      if (g.bias) g.bias += i * n;
      if (g.u) g.u += i * n;
      if (g.addend) g.addend += i * n;
      if (g.b_sums) g.b_sums += i * n;
      if (whole)
        (split ? r.kernels.split_gemm : r.kernels.gemm)(g, r.scratch);
      else
        run_cut(r, g, split);
    }
  }

  // Of the whole product, not a thread's part, and with the rows that the plan is made for, so that
  // the last rows of a batch are no exception.
  template <class T>
  static bool splits(const Runner<T>& r, const Gemm<T>& g) {
    if (!r.kernels.split_gemm) return false;
    const Step& s = r.step;
    const bool terms = s.numbers[transpose_a] && s.in[A].by_batch();
    const Index capacity = r.frame.capacity;
    return r.kernels.splits(s.out.rows_of(capacity), g.N, terms ? s.in[A].rows_of(capacity) : g.K);
  }

  template <class T>
  static Index scratch(const Step& s, const Kernels<T>& kernels, Index rows) {
    const Ref& a = s.in[A];
    const Index G = s.numbers[groups];
    return kernels.gemm_scratch(s.out.rows_of(rows), s.out.columns / G,
                                s.numbers[transpose_a] ? a.rows_of(rows) : a.columns / G);
  }

  static double flops(const Step& s) {
    if (KindOfStep::flops(s) == 0) return 0;  // nothing of the batch takes part
    const Ref &a = s.in[A], &b = s.in[B];
    const double n =
        s.numbers[transpose_b] ? double(b.rows) : double(b.columns) / double(s.numbers[groups]);
    const double examples = double(std::max<Index>(a.per_example(), 1));
    return 2 * examples * double(a.columns) * n;
  }
};

}  // namespace kinds
}  // namespace fastmlp
