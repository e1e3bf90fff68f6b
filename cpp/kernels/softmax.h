// Softmax, its logarithm, and its cross-entropy with the message back, row by row. The row's
// maximum is subtracted first: s = Σ exp(z − max) lies in [1, columns] and cannot overflow. One
// element of the sum is exp(0) = 1; the others are kept apart, since 1 + rest loses their digits
// where one class is sure.
#pragma once

#include "kernels/math.h"
#include "kernels/reduce.h"

namespace fastmlp::FASTMLP_ISA {

// Σ_j exp(x_j − m), and y_j = exp(x_j − m) if y. y may be x.
template <class T>
FASTMLP_INLINE T sum_exp(Index n, const T* x, T m, T* y) {
  constexpr int w = width<T>;
  Vec<T> s{};
  Index j = 0;
  for (; j + w <= n; j += w) {
    const Vec<T> e = exp<T>(load(x + j) - m);
    if (y) store(y + j, e);
    s += e;
  }
  if (j < n) {
    const Vec<T> e = exp<T>(load_first(x + j, n - j) - m);
    if (y) store_first(y + j, e, n - j);
    s += first_lanes<T>(n - j) ? e : Vec<T>{};
  }
  return sum_lanes<T>(s);
}

// Σ exp(x_j − m) of a row, without one of its largest elements, whose share is 1. m is their
// maximum: what is not finite leaves top at another value than 1.
template <class T>
struct ExpSum {
  Vec<T> top{}, rest{};

