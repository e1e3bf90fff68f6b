// The extension module: a list of what it is made of.
#include "bindings/bindings.h"

namespace {

constexpr const char* kMainAlone =
    "fastmlp works in the main interpreter alone, as NumPy does: use threads or processes instead "
    "of sub-interpreters";

bool in_main_interpreter() { return PyInterpreterState_Get() == PyInterpreterState_Main(); }

}  // namespace

// What pybind11 names as Python looks for it gets another name: in other interpreters its first
// lines wait for ever for a GIL, so that somebody must ask before them. Python 3.13 calls what it
// finds in the main interpreter, whoever imports, and then runs the list in the other.
#define PyInit__core init_of_pybind11
PYBIND11_MODULE(_core, m) {
  if (!in_main_interpreter()) throw pybind11::import_error(kMainAlone);
  fastmlp::bind_config(m);
  fastmlp::bind_format(m);
  fastmlp::bind_kernels(m);
  fastmlp::bind_program(m);
  fastmlp::bind_predict(m);
}
#undef PyInit__core

extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
  if (in_main_interpreter()) return init_of_pybind11();
  PyErr_SetString(PyExc_ImportError, kMainAlone);
  return nullptr;
}
