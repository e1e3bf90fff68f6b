"""Loops over arrays, as C and JavaScript both read them; `steps` calls them.

A loop is (arguments, body). An argument is "y*" (an array that is written), "x*" (one that is
read), "q*" (one of int8), "n#" (a whole number) or "c" (a number). Bodies are written as formulas
are, with `VAR s` for a variable and `INT i` for the counter of a loop. A result may stand where an
operand of its shape stood, where the planner lets it.
"""

from __future__ import annotations

from typing import Final

LOOPS: Final = {
    # y = x w + b: m rows of k numbers, w (k, n), each stored in rows of ld numbers. Four rows of w
    # at a time, for y is read and written as often less: digits by gcc -O2 take 355 ns for 617.
    "affine": (
        "y* ldy# x* ldx# w* ldw# b* m# k# n#",
        """
for (INT i = 0; i < m; ++i) {
  for (INT j = 0; j < n; ++j) y[i * ldy + j] = b[j];
  for (INT p = 0; p < k - k % 4; p += 4) {
    LET a0 = x[i * ldx + p];
    LET a1 = x[i * ldx + p + 1];
    LET a2 = x[i * ldx + p + 2];
    LET a3 = x[i * ldx + p + 3];
    for (INT j = 0; j < n; ++j)
      y[i * ldy + j] = y[i * ldy + j] + a0 * w[p * ldw + j] + a1 * w[(p + 1) * ldw + j] +
                       a2 * w[(p + 2) * ldw + j] + a3 * w[(p + 3) * ldw + j];
  }
  for (INT p = k - k % 4; p < k; ++p) {
    LET a = x[i * ldx + p];
    for (INT j = 0; j < n; ++j) y[i * ldy + j] += a * w[p * ldw + j];
  }
}""",
    ),
    # The same with w (n, k).
    "affine_by_rows": (
        "y* ldy# x* ldx# w* ldw# b* m# k# n#",
        """
for (INT i = 0; i < m; ++i) {
  for (INT j = 0; j < n; ++j) {
    VAR s = b[j];
    for (INT p = 0; p < k; ++p) s += x[i * ldx + p] * w[j * ldw + p];
    y[i * ldy + j] = s;
  }
}""",
    ),
    # w is q with each column multiplied by its number in s.
    "affine_int8": (
        "y* ldy# x* ldx# q* ldw# s* b* m# k# n#",
        """
for (INT i = 0; i < m; ++i) {
  for (INT j = 0; j < n; ++j) y[i * ldy + j] = 0;
  for (INT p = 0; p < k - k % 4; p += 4) {
    LET a0 = x[i * ldx + p];
    LET a1 = x[i * ldx + p + 1];
    LET a2 = x[i * ldx + p + 2];
    LET a3 = x[i * ldx + p + 3];
    for (INT j = 0; j < n; ++j)
      y[i * ldy + j] = y[i * ldy + j] + a0 * q[p * ldw + j] + a1 * q[(p + 1) * ldw + j] +
                       a2 * q[(p + 2) * ldw + j] + a3 * q[(p + 3) * ldw + j];
  }
  for (INT p = k - k % 4; p < k; ++p) {
    LET a = x[i * ldx + p];
    for (INT j = 0; j < n; ++j) y[i * ldy + j] += a * q[p * ldw + j];
  }
  for (INT j = 0; j < n; ++j) y[i * ldy + j] = y[i * ldy + j] * s[j] + b[j];
}""",
    ),
    "affine_int8_by_rows": (
        "y* ldy# x* ldx# q* ldw# s* b* m# k# n#",
        """
for (INT i = 0; i < m; ++i) {
  for (INT j = 0; j < n; ++j) {
    VAR t = 0;
    for (INT p = 0; p < k; ++p) t += x[i * ldx + p] * q[j * ldw + p];
    y[i * ldy + j] = t * s[j] + b[j];
  }
}""",
    ),
    "fill": ("y* n# c", "for (INT i = 0; i < n; ++i) y[i] = c;"),
    "copy": (
        "y* ldy# x* ldx# m# n#",
        """
for (INT i = 0; i < m; ++i)
  for (INT j = 0; j < n; ++j) y[i * ldy + j] = x[i * ldx + j];""",
    ),
    # Operands step by rs from row to row, by cs from column to column: 0 repeats them.
    "spread": (
        "y* m# n# x* rs# cs# c",
        """
for (INT i = 0; i < m; ++i)
  for (INT j = 0; j < n; ++j) y[i * n + j] = c * x[i * rs + j * cs];""",
    ),
    "add_scaled": ("y* a* b* n# c", "for (INT i = 0; i < n; ++i) y[i] = a[i] + c * b[i];"),
    "sum_columns": (
        "y* x* m# n# c",
        """
for (INT i = 0; i < m; ++i) {
  VAR s = 0;
  for (INT j = 0; j < n; ++j) s += x[i * n + j];
  y[i] = s * c;
}""",
    ),
    "softmax": (
        "y* x* m# n#",
        """
for (INT i = 0; i < m; ++i) {
  VAR top = x[i * n];
  VAR s = 0;
  for (INT j = 1; j < n; ++j) if (x[i * n + j] > top) top = x[i * n + j];
  for (INT j = 0; j < n; ++j) {
    y[i * n + j] = exp(x[i * n + j] - top);
    s += y[i * n + j];
  }
  for (INT j = 0; j < n; ++j) y[i * n + j] /= s;
}""",
    ),
    "log_softmax": (
        "y* x* m# n#",
        """
for (INT i = 0; i < m; ++i) {
  INT best = 0;
  VAR s = 0;
  for (INT j = 1; j < n; ++j) if (x[i * n + j] > x[i * n + best]) best = j;
  LET top = x[i * n + best];
  for (INT j = 0; j < n; ++j) if (j != best) s += exp(x[i * n + j] - top);
  s = log1p(s);
  for (INT j = 0; j < n; ++j) y[i * n + j] = (x[i * n + j] - top) - s;
}""",
    ),
    # t is the weight of each class, (m, n), or the class as a number, (m, 1).
    "cross_entropy": (
        "y* z* t* m# n# nt#",
        """
for (INT i = 0; i < m; ++i) {
  INT best = 0;
  VAR rest = 0;
  VAR s = 0;
  for (INT j = 1; j < n; ++j) if (z[i * n + j] > z[i * n + best]) best = j;
  LET top = z[i * n + best];
  for (INT j = 0; j < n; ++j) if (j != best) rest += exp(z[i * n + j] - top);
  rest = log1p(rest);
  for (INT j = 0; j < n; ++j) {
    LET w = nt == n ? t[i * n + j] : t[i] == j ? 1 : 0;
    s += w * (rest - (z[i * n + j] - top));
  }
  y[i] = nt == n || (t[i] >= 0 && t[i] < n) ? s : NAN;
}""",
    ),
    # Of the largest, whose share may be near 1, by what the others have.
    "cross_entropy_message": (
        "y* z* t* m# n# nt# bar* rs# c",
        """
for (INT i = 0; i < m; ++i) {
  INT best = 0;
  VAR rest = 0;
  VAR s = 0;
  for (INT j = 1; j < n; ++j) if (z[i * n + j] > z[i * n + best]) best = j;
  LET top = z[i * n + best];
  for (INT j = 0; j < n; ++j) {
    if (j != best) rest += exp(z[i * n + j] - top);
    s += nt == n ? t[i * n + j] : t[i] == j ? 1 : 0;
  }
  LET share = s / (1 + rest);
  for (INT j = 0; j < n; ++j) {
    LET w = nt == n ? t[i * n + j] : t[i] == j ? 1 : 0;
    LET p = j == best ? (s - w) - rest * share : exp(z[i * n + j] - top) * share - w;
    y[i * n + j] = c * bar[i * rs] * p;
  }
}""",
    ),
    "normalize_rows": (
        "y* x* m# n# e centered#",
        """
for (INT i = 0; i < m; ++i) {
  VAR mean = 0;
  VAR rest = 0;
  VAR v = 0;
  if (centered) {
    for (INT j = 0; j < n; ++j) mean += x[i * n + j];
    mean /= n;
  }
  for (INT j = 0; j < n; ++j) {
    LET d = x[i * n + j] - mean;
    rest += d;
    v += d * d;
  }
  rest = centered ? rest / n : 0;
  LET inverse = 1 / sqrt(v / n - rest * rest + e);
  for (INT j = 0; j < n; ++j) y[i * n + j] = ((x[i * n + j] - mean) - rest) * inverse;
}""",
    ),
    # g = bar times scale, a row that cs = 0 repeats; h as above.
    "normalize_rows_message": (
        "y* bar* x* m# n# scale* cs# e centered#",
        """
for (INT i = 0; i < m; ++i) {
  VAR mean = 0;
  VAR signal = 0;
  VAR v = 0;
  VAR along = 0;
  if (centered) {
    for (INT j = 0; j < n; ++j) {
      mean += x[i * n + j];
      signal += bar[i * n + j] * scale[j * cs];
    }
    mean /= n;
    signal /= n;
  }
  for (INT j = 0; j < n; ++j) {
    LET d = x[i * n + j] - mean;
    v += d * d;
    along += d * bar[i * n + j] * scale[j * cs];
  }
  LET inverse = 1 / sqrt(v / n + e);
  along = along / n * inverse;
  for (INT j = 0; j < n; ++j) {
    LET h = (x[i * n + j] - mean) * inverse;
    y[i * n + j] = (bar[i * n + j] * scale[j * cs] - signal - h * along) * inverse;
  }
}""",
    ),
    "standardize": (
        "y* x* mean* inverse* m# n#",
        """
for (INT i = 0; i < m; ++i)
  for (INT j = 0; j < n; ++j) y[i * n + j] = (x[i * n + j] - mean[j]) * inverse[j];""",
    ),
    "argmax": (
        "y* x* m# n#",
        """
for (INT i = 0; i < m; ++i) {
  INT best = 0;
  for (INT j = 1; j < n; ++j) if (x[i * n + j] > x[i * n + best]) best = j;
  y[i] = best;
}""",
    ),
    # Of a number that names no column there is none: NaN.
    "pick": (
        "y* x* index* m# n#",
        """
for (INT i = 0; i < m; ++i) {
  LET at = index[i];
  y[i] = at >= 0 && at < n ? x[i * n + WHOLE(at)] : NAN;
}""",
    ),
    "scatter": (
        "y* x* index* m# n#",
        """
for (INT i = 0; i < m; ++i)
  for (INT j = 0; j < n; ++j) y[i * n + j] = index[i] >= j && index[i] < j + 1 ? x[i] : 0;""",
    ),
    # Rows of a table (rows, n) that numbers name, each ldi apart.
    "take_rows": (
        "y* ldy# index* ldi# w* rows# m# n#",
        """
for (INT i = 0; i < m; ++i) {
  LET at = index[i * ldi];
  for (INT j = 0; j < n; ++j)
    y[i * ldy + j] = at >= 0 && at < rows ? w[WHOLE(at) * n + j] : NAN;
}""",
    ),
    "take_rows_int8": (
        "y* ldy# index* ldi# q* s* rows# m# n#",
        """
for (INT i = 0; i < m; ++i) {
  LET at = index[i * ldi];
  for (INT j = 0; j < n; ++j)
    y[i * ldy + j] = at >= 0 && at < rows ? q[WHOLE(at) * n + j] * s[WHOLE(at)] : NAN;
}""",
    ),
}
