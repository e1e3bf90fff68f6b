// The vector layer: the compiler's vector types, and the few operations they lack. Everything above
// it is written once. Included only by table.cpp, which is compiled once per instruction set, so
// all of it lives in a namespace named after the set: no inline function compiled with AVX flags
// may be merged by the linker with one meant for older machines (nor may one from std: none is used
// here).
//
// Compiled with -ffp-contract=off: a product and a sum are fused where fma() says so and nowhere
// else, so a formula gives the same bits wherever it is inlined.
#pragma once

#include <cfloat>
#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "kernels/table.h"
#include "kernels/touch.h"

#if FLT_EVAL_METHOD != 0
#error "x87 rounds at other places than these formulas count on; on 32-bit x86: -msse2 -mfpmath=sse"
#endif

#if defined(__clang__)
#define FASTMLP_UNROLL _Pragma("clang loop unroll(full)")
#define FASTMLP_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define FASTMLP_UNROLL _Pragma("GCC unroll 32")
#define FASTMLP_INDEPENDENT _Pragma("GCC ivdep")
#endif
#if defined(__AMX_BF16__) || defined(__AMXBF16__)  // as older versions of clang spell it
#define FASTMLP_TILES
#endif
#define FASTMLP_INLINE inline __attribute__((always_inline))

