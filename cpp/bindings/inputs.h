// The inputs of a network as Python has them, read as they are: arrays, CSR matrices of SciPy's,
// lists and dicts of such. What is none of these, or holds wrong numbers, is refused without a
// word: the caller converts it, or says what is wrong.
#pragma once

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "bindings/function.h"

namespace fastmlp {

// How the parts of several inputs, targets or weights may come.
struct Parts {
  std::vector<py::object> names;
  bool named = false;   // as a dict by their names
  bool listed = false;  // as a list or tuple, in their order
  bool alone = false;   // as itself, the only one

  // take(part, number) of each, which is held; false if one is missing or not taken.
  template <class F>
  bool each(PyObject* given, F take) const {
    const Py_ssize_t n = Py_ssize_t(names.size());
    if (named && PyDict_CheckExact(given)) {
      if (PyDict_Size(given) != n) return false;
      for (Py_ssize_t i = 0; i < n; ++i) {
        auto part =
            py::reinterpret_steal<py::object>(PyObject_GetItem(given, names[std::size_t(i)].ptr()));
        if (!part && !PyErr_ExceptionMatches(PyExc_KeyError)) throw py::error_already_set();
        if (!part) return PyErr_Clear(), false;
        if (!take(std::move(part), std::size_t(i))) return false;
      }
      return true;
    }
    if (listed && (PyList_CheckExact(given) || PyTuple_CheckExact(given))) {
      if (PySequence_Size(given) != n) return false;
      for (Py_ssize_t i = 0; i < n; ++i) {
        py::object part = item_of(given, i);
        if (!part || !take(std::move(part), std::size_t(i))) return false;
      }
      return true;
    }
    return alone && take(py::reinterpret_borrow<py::object>(given), std::size_t(0));
  }
};

// What one call is given. Used again, it allocates no more.
template <class T>
struct Given {
  struct Rows {  // of a CSR matrix
    const Proxy *places = nullptr, *begins = nullptr;
    Index elements = 0, room = 0;
    std::shared_ptr<Index[]> copy;  // where they begin
  };
  std::vector<py::object> held;
  std::vector<Feed> feeds;
  std::vector<Rows> sparse;            // of each feed
  std::vector<std::vector<T>> labels;  // of each feed
  Index rows = 0;

  void begin(std::size_t count) {
    feeds.resize(count);
    sparse.resize(count);
    labels.resize(count);
    rows = 0;
  }

