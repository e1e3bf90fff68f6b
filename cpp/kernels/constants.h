// Coefficients and limits of the functions in math.h. Polynomials: minimax in the relative error of
// the whole function, by Remez exchange in 50 digits, then rounded.
#pragma once

#include "kernels/simd.h"

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

}  // namespace fastmlp::FASTMLP_ISA
