"""Three small tables as they come in practice, with what is to be predicted."""

import datetime

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes, load_wine


def customers(rows=240):
    """Return a table made by hand, and whether each customer stays: "yes" or "no".

    Numbers as texts, some missing in five ways, an outlier; categories known and rare, one column
    of many; true and false as words; ISO dates; a constant, an empty, a duplicate column, an id.
    """
    rng = np.random.default_rng(7)
    age = rng.integers(18, 90, rows).astype(float)
    spent = rng.gamma(2.0, 100.0, rows).round(2)
    member = rng.random(rows) < 0.5
    city = rng.choice([f"city {i:02}" for i in range(14)], rows)
    since = [
        datetime.date(2020, 1, 1) + datetime.timedelta(int(d)) for d in rng.integers(0, 1500, rows)
    ]
    signal = 0.05 * (age - 50) + 2.0 * member + (city < "city 05") - 1.0
    stays = np.where(signal + rng.normal(0, 0.7, rows) > 0.5, "yes", "no")
    spent[5] = 1e9
    texts = [f"{s:.2f}" for s in spent]
    for row, nothing in enumerate(["", "NA", "?", "nan", "None"]):
        texts[10 + row] = nothing
    age[::11] = np.nan
    plan = rng.choice(["basic", "plus", "pro"], rows).astype(object)
    plan[3], plan[::17] = "a plan of one", None
    table = pd.DataFrame(
        {
            "age": age,
            "spent": texts,
            "member": np.where(member, "Yes", "no"),
            "city": pd.Categorical(city),
            "plan": plan,
            "since": [day.isoformat() for day in since],
            "country": "DE",
            "fax": np.full(rows, None, object),
            "age again": age,
            "id": [f"customer-{i:05}" for i in range(rows)],
        }
    )
    return table, stays


def wines():
    """Return scikit-learn's wines with holes, an outlier and categories; and their names."""
    X, y = load_wine(return_X_y=True, as_frame=True)
    rng = np.random.default_rng(1)
    X = X.mask(rng.random(X.shape) < 0.05)
    X.iloc[3, 1] = 1e12
    X["strength"] = pd.cut(X.pop("alcohol"), 4, labels=["light", "medium", "strong", "very strong"])
    X["hue"] = X["hue"].astype("Float64")  # pandas' own numbers, with NA
    X["all red"] = True
    names = np.array(["barolo", "grignolino", "barbera"], dtype=object)
    return X, names[y]


def patients():
    """Return scikit-learn's diabetes with texts, dates and holes, and the progression."""
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    rng = np.random.default_rng(2)
    X["sex"] = X["sex"].map({1.0: "f", 2.0: "m"}).astype("string")
    X["bmi"] = X["bmi"].astype(object).where(rng.random(len(X)) > 0.1, None)
    X["seen"] = pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 700, len(X)), "D")
    X["ward"] = [f"ward {i}" for i in rng.integers(0, 30, len(X))]
    return X, y
