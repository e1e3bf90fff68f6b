// A Program and its executor in Python. Every check of what Python gives stands here; then the GIL
// is released.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/executor.h"

namespace fastmlp {

namespace py = pybind11;

// Rows that data can have, and elements of an arena: no product of them overflows.
constexpr Index kMaxRows = Index(1) << 40;
constexpr Index kMaxElements = Index(1) << 45;

[[noreturn]] inline void fail(const std::string& what) { throw py::value_error(what); }

// By what a dtype is, not which object: the dtype of an unpickled array is an object of its own.
template <class T>
bool holds(const py::array& a) {
  const py::dtype d = a.dtype();
  return d.kind() == py::dtype::of<T>().kind() && d.itemsize() == py::ssize_t(sizeof(T)) &&
         d.byteorder() == '=';
}

inline DType to_dtype(const py::dtype& d) {
  const char kind = d.kind();
  if (d.byteorder() != '=' && d.byteorder() != '|')
    throw py::type_error("feeds: the core cannot read " + std::string(py::str(d)));
  const auto size = d.itemsize();
  if (kind == 'f' && size == 4) return DType::f32;
  if (kind == 'f' && size == 8) return DType::f64;
  if (kind == 'f' && size == 2) return DType::f16;
  if (kind == 'b') return DType::boolean;
  if (kind == 'i' || kind == 'u') {
    const bool s = kind == 'i';
    if (size == 1) return s ? DType::i8 : DType::u8;
    if (size == 2) return s ? DType::i16 : DType::u16;
    if (size == 4) return s ? DType::i32 : DType::u32;
    if (size == 8) return s ? DType::i64 : DType::u64;
  }
  throw py::type_error("feeds: the core cannot read " + std::string(py::str(d)));
}

inline bool aligned(const py::array& a) {
  return a.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_;
}

// The array itself: one converted here would be gone before it is read.
inline py::array array_of(const py::handle& given, const std::string& name) {
  if (!py::isinstance<py::array>(given)) throw py::type_error(name + " must be a NumPy array");
  return py::reinterpret_borrow<py::array>(given);
}

// An array as rows of contiguous columns; `rows` is what the run needs.
inline Feed to_feed(const py::array& a, Index rows, Index columns, std::size_t number) {
  const std::string name = "feeds: array " + std::to_string(number);
  if (a.ndim() != 2) fail(name + " must have two dimensions");
  if (a.shape(0) != rows || a.shape(1) != columns)
    fail(name + " must have shape (" + std::to_string(rows) + ", " + std::to_string(columns) +
         "), got (" + std::to_string(a.shape(0)) + ", " + std::to_string(a.shape(1)) + ")");
  Feed f;
  f.dtype = to_dtype(a.dtype());
  const Index size = a.itemsize();
  if (columns > 1 && a.strides(1) != size) fail(name + " must have contiguous rows");
  if (rows > 1 && (a.strides(0) < 0 || a.strides(0) % size)) fail(name + " has unusable strides");
  if (!aligned(a)) fail(name + " must be aligned");
  f.data = a.data();
  f.rows = rows;
  f.columns = columns;
  f.stride = rows > 1 ? a.strides(0) / size : columns;
  return f;
}

// A vector of indices, all of them in [0, below); in ascending order if they are where rows begin.
template <class Place>
const Place* to_places(const py::array& a, Index below, bool ascending, const std::string& name) {
  if (!holds<Place>(a) || a.ndim() != 1 || !(a.flags() & py::array::c_style) || !aligned(a))
    fail(name + ": columns and rows must be contiguous vectors of one integer type");
  const Place* places = static_cast<const Place*>(a.data());
  for (Index i = 0; i < a.shape(0); ++i) {
    if (places[i] < 0 || places[i] >= below || (ascending && i > 0 && places[i] < places[i - 1]))
      fail(name + ": a column or the beginning of a row is out of range");
  }
  return places;
}

// Elements, their columns and where each row begins: a CSR matrix of shape (rows, columns).
inline Feed to_sparse_feed(const py::tuple& parts, Index rows, Index columns, std::size_t number) {
  const std::string name = "feeds: sparse matrix " + std::to_string(number);
  if (parts.size() != 3) fail(name + " must have three parts");
  const py::array data = array_of(parts[0], name), places = array_of(parts[1], name),
                  begins = array_of(parts[2], name);
  if (data.ndim() != 1 || !(data.flags() & py::array::c_style) || !aligned(data))
    fail(name + " must have a contiguous vector of elements");
  const Index elements = data.shape(0);
  if (begins.ndim() != 1 || begins.shape(0) != rows + 1)
    fail(name + " must have " + std::to_string(rows) + " rows");
  if (places.ndim() != 1 || places.shape(0) < elements)
    fail(name + " must have a column for each element");
  Feed f;
  f.data = data.data();
  f.dtype = DType::csr;
  f.rows = rows;
  f.columns = columns;
  f.sparse.dtype = to_dtype(data.dtype());
  f.sparse.wide = places.itemsize() == 8;
  const auto check = [&](auto place) {
    using Place = decltype(place);
    f.sparse.columns = to_places<Place>(places, columns, false, name);
    f.sparse.begins = to_places<Place>(begins, elements + 1, true, name);
  };
  if (f.sparse.wide)
    check(std::int64_t());
  else
    check(std::int32_t());
  return f;
}

inline Feed to_feed(const py::object& given, Index rows, Index columns, std::size_t number) {
  if (py::isinstance<py::tuple>(given))
    return to_sparse_feed(py::reinterpret_borrow<py::tuple>(given), rows, columns, number);
  return to_feed(array_of(given, "feeds: array " + std::to_string(number)), rows, columns, number);
}

template <class T>
T* to_vector(py::array& a, Index size, const char* name) {
  if (!holds<T>(a) || a.ndim() != 1 || a.shape(0) != size || !aligned(a) ||
      (size > 1 && a.strides(0) != Index(sizeof(T))))
    fail(std::string(name) + ": expected a contiguous vector of " + std::to_string(size) + " " +
         std::string(py::str(py::dtype::of<T>())));
  if (!a.writeable()) fail(std::string(name) + ": expected a writable vector");
  return static_cast<T*>(a.mutable_data());
}

template <class T>
class PyProgram {
 public:
  explicit PyProgram(Program program)
      : executor_(std::move(program), kernels_of<T>(active_isa())) {}

