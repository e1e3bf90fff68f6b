// What the core is made of and how many threads it may use.
#include <pybind11/pybind11.h>

#include "bindings/bindings.h"
#include "kernels/table.h"
#include "runtime/team.h"

namespace py = pybind11;

namespace fastmlp {

void bind_config(py::module_& m) {
  m.def("set_num_threads", &set_max_threads, py::arg("n"));
  m.def("get_num_threads", &max_threads);
  m.def("has_openmp", &has_openmp);
  m.def("isa", [] { return active_isa().name; });
  m.def("available_isas", [] {
    int count = 0;
    const Isa* const* isas = available_isas(&count);
    py::list names;
    for (int i = 0; i < count; ++i) names.append(isas[i]->name);
    return names;
  });
  m.def("compiler", [] {
#if defined(__clang__)
    return "Clang " __clang_version__;
#else
    return "GCC " __VERSION__;
#endif
  });
}

}  // namespace fastmlp