namespace fastmlp::FASTMLP_ISA {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

template <class T>
struct Types;
template <>
struct Types<float> {
  using Int = std::int32_t;
  using Bits = std::uint32_t;
  static constexpr int mantissa_bits = 23;
  static constexpr Bits exponent_bias = 127;
  static constexpr float round_magic = 0x1.8p23f;  // adding it rounds to an integer in the low bits
};
template <>
struct Types<double> {
  using Int = std::int64_t;
  using Bits = std::uint64_t;
  static constexpr int mantissa_bits = 52;
  static constexpr Bits exponent_bias = 1023;
  static constexpr double round_magic = 0x1.8p52;
};

template <class T>
constexpr int width = vector_bytes / int(sizeof(T));

// Vec<T>: a vector of T. IntVec<T>: of integers as wide as T, which is what comparisons give.
// BitVec<T>: of unsigned ones.
template <class T>
struct VecOf {
  typedef T type __attribute__((vector_size(vector_bytes)));
};
template <class T>
using Vec = typename VecOf<T>::type;
template <class T>
using IntVec = typename VecOf<typename Types<T>::Int>::type;
template <class T>
using BitVec = typename VecOf<typename Types<T>::Bits>::type;
template <class T>
constexpr typename Types<T>::Bits sign_bit = typename Types<T>::Bits(1) << (8 * sizeof(T) - 1);

template <class T>
FASTMLP_INLINE Vec<T> splat(T s) {
  return s - Vec<T>{};  // s − 0 is s, −0 included
}

template <class T>
FASTMLP_INLINE Vec<T> load(const T* p) {
  Vec<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <class T>
FASTMLP_INLINE void store(T* p, Vec<T> v) {
  __builtin_memcpy(p, &v, sizeof v);
}

// Reinterpretation of the bits, in both directions. Unsigned: sums may wrap around, shifts bring in
// zeros.
template <class T>
FASTMLP_INLINE BitVec<T> bits(Vec<T> v) {
  return (BitVec<T>)v;
}
template <class T>
FASTMLP_INLINE Vec<T> from_bits(BitVec<T> v) {
  return (Vec<T>)v;
}

template <class T>
FASTMLP_INLINE IntVec<T> lane_numbers() {
  IntVec<T> v;
  FASTMLP_UNROLL
  for (int i = 0; i < width<T>; ++i) v[i] = i;
  return v;
}

// All ones in the first n lanes.
template <class T>
FASTMLP_INLINE IntVec<T> first_lanes(Index n) {
  using Int = typename Types<T>::Int;
  return lane_numbers<T>() < (Int(n) - IntVec<T>{});
}

// a·b + c, rounded once where the instruction set can.
#if defined(__AVX512F__)
FASTMLP_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
  return (Vec<float>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
FASTMLP_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
  return (Vec<double>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
// The unmasked intrinsic makes GCC 12 warn of an uninitialized variable in its own header.
FASTMLP_INLINE Vec<float> sqrt(Vec<float> a) {
  return (Vec<float>)_mm512_maskz_sqrt_ps(__mmask16(-1), (__m512)a);
}
FASTMLP_INLINE Vec<double> sqrt(Vec<double> a) {
  return (Vec<double>)_mm512_maskz_sqrt_pd(__mmask8(-1), (__m512d)a);
}
#elif defined(__AVX2__)
FASTMLP_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
  return (Vec<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
FASTMLP_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
  return (Vec<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
FASTMLP_INLINE Vec<float> sqrt(Vec<float> a) { return (Vec<float>)_mm256_sqrt_ps((__m256)a); }
FASTMLP_INLINE Vec<double> sqrt(Vec<double> a) { return (Vec<double>)_mm256_sqrt_pd((__m256d)a); }
#elif defined(__aarch64__)
FASTMLP_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
  return (Vec<float>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
FASTMLP_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
  return (Vec<double>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
FASTMLP_INLINE Vec<float> sqrt(Vec<float> a) { return (Vec<float>)vsqrtq_f32((float32x4_t)a); }
FASTMLP_INLINE Vec<double> sqrt(Vec<double> a) { return (Vec<double>)vsqrtq_f64((float64x2_t)a); }
#else
template <class V>
FASTMLP_INLINE V fma(V a, V b, V c) {
  return a * b + c;
}
FASTMLP_INLINE Vec<float> sqrt(Vec<float> a) {
  return Vec<float>{__builtin_sqrtf(a[0]), __builtin_sqrtf(a[1]), __builtin_sqrtf(a[2]),
                    __builtin_sqrtf(a[3])};
}
FASTMLP_INLINE Vec<double> sqrt(Vec<double> a) {
  return Vec<double>{__builtin_sqrt(a[0]), __builtin_sqrt(a[1])};
}
#endif

// The smaller and the greater of a and b; b if either is NaN. GCC does not find the instructions.
#if defined(__AVX512F__)
FASTMLP_INLINE Vec<float> least(Vec<float> a, Vec<float> b) {
  return (Vec<float>)_mm512_maskz_min_ps(__mmask16(-1), (__m512)a, (__m512)b);
}
FASTMLP_INLINE Vec<double> least(Vec<double> a, Vec<double> b) {
  return (Vec<double>)_mm512_maskz_min_pd(__mmask8(-1), (__m512d)a, (__m512d)b);
}
FASTMLP_INLINE Vec<float> greatest(Vec<float> a, Vec<float> b) {
  return (Vec<float>)_mm512_maskz_max_ps(__mmask16(-1), (__m512)a, (__m512)b);
}
FASTMLP_INLINE Vec<double> greatest(Vec<double> a, Vec<double> b) {
  return (Vec<double>)_mm512_maskz_max_pd(__mmask8(-1), (__m512d)a, (__m512d)b);
}
#elif defined(__AVX2__)
FASTMLP_INLINE Vec<float> least(Vec<float> a, Vec<float> b) {
  return (Vec<float>)_mm256_min_ps((__m256)a, (__m256)b);
}
FASTMLP_INLINE Vec<double> least(Vec<double> a, Vec<double> b) {
  return (Vec<double>)_mm256_min_pd((__m256d)a, (__m256d)b);
}
FASTMLP_INLINE Vec<float> greatest(Vec<float> a, Vec<float> b) {
  return (Vec<float>)_mm256_max_ps((__m256)a, (__m256)b);
}
FASTMLP_INLINE Vec<double> greatest(Vec<double> a, Vec<double> b) {
  return (Vec<double>)_mm256_max_pd((__m256d)a, (__m256d)b);
}
#else
template <class V>
FASTMLP_INLINE V least(V a, V b) {
  return a < b ? a : b;
}
template <class V>
FASTMLP_INLINE V greatest(V a, V b) {
  return a > b ? a : b;
}
#endif

// a / (√b + c), b ≥ 0: Adam's quotient. Where the processor has estimates of 14 bits, steps of
// Newton's method are three times faster than its square root and division, and ≤ 2 ULP too.
template <class T>
FASTMLP_INLINE Vec<T> over_root(Vec<T> a, Vec<T> b, T c) {
  return a / (sqrt(b) + c);
}
#if defined(__AVX512F__)
template <>
FASTMLP_INLINE Vec<float> over_root<float>(Vec<float> a, Vec<float> b, float c) {
  constexpr __mmask16 all = __mmask16(-1);
  // Zero and infinity have no estimate to refine; their neighbours give the same quotient.
  const Vec<float> v = least(greatest(b, splat(__FLT_MIN__)), splat(__FLT_MAX__));
  const Vec<float> r = (Vec<float>)_mm512_maskz_rsqrt14_ps(all, (__m512)v);
  const Vec<float> s = v * r, root = fma(0.5f * r, fma(-s, s, v), s), d = root + c;
  const Vec<float> q = (Vec<float>)_mm512_maskz_rcp14_ps(all, (__m512)d), y = a * q;
  return fma(y, fma(-d, q, splat(1.0f)), y);
}
template <>
FASTMLP_INLINE Vec<double> over_root<double>(Vec<double> a, Vec<double> b, double c) {
  constexpr __mmask8 all = __mmask8(-1);
  const Vec<double> v = least(greatest(b, splat(__DBL_MIN__)), splat(__DBL_MAX__));
  const Vec<double> r = (Vec<double>)_mm512_maskz_rsqrt14_pd(all, (__m512d)v);
  const Vec<double> s0 = v * r, h0 = 0.5 * r, e = fma(-h0, s0, splat(0.5));
  const Vec<double> s = fma(s0, e, s0), h = fma(h0, e, h0);  // √v and ½/√v to 28 bits
  const Vec<double> d = fma(fma(-s, s, v), h, s) + c;
  const Vec<double> q0 = (Vec<double>)_mm512_maskz_rcp14_pd(all, (__m512d)d);
  const Vec<double> q = fma(q0, fma(-d, q0, splat(1.0)), q0), y = a * q;
  return fma(q, fma(-d, y, a), y);
}
#endif

// The first n elements, 0 <= n <= width; the other lanes are 0 and memory beyond is not touched.
#if defined(__AVX512F__)
FASTMLP_INLINE Vec<float> load_first(const float* p, Index n) {
  reads(p, n * Index(sizeof *p));
  return (Vec<float>)_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), p);
}
FASTMLP_INLINE Vec<double> load_first(const double* p, Index n) {
  reads(p, n * Index(sizeof *p));
  return (Vec<double>)_mm512_maskz_loadu_pd(__mmask8((1u << n) - 1), p);
}
FASTMLP_INLINE void store_first(float* p, Vec<float> v, Index n) {
  writes(p, n * Index(sizeof *p));
  _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), (__m512)v);
}
FASTMLP_INLINE void store_first(double* p, Vec<double> v, Index n) {
  writes(p, n * Index(sizeof *p));
  _mm512_mask_storeu_pd(p, __mmask8((1u << n) - 1), (__m512d)v);
}
#elif defined(__AVX2__)
FASTMLP_INLINE Vec<float> load_first(const float* p, Index n) {
  reads(p, n * Index(sizeof *p));
  return (Vec<float>)_mm256_maskload_ps(p, (__m256i)first_lanes<float>(n));
}
FASTMLP_INLINE Vec<double> load_first(const double* p, Index n) {
  reads(p, n * Index(sizeof *p));
  return (Vec<double>)_mm256_maskload_pd(p, (__m256i)first_lanes<double>(n));
}
FASTMLP_INLINE void store_first(float* p, Vec<float> v, Index n) {
  writes(p, n * Index(sizeof *p));
  _mm256_maskstore_ps(p, (__m256i)first_lanes<float>(n), (__m256)v);
}
FASTMLP_INLINE void store_first(double* p, Vec<double> v, Index n) {
  writes(p, n * Index(sizeof *p));
  _mm256_maskstore_pd(p, (__m256i)first_lanes<double>(n), (__m256d)v);
}
#else
template <class T>
FASTMLP_INLINE Vec<T> load_first(const T* p, Index n) {
  Vec<T> v{};
  FASTMLP_UNROLL
  for (int i = 0; i < width<T>; ++i)
    if (i < n) v[i] = p[i];
  return v;
}
template <class T>
FASTMLP_INLINE void store_first(T* p, Vec<T> v, Index n) {
  FASTMLP_UNROLL
  for (int i = 0; i < width<T>; ++i)
    if (i < n) p[i] = v[i];
}
#endif

// a, b interleaved: a0 b0 a1 b1 … of their first halves and of their second halves.
#if defined(__clang__)
#define FASTMLP_SHUFFLE(T, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define FASTMLP_SHUFFLE(T, a, b, ...) __builtin_shuffle(a, b, IntVec<T>{__VA_ARGS__})
#endif
FASTMLP_INLINE void interleave(Vec<float> a, Vec<float> b, Vec<float>& low, Vec<float>& high) {
#if defined(__AVX512F__)
  low = FASTMLP_SHUFFLE(float, a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  high = FASTMLP_SHUFFLE(float, a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#elif defined(__AVX2__)
  low = FASTMLP_SHUFFLE(float, a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  high = FASTMLP_SHUFFLE(float, a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#else
  low = FASTMLP_SHUFFLE(float, a, b, 0, 4, 1, 5);
  high = FASTMLP_SHUFFLE(float, a, b, 2, 6, 3, 7);
#endif
}
FASTMLP_INLINE void interleave(Vec<double> a, Vec<double> b, Vec<double>& low, Vec<double>& high) {
#if defined(__AVX512F__)
  low = FASTMLP_SHUFFLE(double, a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  high = FASTMLP_SHUFFLE(double, a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#elif defined(__AVX2__)
  low = FASTMLP_SHUFFLE(double, a, b, 0, 4, 1, 5);
  high = FASTMLP_SHUFFLE(double, a, b, 2, 6, 3, 7);
#else
  low = FASTMLP_SHUFFLE(double, a, b, 0, 2);
  high = FASTMLP_SHUFFLE(double, a, b, 1, 3);
#endif
}
#undef FASTMLP_SHUFFLE

template <class T>
FASTMLP_INLINE Vec<T> abs(Vec<T> v) {
  return from_bits<T>(bits<T>(v) & ~sign_bit<T>);
}

template <class T>
FASTMLP_INLINE Vec<T> copy_sign(Vec<T> magnitude, Vec<T> sign) {
  return from_bits<T>((bits<T>(magnitude) & ~sign_bit<T>) | (bits<T>(sign) & sign_bit<T>));
}
#if defined(__AVX512F__)
template <>
FASTMLP_INLINE Vec<float> copy_sign<float>(Vec<float> magnitude, Vec<float> sign) {
  return (Vec<float>)_mm512_ternarylogic_epi32((__m512i)sign, (__m512i)magnitude,
                                               _mm512_set1_epi32(int(sign_bit<float>)), 0xe4);
}
template <>
FASTMLP_INLINE Vec<double> copy_sign<double>(Vec<double> magnitude, Vec<double> sign) {
  return (Vec<double>)_mm512_ternarylogic_epi64(
      (__m512i)sign, (__m512i)magnitude, _mm512_set1_epi64((long long)sign_bit<double>), 0xe4);
}
#endif

// p·2^k for an integer k whose power, or p·2^k, may be beyond the largest number or below the least
// normal one; |k| < 2·exponent_bias.
template <class T>
FASTMLP_INLINE Vec<T> times_power_of_2(Vec<T> p, Vec<T> k) {
  using C = Types<T>;
  // In two factors, the halves of k + 2·bias, which stands in the low bits of a sum.
  const BitVec<T> sum = bits<T>(k + (C::round_magic + T(2 * C::exponent_bias)));
  const BitVec<T> half = (sum & 0xfff) >> 1;
  return p * from_bits<T>(half << C::mantissa_bits) *
         from_bits<T>((sum - half) << C::mantissa_bits);
}
#if defined(__AVX512F__)
template <>
FASTMLP_INLINE Vec<float> times_power_of_2<float>(Vec<float> p, Vec<float> k) {
  return (Vec<float>)_mm512_maskz_scalef_ps(__mmask16(-1), (__m512)p, (__m512)k);
}
template <>
FASTMLP_INLINE Vec<double> times_power_of_2<double>(Vec<double> p, Vec<double> k) {
  return (Vec<double>)_mm512_maskz_scalef_pd(__mmask8(-1), (__m512d)p, (__m512d)k);
}
#endif

// Reductions of one vector, in a fixed order: lane i with lane i + width/2, and so on.
template <class T>
FASTMLP_INLINE T sum_lanes(Vec<T> v) {
  FASTMLP_UNROLL
  for (int n = width<T>; n > 1; n /= 2) {
    Vec<T> low, high;
    interleave(v, v, low, high);
    v = low + high;
  }
  return v[0];
}

template <class V>
FASTMLP_INLINE V maximum(V a, V b) {
  return a != a ? a : greatest(a, b);  // NaN if either is
}

template <class T>
FASTMLP_INLINE T max_lanes(Vec<T> v) {
  FASTMLP_UNROLL
  for (int n = width<T>; n > 1; n /= 2) {
    Vec<T> low, high;
    interleave(v, v, low, high);
    v = maximum(low, high);
  }
  return v[0];
}

}  // namespace fastmlp::FASTMLP_ISA
