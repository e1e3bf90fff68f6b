// The products of _core.kernels, see kernels.cpp.
#include <tuple>
#include <vector>

#include "bindings/kernels.h"
#include "runtime/arena.h"

namespace fastmlp {
namespace {

// What may follow the sums.
struct Rest {
  bool accumulate;
  const py::object& bias;
  const std::string& forward;
  const py::object& u;
  const std::string& derivative;
  const py::object& b_sums;
  const py::object& addend;
  double factor;

  template <class T>
  void read(Gemm<T>& g) const {
    const Matrix<T> C{g.C, g.M, g.N, g.ldc, 1}, U = rows_of<T>(u, "u", Access::read);
    if (U.data) same_shape(U, "u", C.rows, C.columns);
    const bool same = U.data == C.data && (U.rs == C.rs || C.rows <= 1);
    require(!U.data || same || !C.overlaps(U), "u must be C or not overlap it");
    const Matrix<T> D = rows_of<T>(addend, "addend", Access::read);
    if (D.data) same_shape(D, "addend", C.rows, C.columns);
    require(!D.data || !C.overlaps(D), "addend must not overlap C");
    g.addend = D.data;
    g.ld_addend = D.rs;
    g.factor = T(factor);
    g.accumulate = accumulate;
    g.bias = vector<T>(bias, "bias", g.N, Access::read).data;
    g.forward = Activation(index_of(activation_names, forward, "forward"));
    g.u = U.data;
    g.ldu = U.rs;
    g.derivative = Activation(index_of(activation_names, derivative, "derivative"));
    g.b_sums = vector<T>(b_sums, "b_sums", g.N, Access::write).data;
  }
};

// The part of the scratch that products get: all of it, but in the control of a sanitized build,
// where a kernel that gets less must be caught.
double scratch_part = 1.0;

template <bool split>
double gemm(const py::object& a, const py::object& b, const py::object& c, const std::string& isa,
            const Rest& rest, Index repeat) {
  return with_dtype(a, "A", [&](auto zero) {
    using T = decltype(zero);
    not_none(b, "B"), not_none(c, "C");
    const Matrix<T> A = view<T>(a, "A", Access::read), B = view<T>(b, "B", Access::read);
    const Matrix<T> C = rows_of<T>(c, "C", Access::write);
    same_shape(B, "B", A.columns, B.columns);
    same_shape(C, "C", A.rows, B.columns);
    require(B.cs == 1 || B.columns <= 1 || B.rs == 1 || B.rows <= 1,
            "B must have contiguous rows or contiguous columns");
    require(!C.overlaps(A) && !C.overlaps(B), "C must not overlap A or B");
    Gemm<T> g{A.rows, B.columns, A.columns, A.data, A.rs, A.cs, B.data, B.rs, B.cs, C.data, C.rs};
    // A single row or column has no stride of its own; name the one that says how to read it.
    if (B.columns <= 1) g.b_cs = 1;
    if (B.rows <= 1 && g.b_cs != 1) g.b_rs = 1;
    rest.read(g);
    const Kernels<T>& k = kernels_of<T>(isa_named(isa));
    static thread_local Arena<T> scratch;  // kept: its pages cost as much as some products
    scratch.reserve(std::size_t(scratch_part * double(k.gemm_scratch(g.M, g.N, g.K))));
    const auto f = split ? k.split_gemm : k.gemm;
    require(f, "split_gemm needs float32 and an instruction set with units for it");
    return timed(repeat, [&] { f(g, scratch.data()); });
  });
}

// What decides addresses: nobody else writes to it.
template <class T>
std::vector<T> copy_of(const py::object& object, const char* name, Index n) {
  const Matrix<T> m = vector<T>(object, name, n, Access::read);
  return std::vector<T>(m.data, m.data + n);
}

// A is (values, columns, begins) of the rows of C: its columns int32, where its rows begin int64.
double sparse_gemm(const std::tuple<py::object, py::object, py::object>& a, const py::object& b,
                   const py::object& c, const std::string& isa, const Rest& rest, Index repeat) {
  return with_dtype(b, "B", [&](auto zero) {
    using T = decltype(zero);
    not_none(c, "C"), not_none(std::get<0>(a), "values");
    not_none(std::get<1>(a), "columns"), not_none(std::get<2>(a), "begins");
    const Matrix<T> B = rows_of<T>(b, "B", Access::read), C = rows_of<T>(c, "C", Access::write);
    const auto begins = copy_of<Index>(std::get<2>(a), "begins", C.rows + 1);
    for (Index i = 0; i <= C.rows; ++i)
      require(begins[i] >= (i ? begins[i - 1] : 0), "begins must ascend from 0");
    const Index count = begins[C.rows];
    const auto columns = copy_of<std::int32_t>(std::get<1>(a), "columns", count);
    const Matrix<T> values = vector<T>(std::get<0>(a), "values", count, Access::read);
    for (Index k = 0; k < count; ++k)
      require(columns[k] >= 0 && columns[k] < B.rows, "columns must be rows of B");
    require(C.columns == B.columns, "C must have the columns of B");
    require(!C.overlaps(B) && !C.overlaps(values), "C must not overlap A or B");
    Gemm<T> g{C.rows, C.columns, B.rows, nullptr, 0, 0, B.data, B.rs, 1, C.data, C.rs};
    rest.read(g);
    const auto f = kernels_of<T>(isa_named(isa)).sparse_gemm;
    return timed(repeat, [&] { f({values.data, columns.data(), begins.data()}, g); });
  });
}

// (mr, nr): the tile of gemm.
py::tuple gemm_tile(const std::string& isa, const std::string& dtype) {
  const Isa& tables = isa_named(isa);
  if (dtype == "float32") return py::make_tuple(tables.f32.mr, tables.f32.nr);
  if (dtype == "float64") return py::make_tuple(tables.f64.mr, tables.f64.nr);
  throw py::value_error("dtype is \"" + dtype + "\"; expected float32 or float64");
}

// Whether a training step in float32 would run this product by split_gemm.
bool splits(Index M, Index N, Index K, const std::string& isa) {
  const Kernels<float>& k = isa_named(isa).f32;
  return k.split_gemm && k.splits(M, N, K);
}

// Elements of scratch that a product may need.
Index gemm_scratch(Index M, Index N, Index K, const std::string& isa, const std::string& dtype) {
  const Isa& tables = isa_named(isa);
  if (dtype == "float32") return tables.f32.gemm_scratch(M, N, K);
  if (dtype == "float64") return tables.f64.gemm_scratch(M, N, K);
  throw py::value_error("dtype is \"" + dtype + "\"; expected float32 or float64");
}

template <class A>
void bind_product(py::module_& m, const char* name,
                  double (*product)(const A&, const py::object&, const py::object&,
                                    const std::string&, const Rest&, Index)) {
  using py::arg;
  m.def(
      name,
      [product](const A& a, const py::object& b, const py::object& c, const std::string& isa,
                bool accumulate, const py::object& bias, const std::string& forward,
                const py::object& u, const std::string& derivative, const py::object& b_sums,
                const py::object& addend, double factor, Index repeat) {
        const Rest rest{accumulate, bias, forward, u, derivative, b_sums, addend, factor};
        return product(a, b, c, isa, rest, repeat);
      },
      arg("A"), arg("B"), arg("C"), py::kw_only(), arg("isa"), arg("accumulate") = false,
      arg("bias") = py::none(), arg("forward") = "identity", arg("u") = py::none(),
      arg("derivative") = "identity", arg("b_sums") = py::none(), arg("addend") = py::none(),
      arg("factor") = 1.0, arg("repeat") = 1);
}

}  // namespace

void bind_products(py::module_& m) {
  bind_product(m, "gemm", gemm<false>);
  bind_product(m, "split_gemm", gemm<true>);
  bind_product(m, "sparse_gemm", sparse_gemm);
  m.def("splits", splits, py::arg("M"), py::arg("N"), py::arg("K"), py::kw_only(), py::arg("isa"));
  m.def("gemm_scratch", gemm_scratch, py::arg("M"), py::arg("N"), py::arg("K"), py::kw_only(),
        py::arg("isa"), py::arg("dtype"));
#ifdef FASTMLP_SANITIZE_ADDRESS
  m.def("set_scratch_part", [](double part) { scratch_part = part; }, py::arg("part"));
#endif
  m.attr("split_tile") = py::make_tuple(kSplitSide, kSplitSide);
  m.def("gemm_tile", gemm_tile, py::arg("isa"), py::arg("dtype"));
}

}  // namespace fastmlp
