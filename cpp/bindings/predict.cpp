// A program of one feed and one output as a plain Python function: for single rows, where a
// microsecond counts. It answers NotImplemented to anything but an array it can read in place;
// the caller then converts, with its own errors.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <new>
#include <stdexcept>

#include "bindings/bindings.h"
#include "bindings/program.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

// Below this much work, giving the GIL away and taking it back costs more than it frees.
constexpr double kReleaseFlops = 1e5;

template <class T>
struct Predictor {
  py::object program, parameters;  // kept alive
  Executor<T>* executor;
  const T* weights;
  Index columns, output_columns;
  py::dtype dtype;

  bool readable(PyObject* x) const {
    if (Py_TYPE(x) != py::detail::npy_api::get().PyArray_Type_) return false;
    const auto* a = py::detail::array_proxy(x);
    return a->nd == 2 && a->descr == dtype.ptr() && a->dimensions[1] == columns &&
           a->dimensions[0] > 0 && (a->flags & py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_) &&
           (a->flags & py::detail::npy_api::NPY_ARRAY_ALIGNED_);
  }

  bool writable(PyObject* y, Index rows) const {
    if (Py_TYPE(y) != py::detail::npy_api::get().PyArray_Type_) return false;
    const auto* a = py::detail::array_proxy(y);
    constexpr int need = py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_ |
                         py::detail::npy_api::NPY_ARRAY_ALIGNED_ |
                         py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
    return a->nd == 2 && a->descr == dtype.ptr() && a->dimensions[0] == rows &&
           a->dimensions[1] == output_columns && (a->flags & need) == need;
  }

  static bool overlap(const char* a, Index a_bytes, const char* b, Index b_bytes) {
    return a < b + b_bytes && b < a + a_bytes;
  }

  // A new reference, or null with an exception set.
  PyObject* call(PyObject* x, PyObject* given) const {
    if (!readable(x)) return Py_NewRef(Py_NotImplemented);
    const auto* a = py::detail::array_proxy(x);
    const Index rows = a->dimensions[0];
    py::object result;
    if (given == Py_None) {
      const auto& api = py::detail::npy_api::get();
      const Py_intptr_t shape[2] = {rows, output_columns};
      result = py::reinterpret_steal<py::object>(api.PyArray_NewFromDescr_(
          api.PyArray_Type_, Py_NewRef(dtype.ptr()), 2, shape, nullptr, nullptr, 0, nullptr));
      if (!result) return nullptr;
    } else if (!writable(given, rows)) {
      return Py_NewRef(Py_NotImplemented);
    } else {
      result = py::reinterpret_borrow<py::object>(given);
    }
    T* out = reinterpret_cast<T*>(py::detail::array_proxy(result.ptr())->data);
    const Index size = Index(sizeof(T));
    if (overlap(a->data, rows * columns * size, reinterpret_cast<char*>(out),
                rows * output_columns * size)) {
      PyErr_SetString(PyExc_ValueError, "out: must not overlap X");
      return nullptr;
    }
    const Feed feed{a->data, dtype_of<T>(), rows, columns, columns};
    if (executor->program().flops_per_row * double(rows) < kReleaseFlops) {
      executor->run_one(feed, weights, out);
    } else {
      py::gil_scoped_release released;
      executor->run_one(feed, weights, out);
    }
    return result.release().ptr();
  }
};

template <class T>
PyObject* call_predictor(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2) {
    PyErr_Format(PyExc_TypeError, "expected (X, out), got %zd arguments", count);
    return nullptr;
  }
  const auto* predictor = static_cast<const Predictor<T>*>(PyCapsule_GetPointer(self, nullptr));
  try {
    return predictor->call(arguments[0], arguments[1]);
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  } catch (const std::invalid_argument& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
    return nullptr;
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
    return nullptr;
  }
}

template <class T>
py::object make_predictor(py::object program, py::array parameters) {
  auto& held = program.cast<PyProgram<T>&>();
  const Program& p = held.executor().program();
  if (p.feed_columns.size() != 1 || p.feed_rows[0] != kBatch || p.output_columns.size() != 1 ||
      p.output_rows[0] != kBatch)
    throw py::value_error("program: expected one feed and one output with batch rows");
  const T* weights = to_vector<T>(parameters, p.parameter_size, "parameters");
  static PyMethodDef method = {
      "predict", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&call_predictor<T>)),
      METH_FASTCALL, "predict(X, out) -> array, or NotImplemented"};
  auto* predictor =
      new Predictor<T>{program,           parameters,          &held.executor(),  weights,
                       p.feed_columns[0], p.output_columns[0], py::dtype::of<T>()};
  const auto capsule =
      py::reinterpret_steal<py::object>(PyCapsule_New(predictor, nullptr, [](PyObject* self) {
        delete static_cast<Predictor<T>*>(PyCapsule_GetPointer(self, nullptr));
      }));
  return py::reinterpret_steal<py::object>(PyCFunction_NewEx(&method, capsule.ptr(), nullptr));
}

}  // namespace

void bind_predict(py::module_& m) {
  m.def(
      "make_predictor",
      [](py::object program, py::array parameters) {
        if (py::isinstance<PyProgram<float>>(program))
          return make_predictor<float>(program, parameters);
        if (py::isinstance<PyProgram<double>>(program))
          return make_predictor<double>(program, parameters);
        throw py::type_error("program: expected a ProgramF32 or ProgramF64");
      },
      py::arg("program"), py::arg("parameters"));
}

}  // namespace fastmlp
