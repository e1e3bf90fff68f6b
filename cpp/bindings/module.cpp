// The extension module: a list of what it is made of.
#include "bindings/bindings.h"

namespace {

constexpr const char* kMainAlone =
    "fastmlp works in the main interpreter alone, as NumPy does: use threads or processes instead "
    "of sub-interpreters";

bool in_main_interpreter() { return PyInterpreterState_Get() == PyInterpreterState_Main(); }

}  // namespace

// pybind11's init function gets another name: in a sub-interpreter its first lines would wait for
// ever for a GIL, so PyInit__core looks at the interpreter before it calls it. Python 3.13 calls
// PyInit__core in the main interpreter, whichever imports, and then runs the module's body in the
// importing one: therefore the second look.
#define PyInit__core init_of_pybind11
// Nothing here needs the GIL: see "Without a GIL" in ARCHITECTURE.md.
PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
  if (!in_main_interpreter()) throw pybind11::import_error(kMainAlone);
  fastmlp::bind_access(m);
  fastmlp::bind_config(m);
  fastmlp::bind_format(m);
  fastmlp::bind_kernels(m);
  fastmlp::bind_program(m);
  fastmlp::bind_predict(m);
  fastmlp::bind_step(m);
}
#undef PyInit__core

extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
  if (in_main_interpreter()) return init_of_pybind11();
  PyErr_SetString(PyExc_ImportError, kMainAlone);
  return nullptr;
}
