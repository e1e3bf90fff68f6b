// What plain Python functions of the core share: pybind11's own calls take longer than the work of
// a single row. Nothing here knows what they compute.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <stdexcept>
#include <type_traits>

#include "bindings/arrays.h"

namespace fastmlp {

// Whether all numbers of a matrix are finite in type T.
template <class T>
bool all_finite(Feed f) {
  if (f.step == 1 && f.stride == f.columns) {  // one row of all, then
    f.columns *= f.rows;
    f.rows = 1;
  }
  int others = 0;  // no early exit from a row: the loop is vectorised
  with_type(f.dtype, [&](auto element) {
    using From = decltype(element);
    const auto look = [&](auto wrong) {
      for (Index i = 0; i < f.rows && !others; ++i) {
        const From* row = static_cast<const From*>(f.data) + i * f.stride;
        for (Index j = 0; j < f.columns; ++j) others |= int(wrong(row[j * f.step]));
      }
    };
    if constexpr (std::is_same_v<From, Half>) look([](Half x) { return !finite(x); });
    if constexpr (std::is_floating_point_v<From>) {
      constexpr From limit =
          From(std::min<double>(std::numeric_limits<T>::max(), std::numeric_limits<From>::max()));
      look([](From x) { return !(std::abs(x) <= limit); });
    }
  });
  return !others;
}

// f(), which returns a new reference; what it throws is a Python exception then.
template <class F>
PyObject* guarded(F f) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const py::builtin_exception& error) {
    error.set_error();
  } catch (const std::invalid_argument& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

// Item i of a list or tuple, held: others may take it out of the list meanwhile. Null if they have
// made the list too short for it.
inline py::object item_of(PyObject* list, Py_ssize_t i) {
  auto item = py::reinterpret_steal<py::object>(PySequence_GetItem(list, i));
  if (!item) PyErr_Clear();
  return item;
}

// A capsule that owns it.
template <class Self>
py::object owned(Self* self) {
  return py::reinterpret_steal<py::object>(PyCapsule_New(self, nullptr, [](PyObject* given) {
    delete static_cast<Self*>(PyCapsule_GetPointer(given, nullptr));
  }));
}

// A function whose first argument is this capsule.
inline py::object make_function(PyMethodDef* method, const py::object& capsule) {
  return py::reinterpret_steal<py::object>(PyCFunction_NewEx(method, capsule.ptr(), nullptr));
}

}  // namespace fastmlp
