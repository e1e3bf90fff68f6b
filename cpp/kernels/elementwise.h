// Functions of one and of two matrices, element by element, activations among them. Body and tail
// of an array go through the same vector function, so a value does not depend on its position.
#pragma once

#include "kernels/math.h"

namespace fastmlp::FASTMLP_ISA {

// φ(z), or any other function of x and a constant c.
namespace unary {
#define FASTMLP_DEFINE(name, expression)                                               \
  template <class T>                                                                   \
  struct name {                                                                        \
    static FASTMLP_INLINE Vec<T> at([[maybe_unused]] Vec<T> x, [[maybe_unused]] T c) { \
      return expression;                                                               \
    }                                                                                  \
  };
FASTMLP_DEFINE(negative, -x)
FASTMLP_DEFINE(exp, FASTMLP_ISA::exp<T>(x))
FASTMLP_DEFINE(log, FASTMLP_ISA::log<T>(x))
FASTMLP_DEFINE(sqrt, FASTMLP_ISA::sqrt(x))
FASTMLP_DEFINE(abs, FASTMLP_ISA::abs<T>(x))
FASTMLP_DEFINE(log_cosh, FASTMLP_ISA::log_cosh<T>(x))
FASTMLP_DEFINE(scale, x* c)
// Exponents that need no logarithm.
FASTMLP_DEFINE(one, splat(T(1)))
FASTMLP_DEFINE(identity, x)
FASTMLP_DEFINE(square, x* x)
FASTMLP_DEFINE(cube, x * x * x)
FASTMLP_DEFINE(reciprocal, T(1) / x)
FASTMLP_DEFINE(reciprocal_sqrt, T(1) / FASTMLP_ISA::sqrt(x))
#undef FASTMLP_DEFINE
#define FASTMLP_DEFINE(name, phi, message)                              \
  template <class T>                                                    \
  struct name {                                                         \
    static FASTMLP_INLINE Vec<T> at(Vec<T> z, T = T(0)) { return phi; } \
  };
FASTMLP_ACTIVATION(FASTMLP_DEFINE)
#undef FASTMLP_DEFINE

// libm's, one by one.
FASTMLP_INLINE float sin_of(float x) { return __builtin_sinf(x); }
FASTMLP_INLINE double sin_of(double x) { return __builtin_sin(x); }
FASTMLP_INLINE float cos_of(float x) { return __builtin_cosf(x); }
FASTMLP_INLINE double cos_of(double x) { return __builtin_cos(x); }
FASTMLP_INLINE float pow_of(float x, float c) { return __builtin_powf(x, c); }
FASTMLP_INLINE double pow_of(double x, double c) { return __builtin_pow(x, c); }
}  // namespace unary

template <class T, template <class> class F>
void map(Index n, const T* x, T* y, T c) {
  constexpr int w = width<T>;
  Index i = 0;
  for (; i + w <= n; i += w) store(y + i, F<T>::at(load(x + i), c));
  if (i < n) store_first(y + i, F<T>::at(load_first(x + i, n - i), c), n - i);
}

// sin (quarters = 0) or cos (1): by vectors, and by libm where an angle is beyond angle_most.
template <class T, int quarters>
void map_sine(Index n, const T* x, T* y, T) {
  constexpr int w = width<T>;
  const Vec<T> most = splat(Constants<T>::angle_most);
  for (Index i = 0; i < n; i += w) {
    const Index count = n - i < w ? n - i : Index(w);
    const Vec<T> angle = count == w ? load(x + i) : load_first(x + i, count);
    Vec<T> result = sine<T, quarters>(angle);
    const IntVec<T> far = abs<T>(angle) > most;
    typename Types<T>::Int any = 0;
    FASTMLP_UNROLL
    for (int lane = 0; lane < w; ++lane) any |= far[lane];
    if (any)
      for (int lane = 0; lane < w; ++lane)
        if (far[lane])
          result[lane] = quarters ? unary::cos_of(angle[lane]) : unary::sin_of(angle[lane]);
    store_first(y + i, result, count);
  }
}

template <class T>
void map_sin(Index n, const T* x, T* y, T c) {
  map_sine<T, 0>(n, x, y, c);
}

template <class T>
void map_cos(Index n, const T* x, T* y, T c) {
  map_sine<T, 1>(n, x, y, c);
}

template <class T>
void map_power(Index n, const T* x, T* y, T c) {
  if (c == T(2)) return map<T, unary::square>(n, x, y, c);
  if (c == T(1)) return map<T, unary::identity>(n, x, y, c);
  if (c == T(0)) return map<T, unary::one>(n, x, y, c);
  if (c == T(3)) return map<T, unary::cube>(n, x, y, c);
  if (c == T(-1)) return map<T, unary::reciprocal>(n, x, y, c);
  if (c == T(0.5)) return map<T, unary::sqrt>(n, x, y, c);
  if (c == T(-0.5)) return map<T, unary::reciprocal_sqrt>(n, x, y, c);
  for (Index i = 0; i < n; ++i) y[i] = unary::pow_of(x[i], c);
}

// Which loop runs an entry of Unary.
template <class T, Unary op>
struct UnaryKernel;
#define FASTMLP_MAPPED(name)                         \
  template <class T>                                 \
  struct UnaryKernel<T, Unary::name> {               \
    static constexpr auto run = map<T, unary::name>; \
  };
#define FASTMLP_LOOPED(name)                   \
  template <class T>                           \
  struct UnaryKernel<T, Unary::name> {         \
    static constexpr auto run = map_##name<T>; \
  };
FASTMLP_MAPPED(negative)
FASTMLP_MAPPED(exp)
FASTMLP_MAPPED(log)
FASTMLP_MAPPED(sqrt)
FASTMLP_LOOPED(sin)
FASTMLP_LOOPED(cos)
FASTMLP_MAPPED(abs)
FASTMLP_MAPPED(log_cosh)
FASTMLP_LOOPED(power)
FASTMLP_MAPPED(scale)
#define FASTMLP_MAPPED_PHI(name, phi, message) FASTMLP_MAPPED(name)
FASTMLP_ACTIVATION(FASTMLP_MAPPED_PHI)
#undef FASTMLP_MAPPED_PHI
#undef FASTMLP_MAPPED
#undef FASTMLP_LOOPED

// f(a, b), and the messages of activations.
namespace binary {
#define FASTMLP_DEFINE(name, expression)                                                    \
  template <class T>                                                                        \
  struct name {                                                                             \
    static FASTMLP_INLINE Vec<T> at([[maybe_unused]] Vec<T> a, [[maybe_unused]] Vec<T> b) { \
      return expression;                                                                    \
    }                                                                                       \
  };
FASTMLP_DEFINE(add, a + b)
FASTMLP_DEFINE(subtract, a - b)
FASTMLP_DEFINE(multiply, a* b)
FASTMLP_DEFINE(divide, a / b)
FASTMLP_DEFINE(maximum, FASTMLP_ISA::maximum(a, b))
FASTMLP_DEFINE(identity_message, a)
FASTMLP_DEFINE(ratio, b == T(0) ? Vec<T>{} : a / b)
FASTMLP_DEFINE(prelu, a > T(0) ? a : a * b)
FASTMLP_DEFINE(prelu_slope, a > T(0) ? splat(T(1)) : b)
FASTMLP_DEFINE(logistic_cross_entropy, FASTMLP_ISA::logistic_cross_entropy<T>(a, b))
FASTMLP_DEFINE(logistic_residual, FASTMLP_ISA::logistic_residual<T>(a, b))
#undef FASTMLP_DEFINE
#define FASTMLP_DEFINE(name, phi, message)                                                    \
  template <class T>                                                                          \
  struct name##_message {                                                                     \
    static FASTMLP_INLINE Vec<T> at([[maybe_unused]] Vec<T> bar, [[maybe_unused]] Vec<T> u) { \
      return message;                                                                         \
    }                                                                                         \
  };
FASTMLP_ACTIVATION(FASTMLP_DEFINE)
#undef FASTMLP_DEFINE
}  // namespace binary

