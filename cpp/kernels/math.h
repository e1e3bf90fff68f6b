// Transcendental functions on vectors. Polynomial coefficients: minimax in the relative error of
// the whole function, by Remez exchange in 50 digits, then rounded. Errors over all float32
// numbers, with and without fma: exp 1.01 and 0.98 ULP, log 0.96, tanh 1.72 and 1.99, logistic 1.65
// and 1.86, softplus 1.82 and 2.04; float64 is alike. tests/kernels/test_kernels.py holds them to
// 2.05 and 4 ULP; mish and the gelus to 4, the latter beside what 1½ ULP of z would change.
#pragma once

#include "kernels/simd.h"

// Of the activations made of these (activations.h), likewise with and without fma, over every 31st
// float32 number: silu, where its exp is normal, 2.97 and 2.88 ULP, selu 1.85 and 1.89; over 20
// million float64 numbers 3.08 and 3.23, 1.80 and 1.83.

namespace fastmlp::FASTMLP_ISA {

template <class T>
struct Constants;

template <>
struct Constants<float> : Types<float> {
  static constexpr float log2e = 0x1.715476p+0f, half_ln2 = 0x1.62e43p-2f;
  static constexpr float ln2_high = 0x1.62ep-1f, ln2_low = 0x1.0bfbe8p-15f;  // k·ln2_high is exact
  static constexpr float exp_least = -104.0f, exp_most = 89.0f;     // exp is 0 and inf beyond
  static constexpr float expm1_least = -20.0f, expm1_most = 88.0f;  // it is −1 below
  static constexpr float tanh_small = 0.54f, tanh_most = 10.0f;     // it is ±1 beyond
  static constexpr float least_normal = 0x1p-126f;
  static constexpr std::uint32_t subnormal_shift = 23;
  static constexpr std::uint32_t half_sqrt2 = 0x3f3504f3;  // bits of √½
  // exp(r), |r| ≤ ln2/2: 2^-28.3.
  static constexpr float exp_poly[] = {1.0f,
                                       1.0f,
                                       0x1.fffffb9aab562p-2f,
                                       0x1.555491540c26dp-3f,
                                       0x1.5558f1261eb2ap-5f,
                                       0x1.1239e2d4470ecp-7f,
                                       0x1.6a24794ee56e1p-10f};
  // 2·atanh(s) = 2s + s³·poly(s²): for log |s| ≤ (√2−1)/(√2+1), 2^-37.6; for log1p s ≤ 1/3,
  // 2^-33.1.
  static constexpr float log_poly[] = {0x1.555554fd8835fp-1f, 0x1.999a7ac9696a4p-2f,
                                       0x1.2438c2858661dp-2f, 0x1.e2fa3b2be1c4dp-3f};
  static constexpr float log1p_poly[] = {0x1.5555584c26a22p-1f, 0x1.9996af9675ec4p-2f,
                                         0x1.2508b0fa84845p-2f, 0x1.b6e6ccb066db0p-3f,
                                         0x1.f173435860f4dp-3f};
  // tanh(x) = x·poly(x²), |x| ≤ tanh_small: 2^-24.9.
  static constexpr float tanh_poly[] = {1.0f, -0x1.555472fc07481p-2f, 0x1.10d5494f2fe38p-3f,
                                        -0x1.b027a377253acp-5f, 0x1.0ffb05108e198p-6f};
  // Q(a)·exp(a²/2) = tail_upper(a) / tail_lower(a), 0 ≤ a ≤ normal_most: (1 + a²/3)·2^-25.
  static constexpr float normal_most = 15.0f;  // exp(−a²/2) is 0 there
  static constexpr float tail_upper[] = {0x1.ffffff028f70dp-2f, 0x1.4e0c44541811ap-2f,
                                         0x1.9b3b92429f58ap-4f, 0x1.a2979a0b0fa32p-7f,
                                         0x1.bb1512c64b82ep-22f};
  static constexpr float tail_lower[] = {1.0f, 0x1.73482adb563b8p+0f, 0x1.b74c889371452p-1f,
                                         0x1.00e0364104645p-2f, 0x1.06adfcbc3ec2ap-5f};
  // sin r = r + r³·poly(r²), 2^-28.0; cos r = 1 − r²/2 + r⁴·poly(r²), 2^-33.0; |r| ≤ π/4. k·π/2 is
  // exact in its first three parts for |x| ≤ angle_most.
  static constexpr float angle_most = 0x1p13f, two_over_pi = 0x1.45f306dc9c883p-1f;
  static constexpr float half_pi[] = {0x1.92p+0f, 0x1.fb4p-12f, 0x1.444p-24f,
                                      0x1.68c234c4c6629p-39f};
  static constexpr float sin_poly[] = {-0x1.5555450d8bdcep-3, 0x1.110730eab9ae8p-7,
                                       -0x1.994064ddfc2b6p-13};
  static constexpr float cos_poly[] = {0x1.55554a0304d40p-5, -0x1.6c0c2a7dcf593p-10,
                                       0x1.99e8de6d2346cp-16};
};

template <>
struct Constants<double> : Types<double> {
  static constexpr double log2e = 0x1.71547652b82fep+0, half_ln2 = 0x1.62e42fefa39efp-2;
  static constexpr double ln2_high = 0x1.62e42fefap-1, ln2_low = 0x1.cf79abc9e3b3ap-40;
  static constexpr double exp_least = -746.0, exp_most = 710.0;
  static constexpr double expm1_least = -40.0, expm1_most = 709.0;
  static constexpr double tanh_small = 0.36, tanh_most = 20.0;
  static constexpr double least_normal = 0x1p-1022;
  static constexpr std::uint64_t subnormal_shift = 52;
  static constexpr std::uint64_t half_sqrt2 = 0x3fe6a09e667f3bcd;
  // 2^-57.9.
  static constexpr double exp_poly[] = {1.0,
                                        1.0,
                                        0x1.000000000000ap-1,
                                        0x1.55555555554fap-3,
                                        0x1.555555555087cp-5,
                                        0x1.1111111127beap-7,
                                        0x1.6c16c1842a18fp-10,
                                        0x1.a01a012a559b1p-13,
                                        0x1.a0199a0c5affdp-16,
                                        0x1.71df255761396p-19,
                                        0x1.28ad72d3fa16fp-22,
                                        0x1.ad7f6655530e7p-26};
  // 2^-59.5.
  static constexpr double log_poly[] = {
      0x1.5555555555593p-1, 0x1.999999997fc67p-2, 0x1.249249420712dp-2, 0x1.c71c51f5038efp-3,
      0x1.74664392cecd1p-3, 0x1.39a1364b1726cp-3, 0x1.2f0b0dc124effp-3};
  // 2^-64.6.
  static constexpr double log1p_poly[] = {
      0x1.5555555555556p-1, 0x1.999999999956cp-2, 0x1.24924924c14a1p-2, 0x1.c71c71a631f38p-3,
      0x1.745d1df4f26f9p-3, 0x1.3b12d750f808bp-3, 0x1.11232cc714a77p-3, 0x1.dfe4c62a4f49fp-4,
      0x1.c16155b38567ep-4, 0x1.1eb2c13500842p-4, 0x1.5114d146c68c0p-3};
  // 2^-62.1.
  static constexpr double tanh_poly[] = {1.0,
                                         -0x1.5555555555552p-2,
                                         0x1.1111111110864p-3,
                                         -0x1.ba1ba1b933c5dp-5,
                                         0x1.664f4823afda6p-6,
                                         -0x1.226e1f470ac63p-7,
                                         0x1.d6cd98de98e7bp-9,
                                         -0x1.7d18a6dec08aap-10,
                                         0x1.2dfc2f8261ad7p-11,
                                         -0x1.844029481e8e3p-13};
  // (1 + a²/3)·2^-57.1.
  static constexpr double normal_most = 39.0;
  static constexpr double tail_upper[] = {0.5,
                                          0x1.83a4a52be8475p-1,
                                          0x1.230ab7de5e3f3p-1,
                                          0x1.15a14f56cf10ap-2,
                                          0x1.6ed9134d76706p-4,
                                          0x1.5a7e49d966f54p-6,
                                          0x1.d37a2bcd10a87p-9,
                                          0x1.b372903075703p-12,
                                          0x1.ff56c515f2a4cp-16,
                                          0x1.23b6df16c70c0p-20};
  static constexpr double tail_lower[] = {1.0,
                                          0x1.27f3676544fcdp+1,
                                          0x1.3da7cf31e8f05p+1,
                                          0x1.a1daf22d7b174p+0,
                                          0x1.760c2ed9371d6p-1,
                                          0x1.ddc5a10aefb11p-3,
                                          0x1.babf6b54019bap-5,
                                          0x1.27738886d7cf1p-7,
                                          0x1.119720bfe9a32p-10,
                                          0x1.406f25628905ap-14,
                                          0x1.6d9c15d8b0d5dp-19};
  // 2^-57.9 and 2^-63.9.
  static constexpr double angle_most = 0x1p20, two_over_pi = 0x1.45f306dc9c883p-1;
  static constexpr double half_pi[] = {0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2e037073p-69};
  static constexpr double sin_poly[] = {-0x1.5555555555548p-3,  0x1.111111110f790p-7,
                                        -0x1.a01a019bf5988p-13, 0x1.71de356054eaap-19,
                                        -0x1.ae5e54820e011p-26, 0x1.5d8e0260cabcap-33};
  static constexpr double cos_poly[] = {0x1.555555555554bp-5,  -0x1.6c16c16c14f47p-10,
                                        0x1.a01a019c7cdbfp-16, -0x1.27e4f7e53fb5fp-22,
                                        0x1.1ee9d3dd7364ep-29, -0x1.8fa291583ec14p-37};
};

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

// The same at −x/2.
template <class T, int n>
FASTMLP_INLINE Vec<T> polynomial_of_half(Vec<T> x, const T (&c)[n]) {
  Vec<T> p = splat(c[n - 1] * T(1.0 / (1 << (n - 1))) * T((n - 1) % 2 ? -1 : 1));
  FASTMLP_UNROLL
  for (int i = n - 2; i >= 0; --i)
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
FASTMLP_INLINE Vec<T> tanh(Vec<T> x) {
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
  const Vec<T> m = abs<T>(x), t = FASTMLP_ISA::tanh<T>(x), square = t * t;
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
  return fma(-tail.a * tail.density, tail.ratio, greatest(Vec<T>{}, z));
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
