// A program of one output as a plain Python function: for single rows, where a microsecond counts.
// It answers NotImplemented to what inputs.h does not take as it is; the caller then converts, with
// its own errors.
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>

#include "bindings/access.h"
#include "bindings/bindings.h"
#include "bindings/function.h"
#include "bindings/inputs.h"
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

// What came of a call. Refused: it is for the caller to judge. Stopped: with an exception set.
enum class Outcome { done, refused, stopped };

// Whether it is done. With the GIL, as it throws what is set.
bool is_done(Outcome outcome) {
  if (outcome == Outcome::stopped) throw py::error_already_set();
  return outcome == Outcome::done;
}

// For any inputs: several, of indices, sparse rows.
template <class T>
struct SeveralPredictor {
  py::object program, parameters;  // kept alive
  Executor<T>* executor;
  const T* weights;
  Inputs inputs;
  Index most_rows, output_columns;
  py::dtype dtype;
  std::shared_ptr<Access> access;

  // A new reference, or null with an exception set.
  PyObject* call(PyObject* X, PyObject* out) const {
    Given<T> given;
    given.begin(inputs.size());
    if (!inputs.take(X, given) || given.rows > most_rows) return Py_NewRef(Py_NotImplemented);
    py::object result;
    if (out == Py_None) {
      result = new_matrix(dtype, given.rows, output_columns);
      if (!result) return nullptr;
    } else {
      const Proxy* y = plain_array(out);
      if (!y || !to_result<T>(y, given.rows, output_columns)) return Py_NewRef(Py_NotImplemented);
      result = py::reinterpret_borrow<py::object>(out);
    }
    T* const to = reinterpret_cast<T*>(proxy(result)->data);
    if (out != Py_None)
      for (const Feed& feed : given.feeds)
        if (feed.dtype == DType::csr) return Py_NewRef(Py_NotImplemented);
    check_apart(given.feeds.data(), given.feeds.size(), to);
    if (!run(given, to)) return Py_NewRef(Py_NotImplemented);
    return result.release().ptr();
  }

  // Whether there is so little work for these rows that the GIL is kept, and no other thread
  // changes the weights: then none comes between.
  bool is_undisturbed(Index rows) const {
    return kGilHolds && is_small(rows) && !access->refuses_reads();
  }

  // work() while others wait to change the weights, refused if it is the turn of one.
  template <class F>
  Outcome in_a_read(Index rows, F work) const {
    Read read;
    if (!read.begin(*access)) return Outcome::refused;
    if (is_small(rows)) return work();
    const WithoutGil without;
    return work();
  }

  // What is read must lie elsewhere than what is written.
  void check_apart(const Feed* feeds, std::size_t count, const T* out) const {
    const Extent to = extent(out, feeds->rows * output_columns);
    for (std::size_t i = 0; i < count; ++i)
      if (feeds[i].dtype != DType::csr && to.meets(extent(feeds[i])))
        fail("out: must not overlap X");
    if (to.meets(extent(weights, executor->program().parameter_size)))
      fail("out: must not overlap the model's parameters");
  }

 private:
  // False if the values are for the caller to judge.
  bool run(Given<T>& given, T* out) const {
    if (is_undisturbed(given.rows)) return is_done(check_and_run(given, out));
    return is_done(in_a_read(given.rows, [&] { return check_and_run(given, out); }));
  }

  bool is_small(Index rows) const {
    return executor->program().flops_per_row * double(rows) < kReleaseFlops;
  }

  Outcome check_and_run(Given<T>& given, T* out) const {
    if (!inputs.fit(given, false)) return Outcome::refused;
    const bool whole = executor->run(given.feeds, given.rows, weights, {out}, 0, 0, nullptr,
                                     nullptr, &kAsksForSignals);
    return whole ? Outcome::done : Outcome::stopped;
  }
};

// For one input of numbers, with less ado.
template <class T>
struct Predictor {
  SeveralPredictor<T> others;
  Index columns;

