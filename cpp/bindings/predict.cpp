// A program of one output as a plain Python function: for single rows, where a microsecond counts.
// It answers NotImplemented to anything but arrays whose numbers the core can read and convert, and
// whose indices name categories; the caller then converts, with its own errors.
#include <pybind11/stl.h>

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

py::object new_matrix(const py::dtype& dtype, Index rows, Index columns) {
  const auto& api = py::detail::npy_api::get();
  const Py_intptr_t shape[2] = {rows, columns};
  return py::reinterpret_steal<py::object>(api.PyArray_NewFromDescr_(
      api.PyArray_Type_, Py_NewRef(dtype.ptr()), 2, shape, nullptr, nullptr, 0, nullptr));
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
      py::object result = new_matrix(dtype, feed->rows, output_columns);
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

// Whether column j holds whole numbers in 0 … limits[j] − 1.
bool holds_indices(const Feed& f, const std::vector<Index>& limits) {
  bool fine = true;
  with_type(f.dtype, [&](auto element) {
    using From = decltype(element);
    for (Index i = 0; i < f.rows && fine; ++i) {
      const From* const row = static_cast<const From*>(f.data) + i * f.stride;
      for (Index j = 0; j < f.columns; ++j) {
        const double value = double(row[j * f.step]);
        const bool within = value >= 0 && value < double(limits[std::size_t(j)]);
        fine = fine && within && double(Index(within ? value : 0)) == value;
      }
    }
  });
  return fine;
}

// An input of a model: its columns and, if it has indices, how many categories each has.
struct Input {
  py::object name;
  Index columns;
  std::vector<Index> limits;
};

// As Predictor, for a model of several inputs, or of indices.
template <class T>
struct SeveralPredictor {
  py::object program, parameters;  // kept alive
  Executor<T>* executor;
  const T* weights;
  std::vector<Input> inputs;
  Index output_columns;
  py::dtype dtype;

  // A new reference, or null with an exception set.
  PyObject* call(PyObject* X, PyObject* given) const {
    std::vector<py::object> held;  // others may take arrays out of a list meanwhile
    std::vector<Feed> feeds;
    if (!parts_of(X, held) || !feeds_of(held, feeds)) return Py_NewRef(Py_NotImplemented);
    py::object result;
    if (given == Py_None) {
      result = new_matrix(dtype, feeds[0].rows, output_columns);
      if (!result) return nullptr;
    } else {
      const Proxy* y = plain_array(given);
      if (!y || !to_result<T>(y, feeds[0].rows, output_columns))
        return Py_NewRef(Py_NotImplemented);
      result = py::reinterpret_borrow<py::object>(given);
    }
    T* const out = reinterpret_cast<T*>(proxy(result)->data);
    const Extent to = extent(out, feeds[0].rows * output_columns);
    for (const Feed& feed : feeds)
      if (to.meets(extent(feed))) fail("out: must not overlap X");
    if (to.meets(extent(weights, executor->program().parameter_size)))
      fail("out: must not overlap the model's parameters");
    if (!run(feeds, out)) return Py_NewRef(Py_NotImplemented);
    return result.release().ptr();
  }

 private:
  // False if the values are for the caller to judge.
  bool run(const std::vector<Feed>& feeds, T* out) const {
    if (executor->program().flops_per_row * double(feeds[0].rows) < kReleaseFlops)
      return check_and_run(feeds, out);
    const WithoutGil without;
    return check_and_run(feeds, out);
  }

  bool check_and_run(const std::vector<Feed>& feeds, T* out) const {
    for (std::size_t i = 0; i < feeds.size(); ++i) {
      const Feed& feed = feeds[i];
      const std::vector<Index>& limits = inputs[i].limits;
      const bool as_it_is = feed.dtype == dtype_of<T>() && feed.step == 1 &&
                            (feed.rows == 1 || feed.stride == feed.columns);
      if (limits.empty() ? !as_it_is && !all_finite<T>(feed) : !holds_indices(feed, limits))
        return false;
    }
    executor->run(feeds, feeds[0].rows, weights, {out}, 0, 0);
    return true;
  }

  // The arrays of a list or tuple in the order of the inputs, or of a dict by their names.
  bool parts_of(PyObject* X, std::vector<py::object>& held) const {
    const Py_ssize_t n = Py_ssize_t(inputs.size());
    held.reserve(inputs.size());
    if (PyDict_CheckExact(X)) {
      if (PyDict_Size(X) != n) return false;
      for (const Input& input : inputs) {
        PyObject* const part = PyObject_GetItem(X, input.name.ptr());
        if (!part && !PyErr_ExceptionMatches(PyExc_KeyError)) throw py::error_already_set();
        if (!part) return PyErr_Clear(), false;
        held.push_back(py::reinterpret_steal<py::object>(part));
      }
    } else if (n == 1) {
      held.push_back(py::reinterpret_borrow<py::object>(X));
    } else {
      const bool list = PyList_CheckExact(X) || PyTuple_CheckExact(X);
      if (!list || PySequence_Size(X) != n) return false;
      for (Py_ssize_t i = 0; i < n; ++i) {
        held.push_back(item_of(X, i));
        if (!held.back()) return false;
      }
    }
    return true;
  }

  bool feeds_of(const std::vector<py::object>& held, std::vector<Feed>& feeds) const {
    feeds.reserve(held.size());
    for (std::size_t i = 0; i < held.size(); ++i) {
      const Proxy* a = plain_array(held[i].ptr());
      const std::optional<Feed> feed = a ? to_matrix_feed(a) : std::nullopt;
      const Input& input = inputs[i];
      if (!feed || feed->columns != input.columns || feed->rows < 1) return false;
      if (i > 0 && feed->rows != feeds[0].rows) return false;
      feeds.push_back(*feed);
    }
    return true;
  }
};

template <class P>
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
  const auto* predictor = static_cast<const P*>(PyCapsule_GetPointer(self, nullptr));
  return guarded([&] { return predictor->call(arguments[0], arguments[1]); });
}

