"""The complementary error function, for languages without one: the rational functions of fdlibm.

s_erf.c of Sun Microsystems (1993), FreeBSD's msun/src/s_erf.c: of x² near 0, of x − 1 about 1, and
of 1/x² beyond, times exp(−x²), whose exponent is split so that it keeps its digits.
"""

from __future__ import annotations

from typing import Final

_AT_ONE: Final = 8.45062911510467529297e-01
# Numerators and denominators, from the constant on; which part they are of.
_NEAR: Final = (
    "1.28379167095512558561e-01 -3.25042107247001499370e-01 -2.84817495755985104766e-02"
    " -5.77027029648944159157e-03 -2.37630166566501626084e-05",
    "1 3.97917223959155352819e-01 6.50222499887672944485e-02 5.08130628187576562776e-03"
    " 1.32494738004321644526e-04 -3.96022827877536812320e-06",
)
_ABOUT_ONE: Final = (
    "-2.36211856075265944077e-03 4.14856118683748331666e-01 -3.72207876035701323847e-01"
    " 3.18346619901161753674e-01 -1.10894694282396677476e-01 3.54783043256182359371e-02"
    " -2.16637559486879084300e-03",
    "1 1.06420880400844228286e-01 5.40397917702171048937e-01 7.18286544141962662868e-02"
    " 1.26171219808761642112e-01 1.36370839120290507362e-02 1.19844998467991074170e-02",
)
_BEYOND: Final = (
    "-9.86494403484714822705e-03 -6.93858572707181764372e-01 -1.05586262253232909814e+01"
    " -6.23753324503260060396e+01 -1.62396669462573470355e+02 -1.84605092906711035994e+02"
    " -8.12874355063065934246e+01 -9.81432934416914548592e+00",
    "1 1.96512716674392571292e+01 1.37657754143519042600e+02 4.34565877475229228821e+02"
    " 6.45387271733267880336e+02 4.29008140027567833386e+02 1.08635005541779435134e+02"
    " 6.57024977031928170135e+00 -6.04244152148580987438e-02",
)
_FAR: Final = (
    "-9.86494292470009928597e-03 -7.99283237680523006574e-01 -1.77579549177547519889e+01"
    " -1.60636384855821916062e+02 -6.37566443368389627722e+02 -1.02509513161107724954e+03"
    " -4.83519191608651397019e+02",
    "1 3.03380607434824582924e+01 3.25792512996573918826e+02 1.53672958608443695994e+03"
    " 3.19985821950859553908e+03 2.55305040643316442583e+03 4.74528541206955367215e+02"
    " -2.24409524465858183362e+01",
)


def _polynomial(coefficients: str, x: str) -> str:
    """Return c₀ + x·(c₁ + x·(c₂ + …)) as text."""
    *others, text = [repr(float(c)) for c in coefficients.split()]
    for number in reversed(others):
        text = f"{number} + {x} * ({text})"
    return text


def _quotient(parts: tuple[str, str], x: str) -> str:
    return f"({_polynomial(parts[0], x)}) / ({_polynomial(parts[1], x)})"


JAVASCRIPT: Final = f"""\
function erfc(z) {{
  const x = Math.abs(z);
  if (x < 0.84375) {{
    const s = z * z;
    return 0.5 - (z - 0.5 + z * ({_quotient(_NEAR, "s")}));
  }}
  if (x < 1.25) {{
    const s = x - 1;
    const r = {_quotient(_ABOUT_ONE, "s")};
    return z > 0 ? {1 - _AT_ONE} - r : 1 + ({_AT_ONE} + r);
  }}
  if (x > 28) return z > 0 ? 0 : 2;
  const s = 1 / (x * x);
  const r = x < {1 / 0.35}
    ? {_quotient(_BEYOND, "s")}
    : {_quotient(_FAR, "s")};
  const h = Math.fround(x);
  const tail = Math.exp(-h * h - 0.5625) * Math.exp((h - x) * (h + x) + r) / x;
  return z > 0 ? tail : 2 - tail;
}}"""

NUMPY: Final = f'''\
def erfc(z):
    """Return the complementary error function, 1 − erf z."""
    z = np.asarray(z)
    given, z = z.dtype, z.astype(np.float64)
    x = np.abs(z)
    s = np.where(x < 0.84375, z * z, 0)
    near = 0.5 - (z - 0.5 + z * ({_quotient(_NEAR, "s")}))
    s = np.clip(x - 1, -0.15625, 0.25)
    r = {_quotient(_ABOUT_ONE, "s")}
    about = np.where(z > 0, {1 - _AT_ONE} - r, 1 + ({_AT_ONE} + r))
    x = np.clip(x, 1.25, 28)
    s = 1 / (x * x)
    r = np.where(
        x < {1 / 0.35},
        {_quotient(_BEYOND, "s")},
        {_quotient(_FAR, "s")},
    )
    h = x.astype(np.float32).astype(np.float64)
    tail = np.exp(-h * h - 0.5625) * np.exp((h - x) * (h + x) + r) / x
    far = np.where(z > 0, tail, 2 - tail)
    x = np.abs(z)
    found = np.where(x < 0.84375, near, np.where(x < 1.25, about, far))
    return np.where(np.isnan(z), z, found).astype(given)
'''
