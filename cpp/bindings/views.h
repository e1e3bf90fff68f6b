// Views of NumPy arrays for the kernels: every check stands here, before anything is written.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>

#include "kernels/table.h"

namespace fastmlp {

namespace py = pybind11;

inline void require(bool condition, const std::string& message) {
  if (!condition) throw py::value_error(message);
}

// A view of a NumPy array: strides count elements.
template <class T>
struct Matrix {
  T* data = nullptr;
  Index rows = 0, columns = 0, rs = 0, cs = 0;

  const char* begin() const { return reinterpret_cast<const char*>(data); }
  const char* end() const {
    return reinterpret_cast<const char*>(data + (rows - 1) * rs + (columns - 1) * cs + 1);
  }
  bool overlaps(const Matrix& other) const {
    return rows && columns && other.rows && other.columns && begin() < other.end() &&
           other.begin() < end();
  }
};

enum class Access { read, write };

// One- or two-dimensional; a vector is seen as one row. None gives a null view.
template <class T>
Matrix<T> view(const py::object& object, const std::string& name, Access access) {
  if (object.is_none()) return {};
  if (!py::isinstance<py::array>(object)) throw py::type_error(name + " must be a NumPy array");
  const auto array = py::reinterpret_borrow<py::array>(object);
  if (!array.dtype().is(py::dtype::of<T>()))
    throw py::type_error(name + " has dtype " + std::string(py::str(array.dtype())) +
                         ", expected " + std::string(py::str(py::dtype::of<T>())));
  require(array.ndim() == 1 || array.ndim() == 2, name + " must have 1 or 2 dimensions");
  require(access == Access::read || array.writeable(), name + " is read-only");
  const auto stride = [&](py::ssize_t axis) {
    const py::ssize_t bytes = array.strides(axis), size = py::ssize_t(sizeof(T));
    require(bytes >= 0 && bytes % size == 0,
            name + " must have strides that are non-negative multiples of its item size");
    return Index(bytes / size);
  };
  Matrix<T> m;
  m.data = static_cast<T*>(const_cast<void*>(array.data()));
  const bool matrix = array.ndim() == 2;
  m.rows = matrix ? array.shape(0) : 1;
  m.columns = array.shape(matrix ? 1 : 0);
  m.cs = m.columns == 1 && !matrix ? 1 : stride(matrix ? 1 : 0);
  m.rs = matrix ? stride(0) : m.columns;
  return m;
}

// Rows without gaps between their elements: the layout most kernels need.
template <class T>
Matrix<T> rows_of(const py::object& object, const std::string& name, Access access) {
  const Matrix<T> m = view<T>(object, name, access);
  require(m.cs == 1 || m.columns <= 1, name + " must have contiguous rows");
  require(access == Access::read || m.rows <= 1 || m.rs >= m.columns,
          name + " has rows that overlap");
  return m;
}

// n elements without gaps.
template <class T>
Matrix<T> vector(const py::object& object, const std::string& name, Index n, Access access) {
  const Matrix<T> m = rows_of<T>(object, name, access);
  if (!m.data) return m;
  require(m.rows <= 1 || m.rs == m.columns, name + " must be contiguous");
  require(m.rows * m.columns == n, name + " has " + std::to_string(m.rows * m.columns) +
                                       " elements, expected " + std::to_string(n));
  return m;
}

template <class T>
void same_shape(const Matrix<T>& m, const std::string& name, Index rows, Index columns) {
  require(m.rows == rows && m.columns == columns,
          name + " has shape (" + std::to_string(m.rows) + ", " + std::to_string(m.columns) +
              "), expected (" + std::to_string(rows) + ", " + std::to_string(columns) + ")");
}

inline void not_none(const py::object& object, const char* name) {
  if (object.is_none()) throw py::type_error(std::string(name) + " must be a NumPy array");
}

// f(T{}) with the element type of an array.
template <class F>
double with_dtype(const py::object& object, const char* name, F f) {
  if (!py::isinstance<py::array>(object))
    throw py::type_error(std::string(name) + " must be a NumPy array");
  const py::dtype dtype = py::reinterpret_borrow<py::array>(object).dtype();
  if (dtype.is(py::dtype::of<float>())) return f(float{});
  if (dtype.is(py::dtype::of<double>())) return f(double{});
  throw py::type_error(std::string(name) + " has dtype " + std::string(py::str(dtype)) +
                       ", expected float32 or float64");
}

}  // namespace fastmlp