// One row; an operand is either a row or one element repeated.
template <class T, template <class> class F, bool a_row, bool b_row>
void zip_row(Index n, const T* a, const T* b, T* y) {
  constexpr int w = width<T>;
  const Vec<T> a0 = splat(*a), b0 = splat(*b);
  Index j = 0;
  for (; j + w <= n; j += w)
    store(y + j, F<T>::at(a_row ? load(a + j) : a0, b_row ? load(b + j) : b0));
  if (j == n) return;
  store_first(
      y + j, F<T>::at(a_row ? load_first(a + j, n - j) : a0, b_row ? load_first(b + j, n - j) : b0),
      n - j);
}

template <class T, template <class> class F>
void zip(Index rows, Index columns, const T* a, Index a_rs, Index a_cs, const T* b, Index b_rs,
         Index b_cs, T* y, Index y_rs) {
  if (rows <= 0 || columns <= 0) return;
  // A column, or matrices without gaps, are one long row.
  if (columns == 1 && y_rs == 1 && a_rs <= 1 && b_rs <= 1) {
    columns = rows, rows = 1, a_cs = a_rs, b_cs = b_rs;
  } else if (a_cs == 1 && b_cs == 1 && a_rs == columns && b_rs == columns && y_rs == columns) {
    columns *= rows, rows = 1;
  }
  const auto row = a_cs ? (b_cs ? zip_row<T, F, true, true> : zip_row<T, F, true, false>)
                        : (b_cs ? zip_row<T, F, false, true> : zip_row<T, F, false, false>);
  for (Index i = 0; i < rows; ++i) row(columns, a + i * a_rs, b + i * b_rs, y + i * y_rs);
}

}  // namespace fastmlp::FASTMLP_ISA