  // Whether a feed has rows, and as many as those before it.
  bool same_rows(std::size_t i) {
    const Index found = feeds[i].rows;
    if (found < 1 || (rows && rows != found)) return false;
    rows = found;
    return true;
  }
};

// Whether it is a CSR matrix of SciPy's, which is not loaded for that.
inline bool is_csr(PyObject* given) {
  static std::atomic<PyObject*> kinds[2] = {};
  if (!kinds[0] || !kinds[1]) {
    PyObject* const module = PyDict_GetItemString(PyImport_GetModuleDict(), "scipy.sparse");
    if (!module) return false;
    kinds[0] = PyObject_GetAttrString(module, "csr_array");
    kinds[1] = PyObject_GetAttrString(module, "csr_matrix");
    PyErr_Clear();  // a module that is not all there yet
  }
  PyObject* const kind = reinterpret_cast<PyObject*>(Py_TYPE(given));
  return kind == kinds[0] || kind == kinds[1];
}

// A vector without gaps that is an attribute; null if it is none.
inline const Proxy* vector_of(PyObject* owner, PyObject* name, std::vector<py::object>& held) {
  PyObject* const found = PyObject_GetAttr(owner, name);
  if (!found) throw py::error_already_set();
  held.push_back(py::reinterpret_steal<py::object>(found));
  const Proxy* a = plain_array(found);
  return a && a->nd == 1 && in_c_order(a) ? a : nullptr;
}

// A CSR matrix of these columns, whose places are still to be looked at.
template <class T>
bool take_csr(PyObject* given, Index columns, Given<T>& to, std::size_t i) {
  static PyObject* const names[] = {
      PyUnicode_InternFromString("data"), PyUnicode_InternFromString("indices"),
      PyUnicode_InternFromString("indptr"), PyUnicode_InternFromString("_shape")};
  const Proxy* const data = vector_of(given, names[0], to.held);
  const Proxy* const places = vector_of(given, names[1], to.held);
  const Proxy* const begins = vector_of(given, names[2], to.held);
  // `shape` is a property of Python's, and while that runs another thread may come between.
  const auto shape = py::reinterpret_steal<py::object>(PyObject_GetAttr(given, names[3]));
  if (!shape) return PyErr_Clear(), false;
  const auto type = data ? number_type(data->descr) : std::nullopt;
  if (!type || !places || !begins || begins->dimensions[0] < 2) return false;
  const bool wide = holds<std::int64_t>(places);
  const bool fits = wide ? holds<std::int64_t>(begins)
                         : holds<std::int32_t>(places) && holds<std::int32_t>(begins);
  if (!fits || places->dimensions[0] < data->dimensions[0]) return false;
  if (!PyTuple_CheckExact(shape.ptr()) || PyTuple_GET_SIZE(shape.ptr()) != 2) return false;
  const Index rows = begins->dimensions[0] - 1;
  const auto is = [&](int axis, Index size) {
    const Index found = PyLong_AsLongLong(PyTuple_GET_ITEM(shape.ptr(), axis));
    if (found == -1 && PyErr_Occurred()) throw py::error_already_set();
    return found == size;
  };
  if (!is(0, rows) || !is(1, columns)) return false;
  Feed& feed = to.feeds[i];
  feed = Feed();
  feed.data = data->data;
  feed.dtype = DType::csr;
  feed.rows = rows;
  feed.columns = columns;
  feed.sparse.dtype = *type;
  feed.sparse.wide = wide;
  feed.sparse.columns = places->data;
  auto& known = to.sparse[i];
  known.places = places;
  known.begins = begins;
  known.elements = data->dimensions[0];
  return true;
}

// Whether the rows of a CSR matrix are what they say, and its elements finite if they must be.
template <class T>
bool has_rows(Given<T>& given, std::size_t i, bool finite) {
  Feed& feed = given.feeds[i];
  auto& known = given.sparse[i];
  if (known.room < feed.rows + 1) {
    known.copy.reset(new Index[std::size_t(feed.rows + 1)]);
    known.room = feed.rows + 1;
  }
  feed.sparse.begins = known.copy;
  Index* const copy = known.copy.get();
  const bool fine =
      feed.sparse.wide
          ? copy_rows<std::int64_t>(feed, known.places, known.begins, known.elements, copy)
          : copy_rows<std::int32_t>(feed, known.places, known.begins, known.elements, copy);
  if (!fine || !finite) return fine;
  Feed elements;
  elements.data = feed.data;
  elements.dtype = feed.sparse.dtype;
  elements.rows = 1;
  elements.columns = elements.stride = known.elements;
  return all_finite<T>(elements);
}

// Whether column j holds whole numbers in 0 … limits[j] − 1.
inline bool holds_indices(const Feed& f, const std::vector<Index>& limits) {
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

// Name, columns and, if these have indices, how many categories each has.
using InputTuple = std::tuple<std::string, Index, std::optional<std::vector<Index>>>;

// The inputs of a network.
class Inputs {
 public:
  explicit Inputs(const std::vector<InputTuple>& given) {
    for (const auto& [name, columns, limits] : given) {
      parts_.names.push_back(py::str(name));
      each_.push_back({columns, limits.value_or(std::vector<Index>{})});
      require(!limits || Index(limits->size()) == columns,
              "inputs: expected a number of categories for each column");
    }
    parts_.named = true;
    parts_.alone = given.size() == 1;
    parts_.listed = !parts_.alone;
  }

  std::size_t size() const { return each_.size(); }
  Index columns(std::size_t i) const { return each_[i].columns; }
  bool has_indices() const {
    return std::any_of(each_.begin(), each_.end(), [](const Each& e) { return !e.limits.empty(); });
  }

  // Takes hold of them as feeds 0, 1, …; false if they are not as many rows of so many columns.
  template <class T>
  bool take(PyObject* X, Given<T>& to) const {
    return parts_.each(X, [&](py::object held, std::size_t i) {
      PyObject* const part = held.ptr();
      to.held.push_back(std::move(held));
      const Each& each = each_[i];
      if (std::optional<Feed> feed = to_columns_feed(part)) {
        if (feed->columns != each.columns) return false;
        to.feeds[i] = std::move(*feed);
      } else if (!each.limits.empty() || !is_csr(part) || !take_csr(part, each.columns, to, i)) {
        return false;
      }
      return to.same_rows(i);
    });
  }

  // Whether the numbers are what they must be: finite, or indices. Needs no GIL. If not all are to
  // be looked at, those that the program reads as they are may be any.
  template <class T>
  bool fit(Given<T>& given, bool all) const {
    for (std::size_t i = 0; i < each_.size(); ++i) {
      const Feed& f = given.feeds[i];
      bool fine;
      if (f.dtype == DType::csr) {
        fine = has_rows(given, i, all || f.sparse.dtype != dtype_of<T>());
      } else if (!each_[i].limits.empty()) {
        fine = holds_indices(f, each_[i].limits);
      } else {
        const bool as_it_is =
            f.dtype == dtype_of<T>() && f.step == 1 && (f.rows == 1 || f.stride == f.columns);
        fine = (!all && as_it_is) || all_finite<T>(f);
      }
      if (!fine) return false;
    }
    return true;
  }

 private:
  struct Each {
    Index columns;
    std::vector<Index> limits;
  };
  Parts parts_;
  std::vector<Each> each_;
};

}  // namespace fastmlp
