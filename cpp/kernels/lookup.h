// Functions of math.h for AVX-512, which looks up 8 to 32 numbers in registers. In float32 tanh
// piece by piece, without exp or a division: 1.66 ULP. In float64, with exp by sixteenths of a
// power of 2, and log1p and the normal tail piece by piece, polynomials are half as long. Tables
// are rounded from 60 digits, those of tanh from 40; coefficients as in constants.h. Errors over
// 600,000 numbers against 113 bits: exp 1.12 ULP, expm1 2.18, log1p 1.01, tanh 3.02, logistic 2.12,
// softplus 2.23, silu 3.38, selu 2.23, mish 3.58, gelu 3.1 beside what 1½ ULP of z would change.
#pragma once

#include "kernels/math.h"

namespace fastmlp::FASTMLP_ISA {

namespace tables {
// 2^(i/16), and what its rounding leaves.
alignas(64) constexpr double power[] = {
    0x1.0000000000000p+0, 0x1.0b5586cf9890fp+0, 0x1.172b83c7d517bp+0, 0x1.2387a6e756238p+0,
    0x1.306fe0a31b715p+0, 0x1.3dea64c123422p+0, 0x1.4bfdad5362a27p+0, 0x1.5ab07dd485429p+0,
    0x1.6a09e667f3bcdp+0, 0x1.7a11473eb0187p+0, 0x1.8ace5422aa0dbp+0, 0x1.9c49182a3f090p+0,
    0x1.ae89f995ad3adp+0, 0x1.c199bdd85529cp+0, 0x1.d5818dcfba487p+0, 0x1.ea4afa2a490dap+0};
alignas(64) constexpr double power_rest[] = {0x0.0p+0,
                                             0x1.8a62e4adc610bp-54,
                                             -0x1.19041b9d78a76p-55,
                                             0x1.9b07eb6c70573p-54,
                                             0x1.6f46ad23182e4p-55,
                                             0x1.ada0911f09ebcp-55,
                                             0x1.d4397afec42e2p-56,
                                             0x1.6324c054647adp-54,
                                             -0x1.bdd3413b26456p-54,
                                             -0x1.41577ee04992fp-55,
                                             0x1.6e9f156864b27p-54,
                                             0x1.c7c46b071f2bep-56,
                                             0x1.7a1cd345dcc81p-54,
                                             0x1.11065895048ddp-55,
                                             0x1.2ed02d75b3707p-55,
                                             -0x1.e9c23179c2893p-54};
// exp(r), |r| ≤ ln2/32: 2^-56.3, and with one coefficient more 2^-59.999·r.
constexpr double exp_poly[] = {1.0,
                               1.0,
                               0x1.0000000000005p-1,
                               0x1.555555548f725p-3,
                               0x1.555555545e2c8p-5,
                               0x1.11123abf20a92p-7,
                               0x1.6c185e42154d9p-10};
constexpr double expm1_poly[] = {1.0,
                                 1.0,
                                 0x1.0000000000003p-1,
                                 0x1.5555555555559p-3,
                                 0x1.55555554ad3ddp-5,
                                 0x1.111111108fb9fp-7,
                                 0x1.6c181f4d46be9p-10,
                                 0x1.a01b889b145fep-13};
// Numbers next to 1/(1 + i/15) whose logarithms lose little by rounding, and −log of them.
alignas(64) constexpr double inverse[] = {
    0x1.0000000000000p+0, 0x1.e000000000001p-1, 0x1.c3c3c3c3c47f2p-1, 0x1.aaaaaaaaaaaadp-1,
    0x1.9435e50d79fe7p-1, 0x1.7ffffffffffffp-1, 0x1.6db6db6db6db6p-1, 0x1.5d1745d175182p-1,
    0x1.4de9bd37a7b06p-1, 0x1.4000000000bb6p-1, 0x1.333333333277bp-1, 0x1.2762762761baap-1,
    0x1.1c71c71c72829p-1, 0x1.1249249248696p-1, 0x1.08d3dcb08d3d8p-1, 0x1.0000000000000p-1};
alignas(64) constexpr double minus_log[] = {0x0.0p+0,
                                            0x1.08598b59e39fep-4,
                                            0x1.005588ad34097p-3,
                                            0x1.7565011e4966bp-3,
                                            0x1.e41fccb76759ap-3,
                                            0x1.269621134db95p-2,
                                            0x1.588c2d9133492p-2,
                                            0x1.882f1ef83cafap-2,
                                            0x1.b5b3e24233a98p-2,
                                            0x1.e148a1a270154p-2,
                                            0x1.058aefa8127dap-1,
                                            0x1.199fac68b5f08p-1,
                                            0x1.2cf25fad8dcadp-1,
                                            0x1.3f91275241de8p-1,
                                            0x1.5188a4a02d808p-1,
                                            0x1.62e42fefa39efp-1};
// log1p(r) = r + r²·(even(r²) + r·odd(r²)), −1/32 ≤ r ≤ 1/30: 2^-61.8.
constexpr double log1p_even[] = {-0x1.0000000000000p-1, -0x1.000000000123fp-2,
                                 -0x1.5555552f3f7e7p-3, -0x1.0000d9a77c35ap-3,
                                 -0x1.96c81f42f987bp-4};
constexpr double log1p_odd[] = {0x1.55555555554d4p-2, 0x1.9999999be8217p-3, 0x1.24922ecc6fc13p-3,
                                0x1.c80a9d7765ce1p-4};
// Q(a)·exp(a²/2) = upper(a) / lower(a), lower with a first coefficient of 1: coefficients of one
// power side by side for the eight parts that 1 + a/0.8125 = 1.5, 2, 3, 4, 6, 8 and 12 separate,
// where exponent and first bit of that change, in the order of these bits modulo 8. With rounded
// coefficients (1 + a²/3)·2^-53.6.
constexpr double tail_scale = 1 / 0.8125, tail_last = 12;
alignas(64) constexpr double tail_upper[][8] = {
    {0x1.0000003b88464p-1, 0x1.000015118a6c3p-1, 0x1.00026ac0e4febp-1, 0x1.0027e9cbd4f8ep-1,
     0x1.0147189de9f21p-1, 0x1.163fc0efa3665p-1, 0x1.0000000000000p-1, 0x1.000000002032fp-1},
    {0x1.85001b6c128e1p-2, 0x1.a7aa22fc78faep-2, 0x1.d119f8223de86p-2, 0x1.0032b638b6985p-1,
     0x1.17a2618f1b9cep-1, 0x1.3d4119c7ee7c6p-1, 0x1.541367d79c7eep-2, 0x1.6908d493ca36fp-2},
    {0x1.25bd21a70a7dcp-3, 0x1.54a5e0c13a1abp-3, 0x1.93b48b1a56c00p-3, 0x1.e677c9862a5b6p-3,
     0x1.254a39077eaa2p-2, 0x1.bd140d10bb527p-2, 0x1.d95a4a0dde8f7p-4, 0x1.03d1fe4b1a12ap-3},
    {0x1.ca665649b095bp-6, 0x1.20c67ed1300e1p-5, 0x1.77f4ddc8f0e99p-5, 0x1.f22db6432d9a6p-5,
     0x1.40b4d3d23aa6ep-4, 0x1.c6246a286342ep-4, 0x1.46869aa33b7eep-6, 0x1.7a681f1be49f8p-6},
    {0x1.3b84330673851p-9, 0x1.bd88a1543980bp-9, 0x1.514b27885bc0cp-8, 0x1.10d609018d0cap-7,
     0x1.bcc8f50566e86p-7, 0x1.16aaa079b64a6p-5, 0x1.872ccb50bb142p-10, 0x1.df82b6694261dp-10}};
alignas(64) constexpr double tail_lower[][8] = {
    {0x1.8ec239c716660p+0, 0x1.a017ca43384acp+0, 0x1.b4db50f3cb263p+0, 0x1.cd1355a413670p+0,
     0x1.e83729b16d498p+0, 0x1.23fa1af2294edp+1, 0x1.764bdd8a6ff23p+0, 0x1.80c693eaf03d8p+0},
    {0x1.0799116942126p+0, 0x1.212628da1914ap+0, 0x1.415f0d3de1f58p+0, 0x1.684761c3de6f2p+0,
     0x1.90c16169bd9a7p+0, 0x1.d4c4af76fd211p+0, 0x1.cba0f46a80ba0p-1, 0x1.e7ec5e3a897e7p-1},
    {0x1.756987a1b21bep-2, 0x1.b33da18726394p-2, 0x1.0383ad23efe86p-1, 0x1.3b83b7d0db6efp-1,
     0x1.81003c0cbfbdap-1, 0x1.2cbd705d11f22p+0, 0x1.2a0769b8b0989p-2, 0x1.48b4fffe04ebfp-2},
    {0x1.1f8c81c42d6b8p-4, 0x1.6a09207ab20e6p-4, 0x1.d738e14261fd4p-4, 0x1.3830aee5d2ef8p-3,
     0x1.91f23e0614f82p-3, 0x1.1c976935e8facp-2, 0x1.9b4f530dce078p-5, 0x1.db7b2f329fd86p-5},
    {0x1.8b42aa711bde3p-8, 0x1.172b7506e6037p-7, 0x1.a6baa1099c790p-7, 0x1.55f2e9d080472p-6,
     0x1.16ba463e21d55p-5, 0x1.5d41b5a65f29ap-4, 0x1.e865a16c10471p-9, 0x1.2c058ff74ce6ep-8}};
// tanh(center + r), coefficients of one power of r side by side, for the 32 parts of 0 … tanh_most
// that exponent and three more bits of 1 + tanh_scale·|x| tell apart, in the order of these bits
// modulo 32. Of numbers next to the middle of a part the center is the one whose tanh loses least
// by rounding; the first is 0, where tanh is x·(1 + …). 2^-24.5 of it at worst.
constexpr float tanh_scale = 1.64f, tanh_most = 9.14f;  // it is ±1 beyond
alignas(64) constexpr float tanh_center[] = {
    0x1.5f2ae2p-1f, 0x1.ad427cp-1f, 0x1.fb5ff4p-1f, 0x1.24b0bep+0f, 0x1.4baecp+0f,  0x1.729ecap+0f,
    0x1.99c5fep+0f, 0x1.c0d6cep+0f, 0x1.fb3234p+0f, 0x1.24a4ap+1f,  0x1.4bb07ep+1f, 0x1.72b57cp+1f,
    0x1.99ba66p+1f, 0x1.c0cea6p+1f, 0x1.e7c0cep+1f, 0x1.07656ap+2f, 0x1.24b304p+2f, 0x1.4bb996p+2f,
    0x1.72a392p+2f, 0x1.99d208p+2f, 0x1.c10d0ap+2f, 0x1.e7f9c2p+2f, 0x1.0a2b24p+3f, 0x1.154246p+3f,
    0.0f,           0x1.d444a4p-4f, 0x1.863634p-3f, 0x1.112536p-2f, 0x1.5f4038p-2f, 0x1.ad4ab8p-2f,
    0x1.fb5ccp-2f,  0x1.24b756p-1f};
alignas(64) constexpr float tanh_poly[][32] = {
    {0x1.30ce6cp-1f, 0x1.5eb304p-1f, 0x1.83faf8p-1f, 0x1.a18d1ap-1f, 0x1.b89ff2p-1f, 0x1.ca5d72p-1f,
     0x1.d7f24cp-1f, 0x1.e22cb8p-1f, 0x1.ece412p-1f, 0x1.f58754p-1f, 0x1.fa48c4p-1f, 0x1.fce2aap-1f,
     0x1.fe4e06p-1f, 0x1.ff142ap-1f, 0x1.ff7f9ep-1f, 0x1.ffba3ap-1f, 0x1.ffe412p-1f, 0x1.fff7cp-1f,
     0x1.fffd8ep-1f, 0x1.ffff48p-1f, 0x1.ffffcap-1f, 0x1.fffffp-1f,  0x1.fffffcp-1f, 0x1.fffffep-1f,
     0.0f,           0x1.d23d1ap-4f, 0x1.818ebp-3f,  0x1.0ad8a6p-2f, 0x1.5217fp-2f,  0x1.95cae8p-2f,
     0x1.d58d94p-2f, 0x1.0881cp-1f},
    {0x1.4a8aa2p-1f,  0x1.0fc918p-1f,  0x1.b3ff6p-2f,   0x1.56f318p-2f,  0x1.0999d6p-2f,
     0x1.969b0ap-3f,  0x1.33e50ep-3f,  0x1.cf4e42p-4f,  0x1.2c0966p-4f,  0x1.4ba6f6p-5f,
     0x1.6bc28cp-6f,  0x1.8d7284p-7f,  0x1.b13fbcp-8f,  0x1.d73cc4p-9f,  0x1.00a25ep-9f,
     0x1.17036ap-10f, 0x1.beabaap-12f, 0x1.07e61cp-13f, 0x1.38e2cap-15f, 0x1.6fde8ep-17f,
     0x1.afd9ccp-19f, 0x1.ffd238p-21f, 0x1.fffc02p-23f, 0x1.0012b4p-23f, 0x1p+0f,
     0x1.f95db8p-1f,  0x1.edda8ap-1f,  0x1.dd3b2p-1f,   0x1.c82f98p-1f,  0x1.af988cp-1f,
     0x1.9457fep-1f,  0x1.775a12p-1f},
    {-0x1.898f2ap-2f,  -0x1.745312p-2f,  -0x1.4a635cp-2f,  -0x1.17af94p-2f,  -0x1.c92674p-3f,
     -0x1.6c02f6p-3f,  -0x1.1bcef8p-3f,  -0x1.b45134p-4f,  -0x1.20d79p-4f,   -0x1.44df6ep-5f,
     -0x1.67b3c8p-6f,  -0x1.8b0878p-7f,  -0x1.afd184p-8f,  -0x1.d6644ap-9f,  -0x1.0062b8p-9f,
     -0x1.16de2p-10f,  -0x1.be9db4p-12f, -0x1.07e7f4p-13f, -0x1.38edc4p-15f, -0x1.6fe368p-17f,
     -0x1.afd2c6p-19f, -0x1.ffd152p-21f, -0x1.fe7978p-23f, -0x1.00365cp-23f, 0x1.68a34p-17f,
     -0x1.cc31b8p-4f,  -0x1.73e43cp-3f,  -0x1.f1732cp-3f,  -0x1.2d3cb4p-2f,  -0x1.56112ep-2f,
     -0x1.72d266p-2f,  -0x1.83d32p-2f},
    {0x1.af5c5p-7f,   0x1.2588bcp-4f,  0x1.a2b5cep-4f,  0x1.c6377ep-4f,  0x1.b041aep-4f,
     0x1.7c894ap-4f,  0x1.3df8f4p-4f,  0x1.00936ap-4f,  0x1.653b9cp-5f,  0x1.a12cp-6f,
     0x1.d738f6p-7f,  0x1.058c24p-7f,  0x1.1f911p-8f,   0x1.3a3dbcp-9f,  0x1.57235ap-10f,
     0x1.7591d4p-11f, 0x1.3096aap-12f, 0x1.681634p-14f, 0x1.ab041ap-16f, 0x1.f60bfep-18f,
     0x1.26a3fep-19f, 0x1.5d3bf6p-21f, 0x1.5796cap-23f, 0x1.4c493ap-24f, -0x1.563602p-2f,
     -0x1.439a3p-2f,  -0x1.260e4cp-2f, -0x1.fa7016p-3f, -0x1.99362ep-3f, -0x1.30595ep-3f,
     -0x1.8e4878p-4f, -0x1.8fb48p-5f},
    {0x1.eba0aap-4f,   0x1.26f7c8p-4f,   0x1.ed0ee2p-6f,   0x1.4e9d94p-11f,  -0x1.0c424ap-6f,
     -0x1.874e02p-6f,  -0x1.9ec752p-6f,  -0x1.80205cp-6f,  -0x1.2c6ac6p-6f,  -0x1.7d5a24p-7f,
     -0x1.c13d6ep-8f,  -0x1.fd9d1ep-9f,  -0x1.1b6394p-9f,  -0x1.37daecp-10f, -0x1.554818p-11f,
     -0x1.744a1p-12f,  -0x1.2fae8ap-13f, -0x1.67408p-15f,  -0x1.a8c512p-17f, -0x1.f5b998p-19f,
     -0x1.282da8p-20f, -0x1.5e14d8p-22f, -0x1.99fa2cp-24f, -0x1.ed5872p-26f, 0x1.3e8848p-6f,
     0x1.29bd2cp-4f,   0x1.d3b28p-4f,    0x1.2939cap-3f,   0x1.4f8132p-3f,   0x1.5c5276p-3f,
     0x1.524a92p-3f,   0x1.3603bap-3f}};
}  // namespace tables

FASTMLP_INLINE Vec<double> lookup(const double (&table)[16], BitVec<double> i) {
  return (Vec<double>)_mm512_permutex2var_pd((__m512d)load(table), (__m512i)i,
                                             (__m512d)load(table + 8));
}
FASTMLP_INLINE Vec<double> lookup(const double (&table)[8], BitVec<double> i) {
  return (Vec<double>)_mm512_maskz_permutexvar_pd(__mmask8(-1), (__m512i)i, (__m512d)load(table));
}

FASTMLP_INLINE Vec<float> lookup(const float (&table)[32], BitVec<float> i) {
  return (Vec<float>)_mm512_permutex2var_ps((__m512)load(table), (__m512i)i,
                                            (__m512)load(table + 16));
}

// x = k·ln2 + r with k in sixteenths and |r| ≤ ln2/32, exp(x) = power·exp(r)·2^floor(k).
struct Sixteenths {
  Vec<double> k, r, power;
  BitVec<double> i;  // power is the table's i-th, modulo 16
};
constexpr double sixteenth_magic = 0x1.8p48;  // adding it rounds to sixteenths

FASTMLP_INLINE Sixteenths reduce_by_sixteenths(Vec<double> x) {
  using C = Constants<double>;
  const Vec<double> magic = splat(sixteenth_magic);
  const Vec<double> rounded = fma(x, splat(C::log2e), magic), k = rounded - magic;
  const Vec<double> r = fma(k, splat(-C::ln2_low), fma(k, splat(-C::ln2_high), x));
  const BitVec<double> i = bits<double>(rounded);
  return {k, r, lookup(tables::power, i), i};
}

template <>
FASTMLP_INLINE Vec<double> exp_within<double>(Vec<double> x) {
  const Sixteenths s = reduce_by_sixteenths(x);
  const Vec<double> e = fma(s.power * s.r, polynomial<1>(s.r, tables::exp_poly), s.power);
  return times_power_of_2<double>(e, s.k);  // which takes the whole part of k
}

// exp(x) − 1 for expm1_least ≤ x ≤ expm1_most. Near 0 the rest of the table's number counts.
FASTMLP_INLINE Vec<double> expm1_within(Vec<double> x) {
  const Sixteenths s = reduce_by_sixteenths(x);
  const Vec<double> rest = lookup(tables::power_rest, s.i);
  const Vec<double> e = fma(s.power * s.r, polynomial<1>(s.r, tables::expm1_poly), rest);
  const Vec<double> scale = times_power_of_2<double>(splat(1.0), s.k);
  return fma(scale, e, fma(scale, s.power, splat(-1.0)));
}

template <>
FASTMLP_INLINE Vec<double> expm1<double>(Vec<double> x) {
  using C = Constants<double>;
  return expm1_within(greatest(splat(C::expm1_least), least(splat(C::expm1_most), x)));
}

template <>
FASTMLP_INLINE Vec<float> tanh<float>(Vec<float> x) {
  const Vec<float> m = least(splat(tables::tanh_most), abs<float>(x));
  const BitVec<float> i = bits<float>(fma(m, splat(tables::tanh_scale), splat(1.0f))) >> 20;
  const Vec<float> r = m - lookup(tables::tanh_center, i);
  Vec<float> t = lookup(tables::tanh_poly[4], i);
  FASTMLP_UNROLL
  for (int j = 3; j >= 0; --j) t = fma(t, r, lookup(tables::tanh_poly[j], i));
  return copy_sign<float>(t, x);
}

// e/(e + 2), e = expm1(2|x|).
template <>
FASTMLP_INLINE Vec<double> tanh<double>(Vec<double> x) {
  const Vec<double> m = least(splat(Constants<double>::tanh_most), abs<double>(x));
  const Vec<double> e = expm1_within(m + m);
  return copy_sign<double>(e / (e + 2.0), x);
}

// With 1 + u = (1 + r)/inverse: r is rounded once, and is u where inverse is 1. Even and odd powers
// apart wait less for one another.
template <>
FASTMLP_INLINE Vec<double> log1p<double>(Vec<double> u) {
  const BitVec<double> i = bits<double>(fma(u, splat(15.0), splat(Types<double>::round_magic)));
  const Vec<double> inverse = lookup(tables::inverse, i);
  const Vec<double> r = fma(u, inverse, inverse - 1.0), square = r * r;
  const Vec<double> even = polynomial(square, tables::log1p_even);
  const Vec<double> tail = fma(r, polynomial(square, tables::log1p_odd), even);
  return lookup(tables::minus_log, i) + fma(square, tail, r);
}

template <>
FASTMLP_INLINE NormalTail<double> normal_tail<double>(Vec<double> z) {
  using C = Constants<double>;
  const Vec<double> a = least(splat(C::normal_most), abs<double>(z)), square = a * a;
  const Vec<double> magic = splat(sixteenth_magic);
  const Vec<double> rounded = fma(square, splat(-0.5 * C::log2e), magic), k = rounded - magic;
  const Vec<double> r = fma(k, splat(4 * C::half_ln2), square);  // −2r of exp
  const Vec<double> power = lookup(tables::power, bits<double>(rounded));
  const Vec<double> e = polynomial_of_half<1>(r, tables::exp_poly);
  const Vec<double> density = times_power_of_2<double>(fma(power * r, e, power), k);
  const Vec<double> place = fma(a, splat(tables::tail_scale), splat(1.0));
  const BitVec<double> part =
      bits<double>(least(splat(tables::tail_last), place)) >> (C::mantissa_bits - 1);
  Vec<double> upper = lookup(tables::tail_upper[4], part),
              lower = lookup(tables::tail_lower[4], part);
  FASTMLP_UNROLL
  for (int j = 3; j >= 0; --j) {
    upper = fma(upper, a, lookup(tables::tail_upper[j], part));
    lower = fma(lower, a, lookup(tables::tail_lower[j], part));
  }
  return {a, density, upper / fma(lower, a, splat(1.0))};
}

}  // namespace fastmlp::FASTMLP_ISA
