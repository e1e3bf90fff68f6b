// Rows of tables in _core.kernels, see kernels.cpp.
#include "bindings/kernels.h"

namespace fastmlp {
namespace {

double take_rows(const py::object& table, const py::object& index, const py::object& y,
                 const std::string& isa, Index repeat) {
  return with_dtype(table, "table", [&](auto zero) {
    using T = decltype(zero);
    not_none(index, "index"), not_none(y, "y");
    const Matrix<T> X = rows_of<T>(table, "table", Access::read);
    const Matrix<T> Y = rows_of<T>(y, "y", Access::write);
    const Matrix<T> I = rows_of<T>(index, "index", Access::read);
    same_shape(I, "index", Y.rows, 1);
    same_shape(Y, "y", I.rows, X.columns);
    const auto f = kernels_of<T>(isa_named(isa)).take_rows;
    return timed(repeat,
                 [&] { f(Y.rows, Y.columns, X.data, X.rs, X.rows, I.data, I.rs, Y.data, Y.rs); });
  });
}

double add_rows(const py::object& x, const py::object& index, const py::object& table,
                const std::string& isa, Index begin, Index end, Index repeat) {
  return with_dtype(x, "x", [&](auto zero) {
    using T = decltype(zero);
    not_none(index, "index"), not_none(table, "table");
    const Matrix<T> X = rows_of<T>(x, "x", Access::read);
    const Matrix<T> Y = rows_of<T>(table, "table", Access::write);
    const Matrix<T> I = rows_of<T>(index, "index", Access::read);
    same_shape(I, "index", X.rows, 1);
    same_shape(Y, "table", Y.rows, X.columns);
    require(0 <= begin && begin <= end && end <= Y.rows, "begin and end must be rows of table");
    const auto f = kernels_of<T>(isa_named(isa)).add_rows;
    return timed(repeat, [&] {
      f(X.rows, X.columns, X.data, X.rs, I.data, I.rs, Y.data, Y.rs, begin, end);
    });
  });
}

}  // namespace

void bind_tables(py::module_& m) {
  using py::arg;
  const py::kw_only kw;
  const py::arg_v repeat = arg("repeat") = 1;
  m.def("take_rows", take_rows, arg("table"), arg("index"), arg("y"), kw, arg("isa"), repeat);
  m.def("add_rows", add_rows, arg("x"), arg("index"), arg("table"), kw, arg("isa"), arg("begin"),
        arg("end"), repeat);
}

}  // namespace fastmlp
