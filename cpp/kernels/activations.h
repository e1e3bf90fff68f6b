// Activations h = φ(z), each beside its message: X(name, φ, message). φ is written in terms of the
// vector z; the message z̄ = φ'(z)·h̄ in terms of bar, which is h̄, and of u: h or z, as the
// activation's declaration in graph/ops/activations.py says. Only kernels expand the formulas.
#pragma once

#define FASTMLP_ACTIVATION(X)                                                               \
  X(relu, z <= T(0) ? Vec<T>{} : z, u > T(0) ? bar : Vec<T>{})                              \
  X(softplus, FASTMLP_ISA::softplus<T>(z), -expm1<T>(-u) * bar)                             \
  X(threshold, z > T(0) ? splat(T(1)) : z <= T(0) ? Vec<T>{} : z, Vec<T>{}) /* NaN stays */ \
  X(logistic, FASTMLP_ISA::logistic<T>(z), u*(T(1) - u) * bar)                              \
  X(tanh, FASTMLP_ISA::tanh<T>(z), fma(-u, u, splat(T(1))) * bar)                           \
  X(silu, (z < T(0) ? z * exp_of_minus<T>(z) : z) / (T(1) + exp_of_minus<T>(z)),            \
    FASTMLP_ISA::logistic<T>(u) * fma(u, FASTMLP_ISA::logistic<T>(-u), splat(T(1))) * bar)  \
  X(selu, z >= T(0) ? T(1.0507009873554805) * z : T(1.7580993408473769) * expm1<T>(z),      \
    (u > T(0) ? splat(T(1.0507009873554805)) : u + T(1.7580993408473769)) * bar)
