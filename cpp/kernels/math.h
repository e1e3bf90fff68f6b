// Transcendental functions on vectors. Errors over all float32 numbers, with and without fma: exp
// 1.01 and 0.98 ULP, log 0.96, tanh 1.72 and 1.99, logistic 1.65 and 1.86, softplus 1.82 and 2.04;
// float64 is alike; for AVX-512 see lookup.h. tests/kernels/test_kernels.py holds them to 2.05 and
// 4 ULP; mish and the gelus to 4, the latter beside what 1½ ULP of z would change.
#pragma once

#include "kernels/constants.h"

// Of the activations made of these (activations.h), likewise with and without fma, over every 31st
// float32 number: silu, where its exp is normal, 2.97 and 2.88 ULP, selu 1.85 and 1.89; over 20
// million float64 numbers 3.08 and 3.23, 1.80 and 1.83.

namespace fastmlp::FASTMLP_ISA {

// c[first] + c[first + 1]·x + … by Horner.
template <int first = 0, class T, int n>
FASTMLP_INLINE Vec<T> polynomial(Vec<T> x, const T (&c)[n]) {
  Vec<T> p = splat(c[n - 1]);
  FASTMLP_UNROLL
  for (int i = n - 2; i >= first; --i) p = fma(p, x, splat(c[i]));
  return p;
}

// The same at 2x: the powers of 2 join the coefficients.
template <class T, int n>
FASTMLP_INLINE Vec<T> polynomial_of_twice(Vec<T> x, const T (&c)[n]) {
  Vec<T> p = splat(c[n - 1] * T(1 << (n - 1)));
  FASTMLP_UNROLL
  for (int i = n - 2; i >= 0; --i) p = fma(p, x, splat(c[i] * T(1 << i)));
  return p;
}

// The same at −x/2, divided by x^first.
template <int first = 0, class T, int n>
FASTMLP_INLINE Vec<T> polynomial_of_half(Vec<T> x, const T (&c)[n]) {
  Vec<T> p = splat(c[n - 1] * T(1.0 / (1 << (n - 1))) * T((n - 1) % 2 ? -1 : 1));
  FASTMLP_UNROLL
  for (int i = n - 2; i >= first; --i)
    p = fma(p, x, splat(c[i] * T(1.0 / (1 << i)) * T(i % 2 ? -1 : 1)));
  return p;
}

// x = k·ln2 + r with |r| ≤ ln2/2; p = exp(r) − 1.
template <class T>
struct Reduced {
  Vec<T> k, p;
};

template <class T>
FASTMLP_INLINE Reduced<T> reduce_exp(Vec<T> x) {
  using C = Constants<T>;
  const Vec<T> magic = splat(C::round_magic);
  const Vec<T> k = fma(x, splat(C::log2e), magic) - magic;
  const Vec<T> r = fma(k, splat(-C::ln2_low), fma(k, splat(-C::ln2_high), x));
  return {k, fma(r * r, polynomial<2>(r, C::exp_poly), r)};
}

// exp(x) for exp_least ≤ x ≤ exp_most, and NaN.
template <class T>
FASTMLP_INLINE Vec<T> exp_within(Vec<T> x) {
  const Reduced<T> e = reduce_exp<T>(x);
  return times_power_of_2<T>(T(1) + e.p, e.k);
}

template <class T>
FASTMLP_INLINE Vec<T> exp(Vec<T> x) {
  using C = Constants<T>;
  return exp_within<T>(greatest(splat(C::exp_least), least(splat(C::exp_most), x)));
}

// exp(−|x|).
template <class T>
FASTMLP_INLINE Vec<T> exp_of_minus(Vec<T> x) {
  return exp_within<T>(greatest(splat(Constants<T>::exp_least), -abs<T>(x)));
}

// exp(x) − 1 for x up to expm1_most.
template <class T>
FASTMLP_INLINE Vec<T> expm1(Vec<T> x) {
  using C = Constants<T>;
  x = greatest(splat(C::expm1_least), least(splat(C::expm1_most), x));
  const Reduced<T> e = reduce_exp<T>(x);
  const Vec<T> scale = times_power_of_2<T>(splat(T(1)), e.k);
  return fma(scale, e.p, scale - T(1));
}

template <class T>
FASTMLP_INLINE Vec<T> log(Vec<T> x) {
  using C = Constants<T>;
  using Bits = typename Types<T>::Bits;
  const IntVec<T> tiny = x < C::least_normal;
  const Vec<T> normal = tiny ? x * T(Bits(1) << C::subnormal_shift) : x;
  // normal = 2^k·m with m in [√½, √2).
  constexpr Bits one = C::exponent_bias << C::mantissa_bits;
  constexpr Bits fraction = (Bits(1) << C::mantissa_bits) - 1;
  const BitVec<T> shifted = bits<T>(normal) + (one - C::half_sqrt2);
  const Vec<T> m = from_bits<T>((shifted & fraction) + C::half_sqrt2);
  const BitVec<T> k =
      (shifted >> C::mantissa_bits) - C::exponent_bias - ((BitVec<T>)tiny & C::subnormal_shift);
  const Vec<T> magic = splat(C::round_magic);
  const Vec<T> k_real = from_bits<T>(bits<T>(magic) + k) - magic;

  const Vec<T> f = m - T(1);
  const Vec<T> s = f / (T(2) + f);
  const Vec<T> z = s * s;
  const Vec<T> tail = fma(s, fma(-z, polynomial(z, C::log_poly), f), k_real * -C::ln2_low);
  Vec<T> y = fma(k_real, splat(C::ln2_high), f - tail);
  const Vec<T> infinity = splat(T(__builtin_inf()));
  y = x == infinity ? infinity : y;
  y = x == T(0) ? -infinity : y;
  return ((x < T(0)) | (x != x)) ? splat(T(__builtin_nan(""))) : y;
}

// log(1 + u) for 0 ≤ u ≤ 1.
template <class T>
FASTMLP_INLINE Vec<T> log1p(Vec<T> u) {
  const Vec<T> s = u / (T(2) + u);
  const Vec<T> z = s * s;
  return fma(-s, fma(-z, polynomial(z, Constants<T>::log1p_poly), u), u);
}

// Small x by a polynomial, the others by 1 − 2/(exp(2|x|) + 1), where errors of exp weigh little.
// The second is 1 − 1/(2^(k−1)·exp(2r) + 1/2) with |x| = k·ln2/2 + r; the integer k − 1 plus the
// bias, left in the low bits by the rounding, only needs shifting to be that power.
template <class T>
FASTMLP_INLINE Vec<T> tanh_in_parts(Vec<T> x) {
  using C = Constants<T>;
  const Vec<T> z = x * x;
  const Vec<T> small = x * polynomial(z, C::tanh_poly);
  const Vec<T> m = least(splat(C::tanh_most), abs<T>(x));
  const Vec<T> magic = splat(C::round_magic + T(C::exponent_bias - 1));
  const Vec<T> rounded = fma(m, splat(2 * C::log2e), magic);
  const Vec<T> r = fma(rounded - magic, splat(-C::half_ln2), m);
  const Vec<T> half_power = from_bits<T>(bits<T>(rounded) << C::mantissa_bits);
  const Vec<T> d = fma(half_power, polynomial_of_twice(r, C::exp_poly), splat(T(0.5)));
  return copy_sign<T>(z >= C::tanh_small * C::tanh_small ? T(1) - T(1) / d : small, x);
}

template <class T>
FASTMLP_INLINE Vec<T> tanh(Vec<T> x) {
  return tanh_in_parts<T>(x);
}

template <class T>
FASTMLP_INLINE Vec<T> logistic(Vec<T> x) {
  const Vec<T> e = exp_of_minus<T>(x);
  const Vec<T> q = e / (T(1) + e);
  return x < T(0) ? fma(-e, q, e) : T(1) - q;  // e − e·q is q with less rounding
}

// σ(z)·(1 + z·σ(−z)), both σ of one exp as in logistic.
template <class T>
FASTMLP_INLINE Vec<T> silu_slope(Vec<T> z) {
  const Vec<T> e = exp_of_minus<T>(z), q = e / (T(1) + e);
  const Vec<T> small = fma(-e, q, e), large = T(1) - q;
  const IntVec<T> below = z < T(0);
  return (below ? small : large) * fma(z, below ? large : small, splat(T(1)));
}

template <class T>
FASTMLP_INLINE Vec<T> softplus(Vec<T> x) {
  return greatest(Vec<T>{}, x) + log1p<T>(exp_of_minus<T>(x));
}

// Near 0, log1p(sinh²x)/2 with sinh² = tanh²/(1 − tanh²), which is below 1 there; beyond,
// |x| − log 2 + log1p(e^−2|x|).
template <class T>
FASTMLP_INLINE Vec<T> log_cosh(Vec<T> x) {
  const Vec<T> m = abs<T>(x), t = tanh_in_parts<T>(x), square = t * t;
  const Vec<T> near = T(0.5) * log1p<T>(square / (T(1) - square));
  const Vec<T> beyond = (m - T(0.6931471805599453)) + log1p<T>(exp_of_minus<T>(m + m));
  return m < T(0.88) ? near : beyond;
}

// z/(1 + |z|), and ±1 of infinity.
template <class T>
FASTMLP_INLINE Vec<T> softsign(Vec<T> z) {
  const Vec<T> a = least(splat(T(0x1p100)), abs<T>(z));
  return copy_sign<T>(a / (T(1) + a), z);
}

// sin(x + quarters·π/2) for |x| ≤ angle_most, and NaN: with x = k·π/2 + r, ±sin r or ±cos r.
template <class T, int quarters>
FASTMLP_INLINE Vec<T> sine(Vec<T> x) {
  using C = Constants<T>;
  using Bits = typename Types<T>::Bits;
  const Vec<T> magic = splat(C::round_magic);
  const Vec<T> rounded = fma(x, splat(C::two_over_pi), magic), k = rounded - magic;
  Vec<T> r = x;
  FASTMLP_UNROLL
  for (const T part : C::half_pi) r = fma(k, splat(-part), r);
  const Vec<T> z = r * r;
  const Vec<T> odd = fma(r * z, polynomial(z, C::sin_poly), r);
  const Vec<T> even = fma(z * z, polynomial(z, C::cos_poly), fma(z, splat(T(-0.5)), splat(T(1))));
  const BitVec<T> quarter = bits<T>(rounded) + Bits(quarters);
  const Vec<T> size = (quarter & 1) == 0 ? odd : even;
  return from_bits<T>(bits<T>(size) ^ ((quarter & 2) << (8 * sizeof(T) - 2)));
}

// The upper tail of the normal distribution, Q(a) = 1 − Φ(a) = exp(−a²/2)·ratio(a), at a = |z|, or
// at normal_most beyond it. The ratio falls slowly, from ½, and needs no branches. Rounding a²
// changes Q by a²/2 units, so that k·ln2 needs no second part either.
template <class T>
struct NormalTail {
  Vec<T> a, density, ratio;  // density without its factor 1/√(2π)
};

template <class T>
FASTMLP_INLINE NormalTail<T> normal_tail(Vec<T> z) {
  using C = Constants<T>;
  const Vec<T> a = least(splat(C::normal_most), abs<T>(z)), square = a * a;
  const Vec<T> magic = splat(C::round_magic);
  const Vec<T> k = fma(square, splat(T(-0.5) * C::log2e), magic) - magic;
  const Vec<T> r = fma(k, splat(4 * C::half_ln2), square);  // −2r of exp
  const Vec<T> density = times_power_of_2<T>(polynomial_of_half(r, C::exp_poly), k);
  return {a, density, polynomial(a, C::tail_upper) / polynomial(a, C::tail_lower)};
}

// z·Φ(z) = max(0, z) − a·Q(a): no cancellation for z < 0, little above.
template <class T>
FASTMLP_INLINE Vec<T> gelu(Vec<T> z) {
  const NormalTail<T> tail = normal_tail<T>(z);
  return fma(-(tail.a * tail.density), tail.ratio, greatest(Vec<T>{}, z));
}

// Φ(z) + z·exp(−z²/2)/√(2π), of z < 0 first: of −z it is 1 minus that.
template <class T>
FASTMLP_INLINE Vec<T> gelu_slope(Vec<T> z) {
  const NormalTail<T> tail = normal_tail<T>(z);
  const Vec<T> below = tail.density * fma(tail.a, splat(T(-0.3989422804014327)), tail.ratio);
  return z < T(0) ? below : T(1) - below;
}

// z·logistic(z·(κ + μz²)), κ = 2√(2/π), μ = 0.044715·κ.
template <class T>
FASTMLP_INLINE Vec<T> gelu_tanh(Vec<T> z) {
  z = greatest(splat(-Constants<T>::normal_most), z);  // 0 below
  const Vec<T> e =
      exp_of_minus<T>(z * fma(z * z, splat(T(0.07135481627260025)), splat(T(1.5957691216057308))));
  return (z < T(0) ? z * e : z) / (T(1) + e);
}

// With u = z·(κ + μz²): σ(u) + z·σ(u)σ(−u)·(κ + 3μz²).
template <class T>
FASTMLP_INLINE Vec<T> gelu_tanh_slope(Vec<T> z) {
  const Vec<T> far = splat(Constants<T>::normal_most);
  const Vec<T> a = least(far, abs<T>(z)), square = a * a, k = splat(T(1.5957691216057308));
  const Vec<T> e = exp_of_minus<T>(a * fma(square, splat(T(0.07135481627260025)), k));
  const Vec<T> p = T(1) / (T(1) + e), q = e * p;  // σ(|u|), σ(−|u|)
  const Vec<T> rest = a * fma(square, splat(T(0.21406444881780073)), k) * (p * q);
  return z < T(0) ? q - rest : p + rest;
}

// tanh(softplus(z)) = n/d in terms of w = exp(−|z|): (w² + 2w)/(w² + 2w + 2) for z < 0, above
// (1 + 2w)/(1 + 2w + 2w²). Its derivative is 4·(1 + w)·(z < 0 ? w : w²)/d².
template <class T>
struct MishParts {
  Vec<T> w, n, d;
};

template <class T>
FASTMLP_INLINE MishParts<T> mish_parts(Vec<T> z) {
  const Vec<T> w = exp_of_minus<T>(z), square = w * w;
  const IntVec<T> below = z < T(0);
  const Vec<T> n = fma(splat(T(2)), w, below ? square : splat(T(1)));
  return {w, n, fma(splat(T(2)), below ? splat(T(1)) : square, n)};
}

template <class T>
FASTMLP_INLINE Vec<T> mish(Vec<T> z) {
  const MishParts<T> m = mish_parts<T>(z);
  return z * m.n / m.d;
}

template <class T>
FASTMLP_INLINE Vec<T> mish_slope(Vec<T> z) {
  const MishParts<T> m = mish_parts<T>(z);
  const Vec<T> r = T(1) / m.d, change = (z < T(0) ? m.w : m.w * m.w) * (T(4) + T(4) * m.w);
  return r * fma(z * change, r, m.n);
}

// softplus(z) − t·z as (1 − t)·z + log1p(e^−z) for z > 0, −t·z + log1p(e^z) below: for t of 0 … 1
// no term is negative.
template <class T>
FASTMLP_INLINE Vec<T> logistic_cross_entropy(Vec<T> z, Vec<T> t) {
  return fma(z > T(0) ? T(1) - t : -t, z, log1p<T>(exp_of_minus<T>(z)));
}

// logistic(z) − t, by the smaller of logistic(z) and 1 − logistic(z).
template <class T>
FASTMLP_INLINE Vec<T> logistic_residual(Vec<T> z, Vec<T> t) {
  const Vec<T> e = exp_of_minus<T>(z);
  const Vec<T> q = fma(-e, e / (T(1) + e), e);  // as in logistic
  return z > T(0) ? (T(1) - t) - q : q - t;
}

}  // namespace fastmlp::FASTMLP_ISA

#if defined(__AVX512F__)
#include "kernels/lookup.h"  // some of these once more, for float64
#endif
