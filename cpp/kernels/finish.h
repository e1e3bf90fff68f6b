// What becomes of the sums of a product on their way to C: ψ.
#pragma once

#include "kernels/elementwise.h"

namespace fastmlp::FASTMLP_ISA {

FASTMLP_INLINE Index smaller(Index a, Index b) { return a < b ? a : b; }

template <class T>
void copy(Index rows, Index columns, const T* x, Index ldx, T* y, Index ldy) {
  zip<T, binary::identity_message>(rows, columns, x, ldx, 1, x, ldx, 1, y, ldy);
}

// Narrow rows without gaps are one long row: rows of their own would leave most lanes empty. From a
// vector on they are not, since a load that overlaps several stores has to wait for them.
template <class T, class... Strides>
FASTMLP_INLINE void join_narrow(Index& rows, Index& columns, Strides... strides) {
  if (columns < width<T> && ((strides == columns) && ...)) columns *= rows, rows = 1;
}

// c = φ(s) on a tile just computed. s may be c.
template <class T, template <class> class F>
void forward_tile(Index rows, Index columns, const T* s, Index lds, T* c, Index ldc) {
  constexpr int w = width<T>;
  join_narrow<T>(rows, columns, lds, ldc);
  for (Index j = 0; j < columns; j += w) {
    const Index n = smaller(columns - j, w);
    if (n == w) {
      for (Index i = 0; i < rows; ++i)
        store(c + i * ldc + j, F<T>::at(load(s + i * lds + j), T(0)));
    } else {
      for (Index i = 0; i < rows; ++i)
        store_first(c + i * ldc + j, F<T>::at(load_first(s + i * lds + j, n), T(0)), n);
    }
  }
}

// In the order of Activation.
template <class T>
constexpr decltype(&forward_tile<T, unary::identity>) forward_tiles[] = {
    forward_tile<T, unary::identity>,
#define FASTMLP_ENTRY(name, phi, message) forward_tile<T, unary::name>,
    FASTMLP_ACTIVATION(FASTMLP_ENTRY)
#undef FASTMLP_ENTRY
};
template <class T>
constexpr decltype(&zip<T, binary::identity_message>) message_tiles[] = {
    zip<T, binary::identity_message>,
#define FASTMLP_ENTRY(name, phi, message) zip<T, binary::name##_message>,
    FASTMLP_ACTIVATION(FASTMLP_ENTRY)
#undef FASTMLP_ENTRY
};

// s += factor · addend on a tile just computed.
template <class T>
void add_to_tile(Index rows, Index columns, const T* addend, Index ld, T factor, T* s, Index lds) {
  constexpr int w = width<T>;
  join_narrow<T>(rows, columns, ld, lds);
  for (Index i = 0; i < rows; ++i, addend += ld, s += lds)
    for (Index j = 0; j < columns; j += w) {
      const Index n = smaller(columns - j, w);
      store_first(s + j, load_first(s + j, n) + factor * load_first(addend + j, n), n);
    }
}

// What follows the sums s of rows × columns elements of C from (i, j). s may lie in C.
template <class T>
FASTMLP_INLINE void finish(const Gemm<T>& g, Index i, Index j, Index rows, Index columns, T* s,
                           Index lds) {
  if (g.addend)
    add_to_tile(rows, columns, g.addend + i * g.ld_addend + j, g.ld_addend, g.factor, s, lds);
  T* const c = g.C + i * g.ldc + j;
  const auto forward = forward_tiles<T>[int(g.forward)];
  const bool changes = g.forward != Activation::identity;
  if (!g.u) {
    if (changes) forward(rows, columns, s, lds, c, g.ldc);
    return;
  }
  if (changes) forward(rows, columns, s, lds, s, lds);
  message_tiles<T>[int(g.derivative)](rows, columns, s, lds, 1, g.u + i* g.ldu + j, g.ldu, 1, c,
                                      g.ldc);
}

// Whether nothing but relu, or nothing at all, is to be done with the sums and the messages.
template <class T>
FASTMLP_INLINE bool only_relu(const Gemm<T>& g) {
  return (g.forward == Activation::identity || g.forward == Activation::relu) &&
         (!g.u || g.derivative == Activation::relu);
}

// Whether the tile itself can do what follows the sums: an addend, relu and its message cost less
// there than a pass over C.
template <class T>
FASTMLP_INLINE bool in_registers(const Gemm<T>& g) {
  return only_relu(g) && !(g.u && g.u == g.C);
}

}  // namespace fastmlp::FASTMLP_ISA
