// The extension module: a list of what it is made of.
#include <pybind11/pybind11.h>

namespace fastmlp {
void bind_kernels(pybind11::module_& m);
}

PYBIND11_MODULE(_core, m) { fastmlp::bind_kernels(m); }