  // A new reference, or null with an exception set.
  PyObject* call(PyObject* x, PyObject* given) const {
    const Proxy* a = plain_array(x);
    if (!a) return others.call(x, given);
    const std::optional<Feed> feed = to_matrix_feed(a);
    if (!feed || feed->columns != columns || feed->rows < 1) return Py_NewRef(Py_NotImplemented);
    if (given == Py_None) {
      py::object result = new_matrix(others.dtype, feed->rows, others.output_columns);
      if (!result) return nullptr;
      if (!run(*feed, reinterpret_cast<T*>(proxy(result)->data)))
        return Py_NewRef(Py_NotImplemented);
      return result.release().ptr();
    }
    const Proxy* y = plain_array(given);
    T* const out = y ? to_result<T>(y, feed->rows, others.output_columns) : nullptr;
    if (!out) return Py_NewRef(Py_NotImplemented);
    others.check_apart(&*feed, 1, out);
    return Py_NewRef(run(*feed, out) ? given : Py_NotImplemented);
  }

 private:
  // False if it has to be converted and is not finite then: that is for the caller to judge.
  bool run(const Feed& feed, T* out) const {
    if (others.is_undisturbed(feed.rows)) return is_done(convert_and_run(feed, out));
    return is_done(others.in_a_read(feed.rows, [&] { return convert_and_run(feed, out); }));
  }

  Outcome convert_and_run(const Feed& feed, T* out) const {
    const bool as_it_is = feed.dtype == dtype_of<T>() && feed.step == 1 && feed.stride == columns;
    if (!as_it_is && !all_finite<T>(feed)) return Outcome::refused;
    const bool whole = others.executor->run_one(feed, others.weights, out, &kAsksForSignals);
    return whole ? Outcome::done : Outcome::stopped;
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
  return make_function(&method, owned(predictor));
}

template <class T>
py::object make_predictor(py::object program, py::array parameters,
                          const std::vector<InputTuple>& given, std::shared_ptr<Access> access) {
  auto& held = program.cast<PyProgram<T>&>();
  const Program& p = held.executor().program();
  const auto by_batch = [](Index rows) { return rows == kBatch; };
  if (!std::all_of(p.feed_rows.begin(), p.feed_rows.end(), by_batch) || p.feed_rows.empty() ||
      p.output_columns.size() != 1 || p.output_rows[0] != kBatch)
    throw py::value_error("program: expected feeds and one output with batch rows");
  require(given.size() == p.feed_columns.size(), "inputs: expected one for each feed");
  for (std::size_t i = 0; i < given.size(); ++i)
    require(std::get<1>(given[i]) == p.feed_columns[i], "inputs: a feed has other columns");
  const T* weights = to_vector<T>(parameters, p.parameter_size, "parameters");
  SeveralPredictor<T> several{
      program,          parameters,          &held.executor(),   weights,          Inputs(given),
      held.most_rows(), p.output_columns[0], py::dtype::of<T>(), std::move(access)};
  if (given.size() > 1 || several.inputs.has_indices())
    return function_of(new SeveralPredictor<T>(std::move(several)));
  return function_of(new Predictor<T>{std::move(several), p.feed_columns[0]});
}

}  // namespace

void bind_predict(py::module_& m) {
  m.def(
      "make_predictor",
      [](py::object program, py::array parameters, const std::vector<InputTuple>& inputs,
         std::shared_ptr<Access> access) {
        if (py::isinstance<PyProgram<float>>(program))
          return make_predictor<float>(program, parameters, inputs, std::move(access));
        if (py::isinstance<PyProgram<double>>(program))
          return make_predictor<double>(program, parameters, inputs, std::move(access));
        throw py::type_error("program: expected a ProgramF32 or ProgramF64");
      },
      py::arg("program"), py::arg("parameters"), py::arg("inputs"), py::arg("access").none(false));
}

}  // namespace fastmlp
