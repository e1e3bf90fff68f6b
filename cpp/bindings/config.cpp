// What the core is made of and how many threads it may use.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <string>

#include "bindings/bindings.h"
#include "kernels/table.h"
#include "runtime/arena.h"
#include "runtime/backoff.h"
#include "runtime/team.h"

namespace py = pybind11;

namespace fastmlp {

namespace {

// A vector as the executor's own: on a cache line, in huge pages if it is long.
template <class T>
py::array zeros(py::ssize_t size) {
  auto arena = std::make_unique<Arena<T>>();
  arena->reserve(std::size_t(size) + 1);
  T* const data = arena->data();
  const py::capsule owner(arena.release(), [](void* p) { delete static_cast<Arena<T>*>(p); });
  return py::array_t<T>(size, data, owner);
}

py::array aligned_zeros(py::ssize_t size, const py::dtype& dtype) {
  if (size < 0) throw py::value_error("size must not be negative, got " + std::to_string(size));
  if (dtype.equal(py::dtype::of<float>())) return zeros<float>(size);
  if (dtype.equal(py::dtype::of<double>())) return zeros<double>(size);
  throw py::type_error("dtype must be float32 or float64, got " + std::string(py::str(dtype)));
}

Nanoseconds nanoseconds(double seconds) { return Nanoseconds(std::int64_t(seconds * 1e9)); }

double seconds(Nanoseconds time) { return double(time.count()) / 1e9; }

// In seconds: what a team of `threads` has lost that has taken `elapsed`, the calling thread having
// waited for so long; what is left of a credit after that; and how long calls work alone after it,
// if `times` teams before it have lost.
double seconds_lost(double elapsed, double waited, int threads) {
  return seconds(lost(nanoseconds(elapsed), nanoseconds(waited), threads));
}
double seconds_of_credit(double credit, double loss) {
  return seconds(credit_after(nanoseconds(credit), nanoseconds(loss)));
}
double seconds_alone(double loss, int times) {
  return seconds(time_alone(nanoseconds(loss), times));
}

}  // namespace

void bind_config(py::module_& m) {
  m.def("set_num_threads", &set_max_threads, py::arg("n"));
  m.def("set_own_threads", &set_own_threads, py::arg("n"));
  m.def("get_num_threads", &max_threads);
  m.def("aligned_zeros", &aligned_zeros, py::arg("size"), py::arg("dtype"));
  m.def("has_openmp", &has_openmp);
  m.def("set_patient", &set_patient, py::arg("patient"));
  m.def("work_alone", [](double seconds) { work_alone(nanoseconds(seconds)); }, py::arg("seconds"));
  m.def("teams_asked", &teams_asked);
  py::class_<Pace>(m, "Pace")
      .def(py::init<>())
      .def_property_readonly("alone", &Pace::alone)
      .def_property_readonly("left", [](const Pace& pace) { return seconds(pace.left()); })
      .def(
          "worked",
          [](Pace& pace, double seconds, double batches) {
            pace.worked(nanoseconds(seconds), batches);
          },
          py::arg("seconds"), py::arg("batches"));
  m.def("time_lost", &seconds_lost, py::arg("elapsed"), py::arg("waited"), py::arg("threads"));
  m.def("credit_after", &seconds_of_credit, py::arg("credit"), py::arg("lost"));
  m.def("time_alone", &seconds_alone, py::arg("lost"), py::arg("times"));
  m.def("isa", [] { return active_isa().name; });
  m.def("available_isas", [] {
    int count = 0;
    const Isa* const* isas = available_isas(&count);
    py::list names;
    for (int i = 0; i < count; ++i) names.append(isas[i]->name);
    return names;
  });
  m.def("sanitizer", [] { return FASTMLP_SANITIZE; });
  m.def("compiler", [] {
#if defined(__clang__)
    return "Clang " __clang_version__;
#else
    return "GCC " __VERSION__;
#endif
  });
}

}  // namespace fastmlp
