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

// The rules of optimizers, see FASTMLP_OPTIMIZER.

template <class T>
void assign(Index n, T* w, const T* g, T* const*, const T*) {
  for_vectors<T>(n, [=](auto get, auto put) { put(w, get(g)); });
}

template <class T>
void sgd(Index n, T* w, const T* g, T* const*, const T* numbers) {
  const T rate = numbers[0], decay = numbers[1];
  for_vectors<T>(n, [=](auto get, auto put) {
    const Vec<T> w0 = get(w);
    put(w, w0 + -rate * get(g) - decay * w0);
  });
}

template <class T, bool ahead>
FASTMLP_INLINE void by_velocity(Index n, T* w, const T* g, T* velocity, const T* numbers) {
  const T rate = numbers[0], momentum = numbers[1], decay = numbers[2];
  for_vectors<T>(n, [=](auto get, auto put) {
    const Vec<T> w0 = get(w), down = -rate * get(g);
    const Vec<T> u = fma(splat(momentum), get(velocity), down);
    put(velocity, u);
    put(w, w0 + (ahead ? fma(splat(momentum), u, down) : u) - decay * w0);
  });
}

template <class T>
void momentum(Index n, T* w, const T* g, T* const* state, const T* numbers) {
  by_velocity<T, false>(n, w, g, state[0], numbers);
}

template <class T>
void nesterov(Index n, T* w, const T* g, T* const* state, const T* numbers) {
  by_velocity<T, true>(n, w, g, state[0], numbers);
}

template <class T, bool by_greatest>
FASTMLP_INLINE void by_moments(Index n, T* w, const T* g, T* const* state, const T* numbers) {
  T *const mean = state[0], *const square = state[1];
  T* const greatest_square = by_greatest ? state[2] : nullptr;
  const T rate = numbers[0], beta1 = numbers[1], beta2 = numbers[2], epsilon = numbers[3];
  const Vec<T> kept = splat(T(1) - numbers[4]), step = splat(-rate);
  for_vectors<T>(n, [=](auto get, auto put) {
    const Vec<T> w0 = get(w), g0 = get(g);
    const Vec<T> m = fma(splat(beta1), get(mean), (T(1) - beta1) * g0);
    Vec<T> v = fma(splat(beta2), get(square), (T(1) - beta2) * (g0 * g0));
    put(mean, m);
    put(square, v);
    if constexpr (by_greatest) {
      v = greatest(get(greatest_square), v);
      put(greatest_square, v);
    }
    put(w, fma(step, over_root<T>(m, v, epsilon), kept * w0));
  });
}

template <class T>
void adam(Index n, T* w, const T* g, T* const* state, const T* numbers) {
  by_moments<T, false>(n, w, g, state, numbers);
}

template <class T>
void amsgrad(Index n, T* w, const T* g, T* const* state, const T* numbers) {
  by_moments<T, true>(n, w, g, state, numbers);
}

template <class T>
void nadam(Index n, T* w, const T* g, T* const* state, const T* numbers) {
  T *const mean = state[0], *const square = state[1];
  const T ahead = numbers[0], now = numbers[1];
  const T beta1 = numbers[2], beta2 = numbers[3], epsilon = numbers[4];
  const Vec<T> kept = splat(T(1) - numbers[5]);
  for_vectors<T>(n, [=](auto get, auto put) {
    const Vec<T> w0 = get(w), g0 = get(g);
    const Vec<T> m = fma(splat(beta1), get(mean), (T(1) - beta1) * g0);
    const Vec<T> v = fma(splat(beta2), get(square), (T(1) - beta2) * (g0 * g0));
    put(mean, m);
    put(square, v);
    const Vec<T> along = fma(splat(ahead), m, now * g0);
    put(w, kept * w0 - over_root<T>(along, v, epsilon));
  });
}

template <class T>
void adamax(Index n, T* w, const T* g, T* const* state, const T* numbers) {
  T *const mean = state[0], *const norm = state[1];
  const T rate = numbers[0], beta1 = numbers[1], beta2 = numbers[2], epsilon = numbers[3];
  const Vec<T> kept = splat(T(1) - numbers[4]), step = splat(-rate);
  for_vectors<T>(n, [=](auto get, auto put) {
    const Vec<T> w0 = get(w), g0 = get(g);
    const Vec<T> m = fma(splat(beta1), get(mean), (T(1) - beta1) * g0);
    const Vec<T> u = greatest(beta2 * get(norm), abs<T>(g0) + epsilon);
    put(mean, m);
    put(norm, u);
    // u is 0 where no gradient was and epsilon is too small for T.
    put(w, fma(step, u == T(0) ? Vec<T>{} : m / u, kept * w0));
  });
}

