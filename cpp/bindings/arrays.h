// Every check of an array that Python gives stands here: what its numbers are, how they lie, and
// whether they may be written; of SciPy's matrices in inputs.h. Nothing is copied or converted but
// what decides addresses: that is copied and then checked, since another thread may write to the
// array while the core reads it.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "runtime/dtypes.h"

namespace fastmlp {

namespace py = pybind11;

[[noreturn]] inline void fail(const std::string& what) { throw py::value_error(what); }

inline void require(bool condition, const std::string& message) {
  if (!condition) fail(message);
}

// What NumPy keeps of an array; its parts are read without a call.
using Proxy = py::detail::PyArray_Proxy;

inline const Proxy* proxy(const py::handle& array) { return py::detail::array_proxy(array.ptr()); }

// The array itself, not of a class derived from it: one of those may mean something else by an
// element. Null for anything else.
inline const Proxy* plain_array(const PyObject* object) {
  if (Py_TYPE(object) != py::detail::npy_api::get().PyArray_Type_) return nullptr;
  return py::detail::array_proxy(object);
}

// What the numbers are that the core can read, by type number and byte order, never by which object
// the dtype is: that of an unpickled array is an object of its own.
inline std::optional<DType> number_type(const PyObject* dtype) {
  using npy = py::detail::npy_api;
  constexpr int half = 23;  // NPY_HALF, which pybind11 does not name
  constexpr bool long_is_64 = sizeof(long) == 8;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  constexpr char swapped = '<';
#else
  constexpr char swapped = '>';
#endif
  const auto* d = py::detail::array_descriptor_proxy(dtype);
  if (d->byteorder == swapped) return {};
  switch (d->type_num) {
    case npy::NPY_BOOL_:
      return DType::boolean;
    case npy::NPY_BYTE_:
      return DType::i8;
    case npy::NPY_UBYTE_:
      return DType::u8;
    case npy::NPY_SHORT_:
      return DType::i16;
    case npy::NPY_USHORT_:
      return DType::u16;
    case npy::NPY_INT_:
      return DType::i32;
    case npy::NPY_UINT_:
      return DType::u32;
    case npy::NPY_LONG_:
      return long_is_64 ? DType::i64 : DType::i32;
    case npy::NPY_ULONG_:
      return long_is_64 ? DType::u64 : DType::u32;
    case npy::NPY_LONGLONG_:
      return DType::i64;
    case npy::NPY_ULONGLONG_:
      return DType::u64;
    case npy::NPY_FLOAT_:
      return DType::f32;
    case npy::NPY_DOUBLE_:
      return DType::f64;
    case half:
      return DType::f16;
    default:
      return {};
  }
}

template <class T>
constexpr DType number_type_of() {
  if constexpr (std::is_floating_point_v<T>) return sizeof(T) == 4 ? DType::f32 : DType::f64;
  return sizeof(T) == 4 ? DType::i32 : DType::i64;
}

template <class T>
bool holds(const Proxy* a) {
  return number_type(a->descr) == number_type_of<T>();
}

inline bool has_flags(const Proxy* a, int flags) { return (a->flags & flags) == flags; }
inline bool aligned(const Proxy* a) {
  return has_flags(a, py::detail::npy_api::NPY_ARRAY_ALIGNED_);
}
inline bool writable(const Proxy* a) {
  return has_flags(a, py::detail::npy_api::NPY_ARRAY_WRITEABLE_);
}
// Without gaps, row after row, each number where its type may lie.
inline bool in_c_order(const Proxy* a) {
  return has_flags(a, py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_) && aligned(a);
}

// Numbers of type T, row after row without gaps, in this shape.
template <class T>
bool is_matrix(const Proxy* a, Index rows, Index columns) {
  return a->nd == 2 && a->dimensions[0] == rows && a->dimensions[1] == columns && holds<T>(a) &&
         in_c_order(a);
}

inline std::string name_of(const PyObject* dtype) {
  return std::string(py::str(py::handle(const_cast<PyObject*>(dtype))));
}

template <class T>
std::string name_of_type() {
  return name_of(py::dtype::of<T>().ptr());
}

// That, of an array whose numbers must be such.
inline DType to_number_type(const Proxy* a) {
  if (const auto type = number_type(a->descr)) return *type;
  throw py::type_error("feeds: the core cannot read " + name_of(a->descr));
}

// The array itself: one converted here would be gone before it is read.
inline py::array array_of(const py::handle& given, const std::string& name) {
  if (!py::isinstance<py::array>(given)) throw py::type_error(name + " must be a NumPy array");
  return py::reinterpret_borrow<py::array>(given);
}

// --- What a program is run with ---

template <class T>
const T* to_values(const py::array& array, Index size, const char* name) {
  const Proxy* a = proxy(array);
  if (!holds<T>(a) || a->nd != 1 || a->dimensions[0] != size || !aligned(a) ||
      (size > 1 && a->strides[0] != Index(sizeof(T))))
    fail(std::string(name) + ": expected a contiguous vector of " + std::to_string(size) + " " +
         name_of_type<T>());
  return reinterpret_cast<const T*>(a->data);
}

// The same, to be written.
template <class T>
T* to_vector(const py::array& array, Index size, const char* name) {
  const T* const values = to_values<T>(array, size, name);
  if (!writable(proxy(array))) fail(std::string(name) + ": expected a writable vector");
  return const_cast<T*>(values);
}

inline double* to_doubles(const py::array& array, Index rows, Index columns, const char* name) {
  const Proxy* a = proxy(array);
  if (!is_matrix<double>(a, rows, columns))
    fail(std::string(name) + ": expected float64 of shape (" + std::to_string(rows) + ", " +
         std::to_string(columns) + ")");
  return reinterpret_cast<double*>(a->data);
}

// Where a result goes; null if it cannot go there.
template <class T>
T* to_result(const Proxy* a, Index rows, Index columns) {
  return is_matrix<T>(a, rows, columns) && writable(a) ? reinterpret_cast<T*>(a->data) : nullptr;
}

inline const std::int64_t* to_order(const py::array& array, Index epochs, Index rows) {
  const Proxy* a = proxy(array);
  if (!is_matrix<std::int64_t>(a, epochs, rows))
    fail("order: expected a C-contiguous int64 array of shape (" + std::to_string(epochs) + ", " +
         std::to_string(rows) + ")");
  return reinterpret_cast<const std::int64_t*>(a->data);
}

inline void check_order(const std::int64_t* order, Index epochs, Index rows) {
  for (Index i = 0; i < epochs * rows; ++i)
    if (order[i] < 0 || order[i] >= rows)
      fail("order: " + std::to_string(order[i]) + " is not a row of " + std::to_string(rows));
}

// --- Feeds ---

// A matrix of numbers as a feed, wherever its rows and columns lie. None if the core cannot read
// its numbers at all; see number_type.
inline std::optional<Feed> to_matrix_feed(const Proxy* a) {
  const std::optional<DType> type = number_type(a->descr);
  if (!type || a->nd != 2 || !aligned(a)) return {};
  Feed f;
  f.data = a->data;
  f.dtype = *type;
  f.rows = a->dimensions[0];
  f.columns = a->dimensions[1];
  f.step = 1;
  f.stride = f.columns;
  if (has_flags(a, py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_)) return f;  // without a division
  const Index size = size_of(*type), row = a->strides[0], column = a->strides[1];
  if ((f.rows > 1 && row % size) || (f.columns > 1 && column % size)) return {};
  if (f.columns > 1) f.step = column / size;
  if (f.rows > 1) f.stride = row / size;
  return f;
}

// A matrix of numbers; a vector is one of one column. None if it is no such thing.
inline std::optional<Feed> to_columns_feed(const PyObject* given) {
  const Proxy* a = plain_array(given);
  if (!a) return {};
  if (a->nd == 2) return to_matrix_feed(a);
  const auto type = number_type(a->descr);
  if (!type || a->nd != 1 || !aligned(a)) return {};
  const Index rows = a->dimensions[0], size = size_of(*type);
  if (rows > 1 && a->strides[0] % size) return {};
  Feed feed;
  feed.data = a->data;
  feed.dtype = *type;
  feed.rows = rows;
  feed.columns = 1;
  feed.stride = rows > 1 ? a->strides[0] / size : 1;
  return feed;
}

// An array as rows of contiguous columns; `rows` is what the run needs.
inline Feed to_feed(const py::array& array, Index rows, Index columns, std::size_t number) {
  const std::string name = "feeds: array " + std::to_string(number);
  const Proxy* a = proxy(array);
  if (a->nd != 2) fail(name + " must have two dimensions");
  if (a->dimensions[0] != rows || a->dimensions[1] != columns)
    fail(name + " must have shape (" + std::to_string(rows) + ", " + std::to_string(columns) +
         "), got (" + std::to_string(a->dimensions[0]) + ", " + std::to_string(a->dimensions[1]) +
         ")");
  const Index size = size_of(to_number_type(a));
  if (columns > 1 && a->strides[1] != size) fail(name + " must have contiguous rows");
  if (rows > 1 && (a->strides[0] < 0 || a->strides[0] % size)) fail(name + " has unusable strides");
  if (!aligned(a)) fail(name + " must be aligned");
  return *to_matrix_feed(a);
}

// Copies where rows begin. False if a column or the beginning of a row is out of range; columns are
// looked at again where they are used, since they may change.
template <class Place>
bool copy_rows(const Feed& f, const Proxy* places, const Proxy* begins, Index elements,
               Index* copy) {
  const Place* columns = reinterpret_cast<const Place*>(places->data);
  bool fine = true;
  for (Index k = 0; k < places->dimensions[0]; ++k)
    fine = fine && columns[k] >= 0 && columns[k] < f.columns;
  const Place* given = reinterpret_cast<const Place*>(begins->data);
  std::copy(given, given + f.rows + 1, copy);
  for (Index i = 0; i <= f.rows; ++i)
    fine = fine && copy[i] >= (i ? copy[i - 1] : 0) && copy[i] <= elements;
  return fine;
}

template <class Place>
void take_places(Feed& f, const Proxy* places, const Proxy* begins, Index elements,
                 const std::string& name) {
  for (const Proxy* a : {places, begins})
    if (!holds<Place>(a) || a->nd != 1 || !in_c_order(a))
      fail(name + ": columns and rows must be contiguous vectors of one integer type");
  const std::shared_ptr<Index[]> copy(new Index[std::size_t(f.rows + 1)]);
  if (!copy_rows<Place>(f, places, begins, elements, copy.get()))
    fail(name + ": a column or the beginning of a row is out of range");
  f.sparse.columns = places->data;
  f.sparse.begins = copy;
}

// Elements, their columns and where each row begins: a CSR matrix of shape (rows, columns).
inline Feed to_sparse_feed(const py::tuple& parts, Index rows, Index columns, std::size_t number) {
  const std::string name = "feeds: sparse matrix " + std::to_string(number);
  if (parts.size() != 3) fail(name + " must have three parts");
  const py::array arrays[] = {array_of(parts[0], name), array_of(parts[1], name),
                              array_of(parts[2], name)};
  const Proxy *data = proxy(arrays[0]), *places = proxy(arrays[1]), *begins = proxy(arrays[2]);
  if (data->nd != 1 || !in_c_order(data)) fail(name + " must have a contiguous vector of elements");
  const Index elements = data->dimensions[0];
  if (begins->nd != 1 || begins->dimensions[0] != rows + 1)
    fail(name + " must have " + std::to_string(rows) + " rows");
  if (places->nd != 1 || places->dimensions[0] < elements)
    fail(name + " must have a column for each element");
  Feed f;
  f.data = data->data;
  f.dtype = DType::csr;
  f.rows = rows;
  f.columns = columns;
  f.sparse.dtype = to_number_type(data);
  f.sparse.wide = holds<std::int64_t>(places);
  if (f.sparse.wide)
    take_places<std::int64_t>(f, places, begins, elements, name);
  else
    take_places<std::int32_t>(f, places, begins, elements, name);
  return f;
}

inline bool is_array_of_rows(const py::object& given, Index rows) {
  return py::isinstance<py::array>(given) &&
         proxy(py::reinterpret_borrow<py::array>(given))->nd == 2 &&
         proxy(py::reinterpret_borrow<py::array>(given))->dimensions[0] == rows;
}

inline Feed to_feed(const py::object& given, Index rows, Index columns, std::size_t number) {
  if (py::isinstance<py::tuple>(given))
    return to_sparse_feed(py::reinterpret_borrow<py::tuple>(given), rows, columns, number);
  return to_feed(array_of(given, "feeds: array " + std::to_string(number)), rows, columns, number);
}

}  // namespace fastmlp
