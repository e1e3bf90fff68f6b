// A program of one feed and one output as a plain Python function: for single rows, where a
// microsecond counts. It answers NotImplemented to anything but an array whose numbers the core can
// read and convert; the caller then converts, with its own errors.
#include <algorithm>
#include <optional>

#include "bindings/bindings.h"
#include "bindings/function.h"
#include "bindings/program.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

// Below this much work, giving the GIL away and taking it back costs more than it frees.
constexpr double kReleaseFlops = 1e5;

// Where the numbers of an array lie.
struct Extent {
  const char *begin, *end;
  bool meets(const Extent& other) const { return begin < other.end && other.begin < end; }
};

template <class T>
Extent extent(const T* data, Index size) {
  return {reinterpret_cast<const char*>(data), reinterpret_cast<const char*>(data + size)};
}

Extent extent(const Feed& f) {
  const Index down = (f.rows - 1) * f.stride, across = (f.columns - 1) * f.step;
  const Index first = std::min<Index>(down, 0) + std::min<Index>(across, 0);
  const Index last = std::max<Index>(down, 0) + std::max<Index>(across, 0);
  const char* const data = static_cast<const char*>(f.data);
  return {data + first * size_of(f.dtype), data + (last + 1) * size_of(f.dtype)};
}

template <class T>
struct Predictor {
  py::object program, parameters;  // kept alive
  Executor<T>* executor;
  const T* weights;
  Index columns, output_columns;
  py::dtype dtype;

  // A new reference, or null with an exception set.
  PyObject* call(PyObject* x, PyObject* given) const {
    const Proxy* a = plain_array(x);
    const std::optional<Feed> feed = a ? to_matrix_feed(a) : std::nullopt;
    if (!feed || feed->columns != columns || feed->rows < 1) return Py_NewRef(Py_NotImplemented);
    if (given == Py_None) {
      const auto& api = py::detail::npy_api::get();
      const Py_intptr_t shape[2] = {feed->rows, output_columns};
      auto result = py::reinterpret_steal<py::object>(api.PyArray_NewFromDescr_(
          api.PyArray_Type_, Py_NewRef(dtype.ptr()), 2, shape, nullptr, nullptr, 0, nullptr));
      if (!result) return nullptr;
      if (!run(*feed, reinterpret_cast<T*>(proxy(result)->data)))
        return Py_NewRef(Py_NotImplemented);
      return result.release().ptr();
    }
    const Proxy* y = plain_array(given);
    T* const out = y ? to_result<T>(y, feed->rows, output_columns) : nullptr;
    if (!out) return Py_NewRef(Py_NotImplemented);
    check_apart(*feed, out);
    return Py_NewRef(run(*feed, out) ? given : Py_NotImplemented);
  }

 private:
  void check_apart(const Feed& feed, const T* out) const {
    const Extent to = extent(out, feed.rows * output_columns);
    if (to.meets(extent(feed))) fail("out: must not overlap X");
    if (to.meets(extent(weights, executor->program().parameter_size)))
      fail("out: must not overlap the model's parameters");
  }

  // False if it has to be converted and is not finite then: that is for the caller to judge.
  bool run(const Feed& feed, T* out) const {
    if (executor->program().flops_per_row * double(feed.rows) < kReleaseFlops)
      return convert_and_run(feed, out);
    const WithoutGil without;
    return convert_and_run(feed, out);
  }

  bool convert_and_run(const Feed& feed, T* out) const {
    const bool as_it_is = feed.dtype == dtype_of<T>() && feed.step == 1 && feed.stride == columns;
    if (!as_it_is && !all_finite<T>(feed)) return false;
    executor->run_one(feed, weights, out);
    return true;
  }
};

template <class T>
PyObject* call_predictor(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2 && count != 5) {
    PyErr_Format(PyExc_TypeError, "expected (X, out) or (X, out, training, samples, seed), got %zd",
                 count);
    return nullptr;
  }
  // Random numbers are not for a program that has none.
  if (count == 5 &&
      (arguments[2] != Py_False || arguments[3] != Py_None || arguments[4] != Py_None))
    return Py_NewRef(Py_NotImplemented);
  const auto* predictor = static_cast<const Predictor<T>*>(PyCapsule_GetPointer(self, nullptr));
  return guarded([&] { return predictor->call(arguments[0], arguments[1]); });
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
      METH_FASTCALL,
      "predict(X, out, training=False, samples=None, seed=None) -> array, or NotImplemented"};
  return make_function(
      &method, new Predictor<T>{program, parameters, &held.executor(), weights, p.feed_columns[0],
                                p.output_columns[0], py::dtype::of<T>()});
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