template <class T>
void adagrad(Index n, T* w, const T* g, T* const* state, const T* numbers) {
  T* const total = state[0];
  const T rate = numbers[0], initial = numbers[1], epsilon = numbers[2];
  const Vec<T> kept = splat(T(1) - numbers[3]), step = splat(-rate);
  for_vectors<T>(n, [=](auto get, auto put) {
    const Vec<T> w0 = get(w), g0 = get(g), s = fma(g0, g0, get(total));
    put(total, s);
    put(w, fma(step, over_root<T>(g0, s + initial, epsilon), kept * w0));
  });
}

template <class T>
void lion(Index n, T* w, const T* g, T* const* state, const T* numbers) {
  T* const mean = state[0];
  const T rate = numbers[0], beta1 = numbers[1], beta2 = numbers[2];
  const Vec<T> kept = splat(T(1) - numbers[3]);
  for_vectors<T>(n, [=](auto get, auto put) {
    const Vec<T> w0 = get(w), g0 = get(g), m = get(mean);
    const Vec<T> along = fma(splat(beta1), m, (T(1) - beta1) * g0);
    // sign(0) is 0; NaN stays, so that it is found.
    const Vec<T> sign =
        ((along == T(0)) | (along != along)) ? along : copy_sign<T>(splat(T(1)), along);
    put(w, fma(splat(-rate), sign, kept * w0));
    put(mean, fma(splat(beta2), m, (T(1) - beta2) * g0));
  });
}

template <class T, bool centered, bool moving>
FASTMLP_INLINE void by_root(Index n, T* w, const T* g, T* const* state, const T* numbers) {
  T *const square = state[0], *const mean = centered ? state[1] : nullptr;
  T* const velocity = moving ? state[1 + centered] : nullptr;
  const T rate = numbers[0], rho = numbers[1], epsilon = numbers[2];
  const T momentum = moving ? numbers[3] : T(0), decay = numbers[3 + moving];
  for_vectors<T>(n, [=](auto get, auto put) {
    const Vec<T> w0 = get(w), g0 = get(g);
    Vec<T> under = fma(splat(rho), get(square), (T(1) - rho) * (g0 * g0));
    put(square, under);
    if constexpr (centered) {
      const Vec<T> m = fma(splat(rho), get(mean), (T(1) - rho) * g0);
      put(mean, m);
      under = greatest(Vec<T>{}, fma(-m, m, under));  // below 0 by rounding alone
    }
    Vec<T> change = over_root<T>(g0, under, epsilon);
    if constexpr (moving) {
      change = fma(splat(momentum), get(velocity), change);
      put(velocity, change);
    }
    put(w, w0 + -rate * change - decay * w0);
  });
}

template <class T>
void rmsprop(Index n, T* w, const T* g, T* const* state, const T* numbers) {
  by_root<T, false, false>(n, w, g, state, numbers);
}

template <class T>
void rmsprop_momentum(Index n, T* w, const T* g, T* const* state, const T* numbers) {
  by_root<T, false, true>(n, w, g, state, numbers);
}

template <class T>
void centered_rmsprop(Index n, T* w, const T* g, T* const* state, const T* numbers) {
  by_root<T, true, false>(n, w, g, state, numbers);
}

template <class T>
void centered_rmsprop_momentum(Index n, T* w, const T* g, T* const* state, const T* numbers) {
  by_root<T, true, true>(n, w, g, state, numbers);
}

template <class T>
void muon(Index n, T* w, const T* g, T* const* state, const T* numbers) {
  T *const mean = state[0], *const direction = state[1];
  const T rate = numbers[0], momentum = numbers[1];
  const Vec<T> kept = splat(T(1) - numbers[2]);
  for_vectors<T>(n, [=](auto get, auto put) {
    put(mean, fma(splat(momentum), get(mean), (T(1) - momentum) * get(g)));
    put(w, fma(splat(-rate), get(direction), kept * get(w)));
  });
}

template <class T>
void clip(Index n, const T* g, T factor, T bound, T* y) {
  const Vec<T> most = splat(bound);
  for_vectors<T>(n, [=](auto get, auto put) {
    put(y, least(most, greatest(-most, factor * get(g))));  // the second if either is NaN
  });
}

template <class T>
void approach(Index n, const T* w, T part, T* average) {
  if (part == T(1)) return assign<T>(n, average, w, nullptr, nullptr);
  for_vectors<T>(n, [=](auto get, auto put) {
    const Vec<T> e = get(average);
    put(average, fma(splat(part), get(w) - e, e));
  });
}

}  // namespace fastmlp::FASTMLP_ISA
