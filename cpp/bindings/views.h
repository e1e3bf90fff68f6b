// Views of NumPy arrays for the kernels, of any strides that these can take.
#pragma once

#include "bindings/arrays.h"

namespace fastmlp {

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
  const Proxy* a = proxy(array_of(object, name));
  if (!holds<T>(a))
    throw py::type_error(name + " has dtype " + name_of(a->descr) + ", expected " +
                         name_of_type<T>());
  require(a->nd == 1 || a->nd == 2, name + " must have 1 or 2 dimensions");
  require(access == Access::read || writable(a), name + " is read-only");
  const auto stride = [&](int axis) {
    const Index bytes = a->strides[axis], size = Index(sizeof(T));
    require(bytes >= 0 && bytes % size == 0,
            name + " must have strides that are non-negative multiples of its item size");
    return bytes / size;
  };
  Matrix<T> m;
  m.data = reinterpret_cast<T*>(a->data);
  const bool matrix = a->nd == 2;
  m.rows = matrix ? a->dimensions[0] : 1;
  m.columns = a->dimensions[matrix ? 1 : 0];
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
  const Proxy* a = proxy(array_of(object, name));
  if (holds<float>(a)) return f(float{});
  if (holds<double>(a)) return f(double{});
  throw py::type_error(std::string(name) + " has dtype " + name_of(a->descr) +
                       ", expected float32 or float64");
}

}  // namespace fastmlp
