// Activations h = φ(z), each beside its message: X(name, φ, message). φ is written in terms of the
// vector z; the message z̄ = φ'(z)·h̄ in terms of bar, which is h̄, and of u: h or z, as the
// activation's declaration in graph/ops/activations/ says. Only kernels expand the formulas.
#pragma once

#define FASTMLP_ACTIVATION(X)                                                               \
  X(relu, z <= T(0) ? Vec<T>{} : z, u > T(0) ? bar : Vec<T>{})                              \
  X(softplus, FASTMLP_ISA::softplus<T>(z), -expm1<T>(-u) * bar)                             \
  X(threshold, z > T(0) ? splat(T(1)) : z <= T(0) ? Vec<T>{} : z, Vec<T>{}) /* NaN stays */ \
  X(logistic, FASTMLP_ISA::logistic<T>(z), u*(T(1) - u) * bar)                              \
  X(tanh, FASTMLP_ISA::tanh<T>(z), fma(-u, u, splat(T(1))) * bar)                           \
  X(silu, (z < T(0) ? z * exp_of_minus<T>(z) : z) / (T(1) + exp_of_minus<T>(z)),            \
    silu_slope<T>(u) * bar)                                                                 \
  X(selu, z >= T(0) ? T(1.0507009873554805) * z : T(1.7580993408473769) * expm1<T>(z),      \
    (u > T(0) ? splat(T(1.0507009873554805)) : u + T(1.7580993408473769)) * bar)            \
  X(elu, z > T(0) ? z : expm1<T>(z), (u > T(0) ? splat(T(1)) : u + T(1)) * bar)             \
  X(leaky_relu, z > T(0) ? z : T(0.01) * z, u > T(0) ? bar : T(0.01) * bar)                 \
  X(gelu, FASTMLP_ISA::gelu<T>(z), gelu_slope<T>(u) * bar)                                  \
  X(gelu_tanh, FASTMLP_ISA::gelu_tanh<T>(z), gelu_tanh_slope<T>(u) * bar)                   \
  X(mish, FASTMLP_ISA::mish<T>(z), mish_slope<T>(u) * bar)                                  \
  X(softsign, FASTMLP_ISA::softsign<T>(z),                                                  \
    bar / ((T(1) + FASTMLP_ISA::abs<T>(u)) * (T(1) + FASTMLP_ISA::abs<T>(u))))              \
  X(hard_tanh, least(splat(T(1)), greatest(splat(T(-1)), z)),                               \
    FASTMLP_ISA::abs<T>(u) < T(1) ? bar : Vec<T>{})                                         \
  X(hard_sigmoid, least(splat(T(6)), greatest(Vec<T>{}, z + T(3))) * T(1.0 / 6),            \
    ((u > T(0)) & (u < T(1))) ? T(1.0 / 6) * bar : Vec<T>{})                                \
  X(gaussian, FASTMLP_ISA::exp<T>(-(z * z)), T(-2) * (u * FASTMLP_ISA::exp<T>(-(u * u))) * bar)
