"""Functions of one and two numbers, as C and JavaScript both read them.

They are written in what the languages have in common: ``?:``, arithmetic, the names of libm. A
`Dialect` turns `LET x = …`, calls of libm and fractional literals into its own. Each stands under
the name that the core knows it by, so that a test finds the ones that are missing.
"""

from __future__ import annotations

import math
from typing import Final

# Whatever the others call; erfc is libm's in C.
HELPERS: Final = {
    "logistic": ("z", "LET e = exp(z > 0 ? -z : z); return (z > 0 ? 1 : e) / (1 + e);"),
    "softplus": ("z", "return (z > 0 ? z : 0) + log1p(exp(z > 0 ? -z : z));"),
    "normal": ("z", f"return 0.5 * erfc(-{math.sqrt(0.5)} * z);"),
}

_KAPPA = 2 * math.sqrt(2 / math.pi)
_MU = 0.044715 * _KAPPA
_DENSITY = 1 / math.sqrt(2 * math.pi)
_SCALE, _FLOOR = 1.0507009873554805, 1.7580993408473769  # of selu

# Of z, and of a constant c for those with a number of their own.
UNARY: Final = {
    "negative": "return -z;",
    "exp": "return exp(z);",
    "log": "return log(z);",
    "sqrt": "return sqrt(z);",
    "sin": "return sin(z);",
    "cos": "return cos(z);",
    "abs": "return fabs(z);",
    "log_cosh": (
        "LET m = fabs(z); LET t = tanh(z); LET s = t * t; "
        f"return m < 0.88 ? 0.5 * log1p(s / (1 - s)) : (m - {math.log(2)}) + log1p(exp(-2 * m));"
    ),
    "power": "return pow(z, c);",
    "scale": "return z * c;",
    "relu": "return z <= 0 ? 0 : z;",
    "softplus": HELPERS["softplus"][1],
    "threshold": "return z > 0 ? 1 : z <= 0 ? 0 : z;",
    "logistic": HELPERS["logistic"][1],
    "tanh": "return tanh(z);",
    "silu": "return z * logistic(z);",
    "selu": f"return z > 0 ? {_SCALE} * z : {_FLOOR} * expm1(z);",
    "elu": "return z > 0 ? z : expm1(z);",
    "leaky_relu": "return z > 0 ? z : 0.01 * z;",
    "gelu": "return z * normal(z);",
    "gelu_tanh": f"return z * logistic(z * ({_KAPPA} + {_MU} * z * z));",
    "mish": "return z * tanh(softplus(z));",
    "softsign": "return z / (1 + fabs(z));",
    "hard_tanh": "return z < -1 ? -1 : z > 1 ? 1 : z;",
    "hard_sigmoid": "return (z < -3 ? 0 : z > 3 ? 6 : z + 3) / 6;",
    "gaussian": "return exp(-z * z);",
}
WITH_NUMBER: Final = frozenset({"power", "scale"})

# Of a and b; the messages of activations are of h̄ and of what they read.
BINARY: Final = {
    "add": "return a + b;",
    "subtract": "return a - b;",
    "multiply": "return a * b;",
    "divide": "return a / b;",
    "maximum": "return a > b || a != a ? a : b;",
    "ratio": "return b == 0 ? 0 : a / b;",
    "prelu": "return a > 0 ? a : a * b;",
    "prelu_slope": "return a > 0 ? 1 : b;",
    "logistic_cross_entropy": (
        "return a > 0 ? (1 - b) * a + log1p(exp(-a)) : log1p(exp(a)) - b * a;"
    ),
    "logistic_residual": (
        "LET e = exp(a > 0 ? -a : a); LET q = e / (1 + e); return a > 0 ? (1 - b) - q : q - b;"
    ),
    "relu_message": "return b > 0 ? a : 0;",
    "softplus_message": "return -expm1(-b) * a;",
    "threshold_message": "return 0;",
    "logistic_message": "return b * (1 - b) * a;",
    "tanh_message": "return (1 - b * b) * a;",
    "silu_message": "return logistic(b) * (1 + b * logistic(-b)) * a;",
    "selu_message": f"return (b > 0 ? {_SCALE} : b + {_FLOOR}) * a;",
    "elu_message": "return (b > 0 ? 1 : b + 1) * a;",
    "leaky_relu_message": "return b > 0 ? a : 0.01 * a;",
    "gelu_message": f"return (normal(b) + b * exp(-0.5 * b * b) * {_DENSITY}) * a;",
    "gelu_tanh_message": (
        f"LET u = b * ({_KAPPA} + {_MU} * b * b); LET s = logistic(u); "
        "LET r = b * (s * logistic(-u)); "
        f"return (s + {_KAPPA} * r + {3 * _MU} * (b * (b * r))) * a;"
    ),
    "mish_message": ("LET t = tanh(softplus(b)); return (t + b * (1 - t * t) * logistic(b)) * a;"),
    "softsign_message": "LET s = 1 + fabs(b); return a / (s * s);",
    "hard_tanh_message": "return fabs(b) < 1 ? a : 0;",
    "hard_sigmoid_message": "return b > 0 && b < 1 ? a / 6 : 0;",
    "gaussian_message": "return -2 * (b * exp(-b * b)) * a;",
}

# Of these functions, and of the loops over them.
NAMES: Final = frozenset(
    [*HELPERS, *UNARY, *BINARY, *(f"map_{name}" for name in UNARY), *(f"zip_{n}" for n in BINARY)]
)