  // Returns the first scalar if there is one (the loss), else None.
  py::object run(const std::vector<py::object>& feeds, Index rows, py::array parameters,
                 std::vector<py::array> outputs, std::uint64_t seed, std::uint64_t step,
                 std::optional<py::array> gradient) {
    const Program& p = executor_.program();
    check_rows(rows);
    const std::vector<Feed> in = to_feeds(feeds, rows);
    if (outputs.size() != p.output_columns.size()) fail("outputs: wrong number of arrays");
    std::vector<T*> out;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      py::array& a = outputs[i];
      const Index n = p.output_rows[i] == kBatch ? rows : p.output_rows[i];
      if (!holds<T>(a) || a.ndim() != 2 || a.shape(0) != n || a.shape(1) != p.output_columns[i] ||
          !(a.flags() & py::array::c_style) || !a.writeable() || !aligned(a))
        fail("outputs: array " + std::to_string(i) + " has the wrong shape, dtype or layout");
      out.push_back(static_cast<T*>(a.mutable_data()));
    }
    const T* w = to_vector<T>(parameters, p.parameter_size, "parameters");
    std::vector<T> results(p.scalars.size());
    if (gradient && p.reduced_size < p.parameter_size) fail("this program computes no gradient");
    T* g = gradient ? to_vector<T>(*gradient, p.parameter_size, "gradient") : nullptr;
    {
      py::gil_scoped_release released;
      executor_.run(in, rows, w, out, seed, step, g, results.data());
    }
    if (results.empty()) return py::none();
    return py::float_(double(results[0]));
  }

