"""What people bring to operations from NumPy, PyTorch and Keras, and what to write here instead."""

from __future__ import annotations

# Arguments of sums and means.
OF_SUMS = {
    "dim": "write axis=",
    **dict.fromkeys(("keepdim", "keepdims"), "leave it out: both axes are kept"),
    **dict.fromkeys(("unbiased", "correction", "ddof"), "leave it out: it is divided by n"),
}
# Of functions of rows.
OF_ROWS = dict.fromkeys(("axis", "dim"), "leave it out: rows are examples, it runs along each")
