// The extension module: a list of what it is made of.
#include "bindings/bindings.h"

PYBIND11_MODULE(_core, m) {
  fastmlp::bind_config(m);
  fastmlp::bind_kernels(m);
  fastmlp::bind_program(m);
  fastmlp::bind_predict(m);
}
