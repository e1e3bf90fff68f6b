// Transcendental functions on vectors. Polynomial coefficients: minimax in the relative error of
// the whole function, by Remez exchange in 60 digits, then rounded. Errors over all float32
// numbers: exp 0.88 ULP, log 0.96, tanh 1.39, logistic 1.80, softplus 1.79 (2.05 without fma);
// float64 is alike. tests/test_kernels.py holds them to 2.05 and 4 ULP.
#pragma once

#include "kernels/simd.h"

namespace fastmlp::FASTMLP_ISA {

template <class T>
struct Constants;

template <>
struct Constants<float> {
  static constexpr int mantissa_bits = 23;
  static constexpr std::uint32_t exponent_bias = 127;
  static constexpr float round_magic = 0x1.8p23f;  // adding it rounds to an integer in the low bits
  static constexpr float log2e = 0x1.715476p+0f;
  static constexpr float ln2_high = 0x1.62ep-1f, ln2_low = 0x1.0bfbe8p-15f;  // k·ln2_high is exact
  static constexpr float exp_least = -104.0f, exp_most = 89.0f;     // exp is 0 and inf beyond
  static constexpr float expm1_least = -20.0f, expm1_most = 88.0f;  // it is −1 below
  static constexpr float tanh_small = 0.56f, tanh_most = 10.0f;     // it is ±1 beyond
  static constexpr float least_normal = 0x1p-126f;
  static constexpr std::uint32_t subnormal_shift = 23;
  static constexpr std::uint32_t half_sqrt2 = 0x3f3504f3;  // bits of √½
  // exp(r) = 1 + r + r²·exp_poly(r), |r| ≤ ln2/2: relative error 2^-28.3.
  static constexpr float exp_poly[] = {0x1.fffffb9aab562p-2f, 0x1.555491540c26dp-3f,
                                       0x1.5558f1261eb2ap-5f, 0x1.1239e2d4470ecp-7f,
                                       0x1.6a24794ee56e1p-10f};
  // 2·atanh(s) = 2s + s³·poly(s²): for log |s| ≤ (√2−1)/(√2+1), 2^-37.6; for log1p s ≤ 1/3,
  // 2^-33.1.
  static constexpr float log_poly[] = {0x1.555554fd8835fp-1f, 0x1.999a7ac9696a4p-2f,
                                       0x1.2438c2858661dp-2f, 0x1.e2fa3b2be1c4dp-3f};
  static constexpr float log1p_poly[] = {0x1.5555584c26a22p-1f, 0x1.9996af9675ec4p-2f,
                                         0x1.2508b0fa84845p-2f, 0x1.b6e6ccb066db0p-3f,
                                         0x1.f173435860f4dp-3f};
  // tanh(x) = x + x³·poly(x²), |x| ≤ tanh_small: 2^-29.5.
  static constexpr float tanh_poly[] = {-0x1.555548d07bf29p-2f, 0x1.110c98858d625p-3f,
                                        -0x1.b90fc1b045163p-5f, 0x1.5866a160a405fp-6f,
                                        -0x1.963d806b2f774p-8f};
};

template <>
struct Constants<double> {
  static constexpr int mantissa_bits = 52;
  static constexpr std::uint64_t exponent_bias = 1023;
  static constexpr double round_magic = 0x1.8p52;
  static constexpr double log2e = 0x1.71547652b82fep+0;
  static constexpr double ln2_high = 0x1.62e42fefap-1, ln2_low = 0x1.cf79abc9e3b3ap-40;
  static constexpr double exp_least = -746.0, exp_most = 710.0;
  static constexpr double expm1_least = -40.0, expm1_most = 709.0;
  static constexpr double tanh_small = 0.36, tanh_most = 20.0;
  static constexpr double least_normal = 0x1p-1022;
  static constexpr std::uint64_t subnormal_shift = 52;
  static constexpr std::uint64_t half_sqrt2 = 0x3fe6a09e667f3bcd;
  // 2^-57.9.
  static constexpr double exp_poly[] = {
      0x1.000000000000ap-1,  0x1.55555555554fap-3,  0x1.555555555087cp-5,  0x1.1111111127beap-7,
      0x1.6c16c1842a18fp-10, 0x1.a01a012a559b1p-13, 0x1.a0199a0c5affdp-16, 0x1.71df255761396p-19,
      0x1.28ad72d3fa16fp-22, 0x1.ad7f6655530e7p-26};
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
  static constexpr double tanh_poly[] = {
      -0x1.5555555555552p-2,  0x1.1111111110864p-3,  -0x1.ba1ba1b933c5dp-5,
      0x1.664f4823afda6p-6,   -0x1.226e1f470ac63p-7, 0x1.d6cd98de98e7bp-9,
      -0x1.7d18a6dec08aap-10, 0x1.2dfc2f8261ad7p-11, -0x1.844029481e8e3p-13};
};

// c[0] + c[1]·x + … by Horner.
template <class T, int n>
FASTMLP_INLINE Vec<T> polynomial(Vec<T> x, const T (&c)[n]) {
  Vec<T> p = splat(c[n - 1]);
  FASTMLP_UNROLL
  for (int i = n - 2; i >= 0; --i) p = fma(p, x, splat(c[i]));
  return p;
}

// x = k·ln2 + r with |r| ≤ ln2/2; p = exp(r) − 1.
template <class T>
struct Reduced {
  BitVec<T> k;  // wraps around where negative
  Vec<T> p;
};

template <class T>
FASTMLP_INLINE Reduced<T> reduce_exp(Vec<T> x) {
  using C = Constants<T>;
  const Vec<T> magic = splat(C::round_magic);
  const Vec<T> rounded = fma(x, splat(C::log2e), magic);
  const Vec<T> k = rounded - magic;
  const Vec<T> r_high = fma(k, splat(-C::ln2_high), x);  // exact; so ln2_low enters p unrounded
  const Vec<T> r_low = k * -C::ln2_low;
  const Vec<T> r = r_high + r_low;
  const Vec<T> p = r_high + fma(r * r, polynomial<T>(r, C::exp_poly), r_low);
  return {bits<T>(rounded) - bits<T>(magic), p};
}

// 2^k for a k whose power is a normal number.
template <class T>
FASTMLP_INLINE Vec<T> power_of_2(BitVec<T> k) {
  using C = Constants<T>;
  return from_bits<T>((k + C::exponent_bias) << C::mantissa_bits);
}

template <class T>
FASTMLP_INLINE Vec<T> exp(Vec<T> x) {
  using C = Constants<T>;
  x = x > C::exp_most ? splat(C::exp_most) : x;  // comparisons this way round let NaN through
  x = x < C::exp_least ? splat(C::exp_least) : x;
  const Reduced<T> e = reduce_exp<T>(x);
  // In two factors: 2^k alone may be beyond the largest number or below the least normal one.
  const BitVec<T> half = ((e.k + 4096) >> 1) - 2048;
  return (T(1) + e.p) * power_of_2<T>(half) * power_of_2<T>(e.k - half);
}

// exp(x) − 1 for x up to expm1_most.
template <class T>
FASTMLP_INLINE Vec<T> expm1(Vec<T> x) {
  using C = Constants<T>;
  x = x > C::expm1_most ? splat(C::expm1_most) : x;
  x = x < C::expm1_least ? splat(C::expm1_least) : x;
  const Reduced<T> e = reduce_exp<T>(x);
  const Vec<T> scale = power_of_2<T>(e.k);
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
  const Vec<T> tail = fma(s, fma(-z, polynomial<T>(z, C::log_poly), f), k_real * -C::ln2_low);
  Vec<T> y = fma(k_real, splat(C::ln2_high), f - tail);
  const Vec<T> infinity = splat(T(__builtin_inf()));
  y = x == infinity ? infinity : y;
  y = x == T(0) ? -infinity : y;
  return (x < T(0)) | (x != x) ? splat(T(__builtin_nan(""))) : y;
}

// log(1 + u) for 0 ≤ u ≤ 1.
template <class T>
FASTMLP_INLINE Vec<T> log1p(Vec<T> u) {
  const Vec<T> s = u / (T(2) + u);
  const Vec<T> z = s * s;
  return fma(-s, fma(-z, polynomial<T>(z, Constants<T>::log1p_poly), u), u);
}

template <class T>
FASTMLP_INLINE Vec<T> tanh(Vec<T> x) {
  using C = Constants<T>;
  const Vec<T> z = x * x, magnitude = abs<T>(x);
  const Vec<T> small = fma(x, z * polynomial<T>(z, C::tanh_poly), x);
  const Vec<T> bounded = magnitude > C::tanh_most ? splat(C::tanh_most) : magnitude;
  const Vec<T> large = T(1) - T(2) / (exp<T>(bounded + bounded) + T(1));
  return copy_sign<T>(magnitude < C::tanh_small ? small : large, x);  // −0 included
}

template <class T>
FASTMLP_INLINE Vec<T> logistic(Vec<T> x) {
  const Vec<T> e = exp<T>(-abs<T>(x));
  const Vec<T> q = e / (T(1) + e);
  return x < T(0) ? fma(-e, q, e) : T(1) - q;  // e − e·q is q with less rounding
}

template <class T>
FASTMLP_INLINE Vec<T> softplus(Vec<T> x) {
  return (x > T(0) ? x : Vec<T>{}) + log1p<T>(exp<T>(-abs<T>(x)));
}

}  // namespace fastmlp::FASTMLP_ISA
