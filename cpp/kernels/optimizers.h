// Updates of the flat parameter vector.
#pragma once

#include "kernels/simd.h"

namespace fastmlp::FASTMLP_ISA {

// body(i, load, store) on each vector of n elements, the rest through partial loads and stores.
template <class T, class Body>
FASTMLP_INLINE void for_vectors(Index n, Body body) {
  constexpr int w = width<T>;
  Index i = 0;
  for (; i + w <= n; i += w)
    body([i](const T* p) { return load(p + i); }, [i](T* p, Vec<T> v) { store(p + i, v); });
  if (i < n)
    body([=](const T* p) { return load_first(p + i, n - i); },
         [=](T* p, Vec<T> v) { store_first(p + i, v, n - i); });
}

template <class T>
void adam(Index n, T* w, const T* g, T* m, T* v, T alpha, T beta1, T beta2, T epsilon, T decay) {
  const Vec<T> kept = splat(T(1) - decay), step = splat(-alpha);
  for_vectors<T>(n, [=](auto get, auto put) {
    const Vec<T> w0 = get(w), g0 = get(g);
    const Vec<T> m1 = fma(splat(beta1), get(m), (T(1) - beta1) * g0);
    const Vec<T> v1 = fma(splat(beta2), get(v), (T(1) - beta2) * (g0 * g0));
    put(m, m1);
    put(v, v1);
    put(w, fma(step, over_root<T>(m1, v1, epsilon), kept * w0));
  });
}

template <class T>
void sgd(Index n, T* w, const T* g, T* velocity, T lr, T momentum, bool nesterov, T decay) {
  for_vectors<T>(n, [=](auto get, auto put) {
    const Vec<T> w0 = get(w);
    Vec<T> change = -lr * get(g);
    if (velocity) {
      const Vec<T> u = fma(splat(momentum), get(velocity), change);
      put(velocity, u);
      change = nesterov ? fma(splat(momentum), u, change) : u;
    }
    put(w, w0 + change - decay * w0);
  });
}

}  // namespace fastmlp::FASTMLP_ISA