  // Returns (epochs, steps, non_finite). The same is written into `done`, where it also stands if a
  // signal's exception ends the call, or comes between its end and the caller's next line.
  py::tuple train(const std::vector<py::object>& feeds, std::optional<py::array> order, Index rows,
                  Index batch_rows, Index epochs, py::array parameters,
                  std::vector<py::array> state, const std::string& rule, py::array step_values,
                  std::uint64_t seed, std::uint64_t first_step, py::array scalars,
                  std::optional<py::array> done) {
    const Program& p = executor_.program();
    if (p.scalars.empty()) fail("this program computes no loss");
    check_rows(rows);
    if (batch_rows < 1) fail("batch_rows: expected at least 1");
    if (epochs < 0 || epochs > kMaxElements / rows) fail("epochs: impossible number");
    batch_rows = std::min(batch_rows, rows);
    TrainingCall<T> call;
    call.feeds = to_feeds(feeds, rows);
    call.order = to_order(order, epochs, rows);
    call.rows = rows;
    call.batch_rows = batch_rows;
    call.epochs = epochs;
    call.parameters = to_vector<T>(parameters, p.parameter_size, "parameters");
    for (py::array& s : state) call.state.push_back(to_vector<T>(s, p.parameter_size, "state"));
    call.rule = to_rule(rule, call.state.size());
    const Index steps = epochs * ((rows + batch_rows - 1) / batch_rows);
    call.step_values = matrix_of_doubles(step_values, steps, kStepValues, "step_values");
    matrix_of_doubles(scalars, epochs, Index(p.scalars.size()), "scalars");
    if (!scalars.writeable()) fail("scalars: expected a writable array");
    std::int64_t* counts = done ? to_vector<std::int64_t>(*done, 3, "done") : nullptr;
    call.scalars = static_cast<double*>(scalars.mutable_data());
    call.seed = seed;
    call.first_step = first_step;
    call.interrupted = [] {
      py::gil_scoped_acquire acquired;
      return PyErr_CheckSignals() != 0;
    };
    TrainingResult result;
    {
      py::gil_scoped_release released;
      result = executor_.train(call);
    }
    if (counts) {
      counts[0] = result.epochs;
      counts[1] = result.steps;
      counts[2] = result.non_finite;
    }
    if (result.interrupted) throw py::error_already_set();
    return py::make_tuple(result.epochs, result.steps, result.non_finite);
  }

  Executor<T>& executor() { return executor_; }

 private:
  void check_rows(Index rows) const {
    if (rows < 1) fail("rows: expected at least 1");
    const Index columns =
        std::max<Index>(executor_.program().batch_columns + executor_.program().fed_columns(), 1);
    if (rows > kMaxRows || rows > kMaxElements / columns) fail("rows: too many");
  }

  std::vector<Feed> to_feeds(const std::vector<py::object>& arrays, Index rows) const {
    const Program& p = executor_.program();
    if (arrays.size() != p.feed_columns.size()) fail("feeds: wrong number of arrays");
    std::vector<Feed> feeds;
    for (std::size_t i = 0; i < arrays.size(); ++i)
      feeds.push_back(to_feed(arrays[i], p.feed_rows[i] == kBatch ? rows : p.feed_rows[i],
                              p.feed_columns[i], i));
    return feeds;
  }

  static const std::int64_t* to_order(std::optional<py::array>& order, Index epochs, Index rows) {
    if (!order) return nullptr;
    if (!holds<std::int64_t>(*order) || order->ndim() != 2 || order->shape(0) != epochs ||
        order->shape(1) != rows || !(order->flags() & py::array::c_style) || !aligned(*order))
      fail("order: expected a C-contiguous int64 array of shape (" + std::to_string(epochs) + ", " +
           std::to_string(rows) + ")");
    const auto* data = static_cast<const std::int64_t*>(order->data());
    for (Index i = 0; i < epochs * rows; ++i)
      if (data[i] < 0 || data[i] >= rows)
        fail("order: " + std::to_string(data[i]) + " is not a row of " + std::to_string(rows));
    return data;
  }

  static UpdateRule to_rule(const std::string& name, std::size_t state_vectors) {
    if (name == "adam" && state_vectors == 2) return UpdateRule::adam;
    if (name == "sgd" && state_vectors <= 1) return UpdateRule::sgd;
    fail("rule: expected 'adam' with two state vectors or 'sgd' with at most one, got '" + name +
         "' with " + std::to_string(state_vectors));
  }

  static const double* matrix_of_doubles(const py::array& a, Index rows, Index columns,
                                         const char* name) {
    if (!holds<double>(a) || a.ndim() != 2 || a.shape(0) != rows || a.shape(1) != columns ||
        !(a.flags() & py::array::c_style) || !aligned(a))
      fail(std::string(name) + ": expected float64 of shape (" + std::to_string(rows) + ", " +
           std::to_string(columns) + ")");
    return static_cast<const double*>(a.data());
  }

  Executor<T> executor_;
};

}  // namespace fastmlp
