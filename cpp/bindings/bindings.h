// The parts of the extension module, one file each.
#pragma once

#include <pybind11/pybind11.h>

namespace fastmlp {

void bind_access(pybind11::module_& m);
void bind_config(pybind11::module_& m);
void bind_format(pybind11::module_& m);
void bind_kernels(pybind11::module_& m);
void bind_predict(pybind11::module_& m);
void bind_program(pybind11::module_& m);
void bind_step(pybind11::module_& m);

}  // namespace fastmlp
