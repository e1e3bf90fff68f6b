// The functions and the rules of optimizers that kernels know by name. Their order is that of the
// tables.
#pragma once

#include "kernels/activations.h"

namespace fastmlp {

// Of one argument, beside the activations: X(name).
#define FASTMLP_UNARY(X) \
  X(negative)            \
  X(exp)                 \
  X(log)                 \
  X(sqrt)                \
  X(sin)                 \
  X(cos)                 \
  X(abs)                 \
  X(log_cosh)            \
  X(power)               \
  X(scale)

// Of two arguments, beside the messages of activations. ratio is a/b, and 0 where b is 0. Of z and
// a: prelu is z > 0 ? z : a·z, prelu_slope z > 0 ? 1 : a. Of z and t: logistic_cross_entropy is
// softplus(z) − t·z, logistic_residual logistic(z) − t, neither with cancellation for t of 0 … 1.
#define FASTMLP_BINARY(X)   \
  X(add)                    \
  X(subtract)               \
  X(multiply)               \
  X(divide)                 \
  X(maximum)                \
  X(ratio)                  \
  X(prelu)                  \
  X(prelu_slope)            \
  X(logistic_cross_entropy) \
  X(logistic_residual)

// Rules by which an optimizer changes parameters: X(name, the vectors it keeps from step to step,
// the numbers of a step). `decay`, where a rule has it, comes last: parameters that do not decay
// get 0. With w the parameters and g what they follow, mostly their gradient:
//   assign    w ← g
//   sgd       w ← w − rate·g − decay·w
//   momentum  velocity ← momentum·velocity − rate·g;  w ← w + velocity − decay·w
//   nesterov  the same velocity;  w ← w + momentum·velocity − rate·g − decay·w
//   adam      mean ← β₁·mean + (1−β₁)·g;  square ← β₂·square + (1−β₂)·g²;
//             w ← (1 − decay)·w − rate·mean/(√square + epsilon)
//   rmsprop   square ← rho·square + (1−rho)·g²;  w ← w − rate·g/(√square + epsilon) − decay·w.
//             Centered, mean ← rho·mean + (1−rho)·g and square − mean² stands under the root. With
//             momentum, velocity ← momentum·velocity + the quotient, and w follows −rate·velocity.
//   amsgrad   as adam, with the greatest square until now under the root
//   nadam     mean and square as in adam;
//             w ← (1 − decay)·w − (ahead·mean + now·g)/(√square + epsilon)
//   adamax    mean as in adam;  norm ← max(β₂·norm, |g| + epsilon);
//             w ← (1 − decay)·w − rate·mean/norm
//   adagrad   total ← total + g²;  w ← (1 − decay)·w − rate·g/(√(initial + total) + epsilon)
//   lion      w ← (1 − decay)·w − rate·sign(β₁·mean + (1−β₁)·g);  mean ← β₂·mean + (1−β₂)·g
//   muon      mean ← momentum·mean + (1−momentum)·g;  w ← (1 − decay)·w − rate·direction, which the
//             program has computed
#define FASTMLP_OPTIMIZER(X)                                                          \
  X(assign, , )                                                                       \
  X(sgd, , rate decay)                                                                \
  X(momentum, velocity, rate momentum decay)                                          \
  X(nesterov, velocity, rate momentum decay)                                          \
  X(adam, mean square, rate beta1 beta2 epsilon decay)                                \
  X(rmsprop, square, rate rho epsilon decay)                                          \
  X(rmsprop_momentum, square velocity, rate rho epsilon momentum decay)               \
  X(centered_rmsprop, square mean, rate rho epsilon decay)                            \
  X(centered_rmsprop_momentum, square mean velocity, rate rho epsilon momentum decay) \
  X(amsgrad, mean square greatest, rate beta1 beta2 epsilon decay)                    \
  X(nadam, mean square, ahead now beta1 beta2 epsilon decay)                          \
  X(adamax, mean norm, rate beta1 beta2 epsilon decay)                                \
  X(adagrad, total, rate initial epsilon decay)                                       \
  X(lion, mean, rate beta1 beta2 decay)                                               \
  X(muon, mean direction, rate momentum decay)

#define FASTMLP_NAME(name) name,
#define FASTMLP_PHI(name, phi, message) name,
#define FASTMLP_MESSAGE(name, phi, message) name##_message,
#define FASTMLP_RULE(name, state, numbers) name,
enum class Activation : int { identity, FASTMLP_ACTIVATION(FASTMLP_PHI) count };
enum class Unary : int { FASTMLP_UNARY(FASTMLP_NAME) FASTMLP_ACTIVATION(FASTMLP_PHI) count };
enum class Binary : int { FASTMLP_BINARY(FASTMLP_NAME) FASTMLP_ACTIVATION(FASTMLP_MESSAGE) count };
enum class Optimizer : int { FASTMLP_OPTIMIZER(FASTMLP_RULE) count };
#undef FASTMLP_NAME
#undef FASTMLP_PHI
#undef FASTMLP_MESSAGE
#undef FASTMLP_RULE

#define FASTMLP_NAME(name) #name,
#define FASTMLP_PHI(name, phi, message) #name,
#define FASTMLP_MESSAGE(name, phi, message) #name "_message",
constexpr const char* activation_names[] = {"identity", FASTMLP_ACTIVATION(FASTMLP_PHI)};
constexpr const char* unary_names[] = {FASTMLP_UNARY(FASTMLP_NAME) FASTMLP_ACTIVATION(FASTMLP_PHI)};
constexpr const char* binary_names[] = {FASTMLP_BINARY(FASTMLP_NAME)
                                            FASTMLP_ACTIVATION(FASTMLP_MESSAGE)};
#undef FASTMLP_NAME
#undef FASTMLP_PHI
#undef FASTMLP_MESSAGE

}  // namespace fastmlp
