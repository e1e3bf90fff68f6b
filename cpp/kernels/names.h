// The functions that kernels know by name. Their order is that of the tables.
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
  X(power)               \
  X(scale)

// Of two arguments, beside the messages of activations. ratio is a/b, and 0 where b is 0. Of z and
// t: logistic_cross_entropy is softplus(z) − t·z, logistic_residual logistic(z) − t, neither with
// cancellation for t of 0 … 1.
#define FASTMLP_BINARY(X)   \
  X(add)                    \
  X(subtract)               \
  X(multiply)               \
  X(divide)                 \
  X(maximum)                \
  X(ratio)                  \
  X(logistic_cross_entropy) \
  X(logistic_residual)

#define FASTMLP_NAME(name) name,
#define FASTMLP_PHI(name, phi, message) name,
#define FASTMLP_MESSAGE(name, phi, message) name##_message,
enum class Activation : int { identity, FASTMLP_ACTIVATION(FASTMLP_PHI) count };
enum class Unary : int { FASTMLP_UNARY(FASTMLP_NAME) FASTMLP_ACTIVATION(FASTMLP_PHI) count };
enum class Binary : int { FASTMLP_BINARY(FASTMLP_NAME) FASTMLP_ACTIVATION(FASTMLP_MESSAGE) count };
#undef FASTMLP_NAME
#undef FASTMLP_PHI
#undef FASTMLP_MESSAGE

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