template <class P>
py::object function_of(P* predictor) {
  static PyMethodDef method = {
      "predict", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&call_predictor<P>)),
      METH_FASTCALL,
      "predict(X, out, training=False, samples=None, seed=None) -> array, or NotImplemented"};
  return make_function(&method, predictor);
}

// Of each input its name, and how many categories its columns have if these hold indices.
using InputTuple = std::tuple<std::string, std::optional<std::vector<Index>>>;

template <class T>
py::object make_predictor(py::object program, py::array parameters,
                          const std::vector<InputTuple>& given) {
  auto& held = program.cast<PyProgram<T>&>();
  const Program& p = held.executor().program();
  const auto by_batch = [](Index rows) { return rows == kBatch; };
  if (!std::all_of(p.feed_rows.begin(), p.feed_rows.end(), by_batch) || p.feed_rows.empty() ||
      p.output_columns.size() != 1 || p.output_rows[0] != kBatch)
    throw py::value_error("program: expected feeds and one output with batch rows");
  const T* weights = to_vector<T>(parameters, p.parameter_size, "parameters");
  const py::dtype dtype = py::dtype::of<T>();
  const bool indices = std::any_of(given.begin(), given.end(),
                                   [](const InputTuple& t) { return bool(std::get<1>(t)); });
  if (p.feed_columns.size() == 1 && !indices)
    return function_of(new Predictor<T>{program, parameters, &held.executor(), weights,
                                        p.feed_columns[0], p.output_columns[0], dtype});
  require(given.size() == p.feed_columns.size(), "inputs: expected one for each feed");
  std::vector<Input> inputs;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto& [name, limits] = given[i];
    inputs.push_back({py::str(name), p.feed_columns[i], limits.value_or(std::vector<Index>{})});
    require(!limits || Index(limits->size()) == p.feed_columns[i],
            "inputs: expected a number of categories for each column");
  }
  return function_of(new SeveralPredictor<T>{program, parameters, &held.executor(), weights,
                                             std::move(inputs), p.output_columns[0], dtype});
}

}  // namespace

void bind_predict(py::module_& m) {
  m.def(
      "make_predictor",
      [](py::object program, py::array parameters, const std::vector<InputTuple>& inputs) {
        if (py::isinstance<PyProgram<float>>(program))
          return make_predictor<float>(program, parameters, inputs);
        if (py::isinstance<PyProgram<double>>(program))
          return make_predictor<double>(program, parameters, inputs);
        throw py::type_error("program: expected a ProgramF32 or ProgramF64");
      },
      py::arg("program"), py::arg("parameters"), py::arg("inputs") = std::vector<InputTuple>{});
}

}  // namespace fastmlp