  FASTMLP_INLINE void add(Vec<T> e) {
    rest += least(top, e);
    top = greatest(top, e);
  }
  // Of each lane.
  FASTMLP_INLINE Vec<T> rest_of_each() const {
    return top == splat(T(1)) ? rest : splat(T(__builtin_nan("")));
  }
  // Of all lanes together: those whose top is 1, `ones`, have one each of the largest; the sum of
  // the others, and of what all have besides.
  static FASTMLP_INLINE Vec<T> rest_of(Vec<T> ones, Vec<T> others) {
    return ones > T(0) ? others + (ones - T(1)) : splat(T(__builtin_nan("")));
  }
  FASTMLP_INLINE T rest_of_lanes() const {
    const Vec<T> one = splat(T(1));
    const T ones = sum_lanes<T>(top == one ? one : Vec<T>{});
    const T others = sum_lanes<T>(rest + (top == one ? Vec<T>{} : top));
    return rest_of(splat(ones), splat(others))[0];
  }
};

// ExpSum::rest of a row, and y_j = exp(x_j − m) if y. y may be x.
template <class T>
FASTMLP_INLINE T sum_exp_but_one(Index n, const T* x, T m, T* y) {
  constexpr int w = width<T>;
  ExpSum<T> s;
  Index j = 0;
  for (; j + w <= n; j += w) {
    const Vec<T> e = exp<T>(load(x + j) - m);
    if (y) store(y + j, e);
    s.add(e);
  }
  if (j < n) {
    const Vec<T> e = exp<T>(load_first(x + j, n - j) - m);
    if (y) store_first(y + j, e, n - j);
    s.add(first_lanes<T>(n - j) ? e : Vec<T>{});
  }
  return s.rest_of_lanes();
}

// v with 0 in lane k, if there is one.
template <class T>
FASTMLP_INLINE Vec<T> but_lane(Vec<T> v, Index k) {
  using Int = typename Types<T>::Int;
  return lane_numbers<T>() == (Int(k) - IntVec<T>{}) ? Vec<T>{} : v;
}

// Σ exp(x_j − m) without that of x_k.
template <class T>
FASTMLP_INLINE T sum_exp_but(Index n, const T* x, T m, Index k) {
  constexpr int w = width<T>;
  Vec<T> s{};
  Index j = 0;
  for (; j + w <= n; j += w) s += but_lane<T>(exp<T>(load(x + j) - m), k - j);
  if (j < n) {
    const Vec<T> e = exp<T>(load_first(x + j, n - j) - m);
    s += first_lanes<T>(n - j) ? but_lane<T>(e, k - j) : Vec<T>{};
  }
  return sum_lanes<T>(s);
}

// log(s + low): low is what the rounding of the sum s has left out.
template <class T>
FASTMLP_INLINE Vec<T> log_sum(Vec<T> s, Vec<T> low) {
  return log<T>(s) + low / s;
}

// log Σ exp(x − m) by the rest of the sum, see ExpSum.
template <class T>
FASTMLP_INLINE Vec<T> log_of_rest(Vec<T> rest) {
  const Vec<T> one = splat(T(1)), s = one + rest;
  return log_sum<T>(s, rest - (s - one));
}

// y_j = f(x_j, j, count) for whole vectors and the rest.
template <class T, class F>
FASTMLP_INLINE void map_row(Index n, const T* x, T* y, F f) {
  constexpr int w = width<T>;
  Index j = 0;
  for (; j + w <= n; j += w) store(y + j, f(load(x + j), j, Index(w)));
  if (j < n) store_first(y + j, f(load_first(x + j, n - j), j, n - j), n - j);
}

// Whether t names one of the columns; NaN does not.
template <class T>
FASTMLP_INLINE bool is_class(T t, Index columns) {
  return t >= T(0) && t < T(columns);
}

// Up to this many columns, a vector holds one column of several rows: a row would leave most of its
// lanes empty, and cost a sum across lanes.
constexpr Index narrow_columns = 16;

// count ≤ width rows of x, column by column; the lanes of rows that are not there repeat the last.
template <class T>
FASTMLP_INLINE void load_columns(Index count, Index columns, const T* x, Index ldx, T* block) {
  constexpr int w = width<T>;
  for (Index j = 0; j < columns; ++j, ++x, block += w) {
    if (count == w) {
      FASTMLP_UNROLL
      for (int r = 0; r < w; ++r) block[r] = x[r * ldx];
    } else {
      for (Index r = 0; r < w; ++r) block[r] = x[(r < count ? r : count - 1) * ldx];
    }
  }
}

template <class T>
FASTMLP_INLINE void store_columns(Index count, Index columns, const T* block, T* y, Index ldy) {
  constexpr int w = width<T>;
  for (Index j = 0; j < columns; ++j, ++y, block += w) {
    if (count == w) {
      FASTMLP_UNROLL
      for (int r = 0; r < w; ++r) y[r * ldy] = block[r];
    } else {
      for (Index r = 0; r < count; ++r) y[r * ldy] = block[r];
    }
  }
}

// Fewer rows of a block are faster one by one.
template <class T>
constexpr Index least_of_block = width<T> < 6 ? width<T> : 6;

// Σ of the vectors, added as sum_lanes adds the lanes of one: so that a row has the same bits in a
// block as alone. They are changed.
template <class T>
FASTMLP_INLINE Vec<T> sum_as_lanes(Vec<T>* v) {
  FASTMLP_UNROLL
  for (int n = width<T> / 2; n > 0; n /= 2) {
    FASTMLP_UNROLL
    for (int i = 0; i < n; ++i) v[i] += v[i + n];
  }
  return v[0];
}

template <class T>
FASTMLP_INLINE Vec<T> largest_column(Index columns, const T* block) {
  Vec<T> m = load(block);
  for (Index j = 1; j < columns; ++j) m = maximum(m, load(block + j * width<T>));
  return m;
}

// softmax of the rows whose columns are in `block`.
template <class T>
FASTMLP_INLINE void narrow_softmax(Index columns, T* block) {
  constexpr int w = width<T>;
  const Vec<T> m = largest_column(columns, block);
  Vec<T> sums[w] = {};
  for (Index j = 0; j < columns; ++j) {
    const Vec<T> e = exp<T>(load(block + j * w) - m);
    store(block + j * w, e);
    sums[j % w] += e;
  }
  const Vec<T> inverse = T(1) / sum_as_lanes<T>(sums);
  for (Index j = 0; j < columns; ++j) store(block + j * w, load(block + j * w) * inverse);
}

template <class T>
FASTMLP_INLINE void narrow_log_softmax(Index columns, T* block) {
  constexpr int w = width<T>;
  const Vec<T> one = splat(T(1)), m = largest_column(columns, block);
  ExpSum<T> parts[w];
  for (Index j = 0; j < columns; ++j) parts[j % w].add(exp<T>(load(block + j * w) - m));
  Vec<T> ones[w], others[w];
  for (int lane = 0; lane < w; ++lane) {
    const ExpSum<T>& part = parts[lane];
    ones[lane] = part.top == one ? one : Vec<T>{};
    others[lane] = part.rest + (part.top == one ? Vec<T>{} : part.top);
  }
  const Vec<T> log_s =
      log_of_rest<T>(ExpSum<T>::rest_of(sum_as_lanes<T>(ones), sum_as_lanes<T>(others)));
  for (Index j = 0; j < columns; ++j) store(block + j * w, (load(block + j * w) - m) - log_s);
}

// Not inlined: single rows would pay for its room.
template <class T, class Narrow>
__attribute__((noinline)) void narrow_rows(Index count, Index columns, const T* x, Index ldx, T* y,
                                           Index ldy, Narrow narrow) {
  alignas(64) T block[narrow_columns * width<T>];
  load_columns(count, columns, x, ldx, block);
  narrow(columns, block);
  store_columns(count, columns, block, y, ldy);
}

// Blocks of narrow rows by narrow(columns, block), others by row(x, y).
template <class T, class Narrow, class Row>
FASTMLP_INLINE void by_blocks(Index rows, Index columns, const T* x, Index ldx, T* y, Index ldy,
                              Narrow narrow, Row row) {
  constexpr int w = width<T>;
  for (Index i = 0; i < rows; i += w, x += w * ldx, y += w * ldy) {
    const Index count = rows - i < w ? rows - i : w;
    if (columns <= narrow_columns && count >= least_of_block<T>) {
      narrow_rows(count, columns, x, ldx, y, ldy, narrow);
    } else {
      for (Index r = 0; r < count; ++r) row(x + r * ldx, y + r * ldy);
    }
  }
}

template <class T>
void softmax(Index rows, Index columns, const T* x, Index ldx, T* y, Index ldy) {
  by_blocks(rows, columns, x, ldx, y, ldy, narrow_softmax<T>, [=](const T* from, T* to) {
    const T inverse = T(1) / sum_exp(columns, from, largest(columns, from), to);
    map_row(columns, to, to, [=](Vec<T> e, Index, Index) { return e * inverse; });
  });
}

template <class T>
void log_softmax(Index rows, Index columns, const T* x, Index ldx, T* y, Index ldy) {
  by_blocks(rows, columns, x, ldx, y, ldy, narrow_log_softmax<T>, [=](const T* from, T* to) {
    const T m = largest(columns, from);
    const T rest = sum_exp_but_one(columns, from, m, static_cast<T*>(nullptr));
    const T log_s = log_of_rest<T>(splat(rest))[0];
    map_row(columns, from, to, [=](Vec<T> v, Index, Index) { return (v - m) - log_s; });
  });
}

// The targets that name a class: 1 there, 0 elsewhere. Returns 1, or NaN in the lanes that name
// none.
template <class T>
FASTMLP_INLINE Vec<T> spread_classes(Vec<T> c, Index columns, T* targets) {
  const Vec<T> one = splat(T(1));
  for (Index j = 0; j < columns; ++j)
    store(targets + j * width<T>, ((c >= T(j)) & (c < T(j + 1))) ? one : Vec<T>{});
  return ((c >= T(0)) & (c < T(columns))) ? one : splat(T(__builtin_nan("")));
}

// e·ratio − t, the softmax times Σt less t: of a target that has the largest element, whose e is 1,
// by what the others take from it, (Σt − t) − rest·ratio.
template <class T>
FASTMLP_INLINE Vec<T> residual(Vec<T> e, Vec<T> t, Vec<T> t_sum, Vec<T> ratio, Vec<T> rest) {
  const Vec<T> far = fma(e, ratio, -t);
  return ((e == T(1)) & (t > T(0))) ? fma(-rest, ratio, t_sum - t) : far;
}

// softmax_cross_entropy for narrow rows; `dense` and the meaning of the rest as there.
template <class T>
void narrow_cross_entropy(Index rows, Index columns, const T* z, Index ldz, const T* t, Index ldt,
                          bool dense, const T* loss_bar, Index loss_bar_rs, T scale, T* loss,
                          T* z_bar, Index ldz_bar) {
  constexpr int w = width<T>;
  alignas(64) T block[narrow_columns * w], targets[narrow_columns * w], column[w];
  for (Index i = 0; i < rows; i += w) {
    const Index count = rows - i < w ? rows - i : w;
    load_columns(count, columns, z + i * ldz, ldz, block);
    load_columns(count, dense ? columns : 1, t + i * ldt, ldt, targets);
    Vec<T> t_sum = load(targets), m = load(block), t_z{};
    ExpSum<T> parts;
    if (!dense) t_sum = spread_classes(t_sum, columns, targets);
    for (Index j = 1; j < columns; ++j) {
      m = maximum(m, load(block + j * w));
      if (dense) t_sum += load(targets + j * w);
    }
    for (Index j = 0; j < columns; ++j) {
      const Vec<T> d = load(block + j * w) - m, t_j = load(targets + j * w), e = exp<T>(d);
      t_z = dense ? fma(t_j, d, t_z) : t_z + (t_j > T(0) ? d : Vec<T>{});
      store(block + j * w, e);
      parts.add(e);
    }
    const Vec<T> rest = parts.rest_of_each();
    if (loss) store_first(loss + i, t_sum * log_of_rest<T>(rest) - t_z, count);
    if (!z_bar) continue;
    if (loss_bar) load_columns(count, 1, loss_bar + i * loss_bar_rs, loss_bar_rs, column);
    const Vec<T> bar = loss_bar ? load(column) : splat(scale);
    const Vec<T> ratio = t_sum / (splat(T(1)) + rest);
    for (Index j = 0; j < columns; ++j)
      store(block + j * w,
            bar * residual<T>(load(block + j * w), load(targets + j * w), t_sum, ratio, rest));
    store_columns(count, columns, block, z_bar + i * ldz_bar, ldz_bar);
  }
}

// Of up to `width` rows: the largest z; that of the largest, or of the class, in Σ exp(z − m), and
// the others; Σt; Σ t·(z − m). What takes the place of z comes after all that reads z. Rows take
// each step one after another: a sum across lanes is long on its way, and the next row's begins
// meanwhile.
template <class T>
struct RowParts {
  T m[width<T>] = {}, first[width<T>] = {}, rest[width<T>] = {}, t_sum[width<T>] = {},
    t_z[width<T>] = {};
};

// Rows of a block: where one begins, if there are any.
template <class T>
struct BlockOf {
  T* data;
  Index ld;
  FASTMLP_INLINE T* row(Index r) const { return data ? data + r * ld : nullptr; }
};

template <class T>
void dense_parts(Index count, Index columns, BlockOf<const T> z, BlockOf<const T> t, const T* bar,
                 BlockOf<T> out, RowParts<T>& p) {
  constexpr int w = width<T>;
  for (Index r = 0; r < count; ++r) {
    const T *t_row = t.row(r), *z_row = z.row(r), m = p.m[r];
    p.t_sum[r] = sum(columns, t_row);
    p.t_z[r] = sum_terms<T>(columns, [=](Vec<T> a, Index j, Index n) {
      return n == w ? fma(load(t_row + j), load(z_row + j) - m, a)
                    : fma(load_first(t_row + j, n), load_first(z_row + j, n) - m, a);
    });
  }
  for (Index r = 0; r < count; ++r) {
    p.first[r] = T(1);
    p.rest[r] = sum_exp_but_one(columns, z.row(r), p.m[r], out.row(r));
  }
  for (Index r = 0; out.data && r < count; ++r) {
    const T *t_row = t.row(r), scale = bar[r], total = p.t_sum[r], rest = p.rest[r];
    const T ratio = total / (T(1) + rest);
    map_row(columns, out.row(r), out.row(r), [=](Vec<T> e, Index j, Index n) {
      const Vec<T> t_j = n == w ? load(t_row + j) : load_first(t_row + j, n);
      return scale * residual<T>(e, t_j, splat(total), splat(ratio), splat(rest));
    });
  }
}

template <class T>
void class_parts(Index count, Index columns, BlockOf<const T> z, BlockOf<const T> t, const T* bar,
                 BlockOf<T> out, RowParts<T>& p) {
  const T nan = T(__builtin_nan(""));
  const Vec<T> one = splat(T(1));
  Index classes[width<T>];
  T total[width<T>];
  for (Index r = 0; r < count; ++r) {
    const bool known = is_class(*t.row(r), columns);
    const Index c = classes[r] = known ? Index(*t.row(r)) : 0;
    p.t_sum[r] = T(1);
    p.t_z[r] = known ? z.row(r)[c] - p.m[r] : nan;
    if (out.data) continue;
    p.first[r] = exp<T>(splat(z.row(r)[c] - p.m[r]))[0];
    p.rest[r] = sum_exp_but(columns, z.row(r), p.m[r], c);
  }
  if (!out.data) return;
  for (Index r = 0; r < count; ++r) total[r] = sum_exp(columns, z.row(r), p.m[r], out.row(r));
  for (Index r = 0; r < count; ++r) {
    T* const row = out.row(r);
    const Index c = classes[r];
    const T scale = bar[r], ratio = p.t_z[r] == p.t_z[r] ? T(1) / total[r] : nan;
    p.first[r] = row[c];
    Vec<T> others{};
    map_row(columns, row, row, [&, scale, c, ratio](Vec<T> e, Index j, Index) {
      others += but_lane<T>(e, c - j);
      return scale * (e * ratio);
    });
    p.rest[r] = sum_lanes<T>(others);
    row[c] = scale * residual<T>(splat(p.first[r]), one, one, splat(ratio), splat(p.rest[r]))[0];
  }
}

template <class T>
void softmax_cross_entropy(Index rows, Index columns, const T* z, Index ldz, const T* t, Index ldt,
                           bool dense, const T* loss_bar, Index loss_bar_rs, T scale, T* loss,
                           T* z_bar, Index ldz_bar) {
  if (columns <= narrow_columns)
    return narrow_cross_entropy(rows, columns, z, ldz, t, ldt, dense, loss_bar, loss_bar_rs, scale,
                                loss, z_bar, ldz_bar);
  constexpr int w = width<T>;
  for (Index i = 0; i < rows; i += w, z += w * ldz, t += w * ldt) {
    const Index count = rows - i < w ? rows - i : w;
    const BlockOf<T> out{z_bar ? z_bar + i * ldz_bar : nullptr, ldz_bar};
    RowParts<T> p;
    T bar[w];
    for (Index r = 0; r < count; ++r) {
      bar[r] = loss_bar ? loss_bar[(i + r) * loss_bar_rs] : scale;
      p.m[r] = largest(columns, z + r * ldz);
    }
    (dense ? dense_parts<T> : class_parts<T>)(count, columns, {z, ldz}, {t, ldt}, bar, out, p);
    if (loss) {
      const Vec<T> first = load(p.first), rest = load(p.rest), s = first + rest;
      const Vec<T> log_s = log_sum<T>(s, rest - (s - first));
      store_first(loss + i, load(p.t_sum) * log_s - load(p.t_z), count);
    }
  }
}

}  // namespace fastmlp::FASTMLP_ISA
