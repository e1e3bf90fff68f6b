// _core.kernels: every kernel of every instruction set on NumPy arrays, for tests and benchmarks. A
// function writes its results into the arrays it is given, runs the kernel `repeat` times and
// returns the seconds that took. Bad arguments raise; nothing is copied or converted.
#include "bindings/kernels.h"

#include <pybind11/stl.h>

#include <chrono>
#include <vector>

#include "runtime/update.h"

namespace fastmlp {
namespace {

#define FASTMLP_NAME(name, state, numbers) #name,
constexpr const char* rule_names[] = {FASTMLP_OPTIMIZER(FASTMLP_NAME)};
#undef FASTMLP_NAME

template <std::size_t n>
py::tuple names(const char* const (&list)[n]) {
  py::tuple t(n);
  for (std::size_t i = 0; i < n; ++i) t[i] = list[i];
  return t;
}

double unary(const std::string& name, const py::object& x, const py::object& y,
             const std::string& isa, double c, Index repeat) {
  return with_dtype(x, "x", [&](auto zero) {
    using T = decltype(zero);
    not_none(y, "y");
    const Matrix<T> Y = rows_of<T>(y, "y", Access::write);
    const Index n = Y.rows * Y.columns;
    vector<T>(y, "y", n, Access::write);
    const Matrix<T> X = vector<T>(x, "x", n, Access::read);
    const auto f = kernels_of<T>(isa_named(isa)).unary[index_of(unary_names, name, "name")];
    return timed(repeat, [&] { f(n, X.data, Y.data, T(c)); });
  });
}

// a and b as np.broadcast_to gives them: rows or columns of stride 0 repeat.
double binary(const std::string& name, const py::object& a, const py::object& b,
              const py::object& y, const std::string& isa, Index repeat) {
  return with_dtype(a, "a", [&](auto zero) {
    using T = decltype(zero);
    not_none(b, "b"), not_none(y, "y");
    Matrix<T> A = view<T>(a, "a", Access::read), B = view<T>(b, "b", Access::read);
    const Matrix<T> Y = rows_of<T>(y, "y", Access::write);
    same_shape(A, "a", Y.rows, Y.columns);
    same_shape(B, "b", Y.rows, Y.columns);
    for (Matrix<T>* m : {&A, &B}) {
      if (m->columns <= 1) m->cs = 1;
      require(m->cs <= 1, "a and b must have contiguous or repeated columns");
    }
    const auto f = kernels_of<T>(isa_named(isa)).binary[index_of(binary_names, name, "name")];
    return timed(repeat, [&] {
      f(Y.rows, Y.columns, A.data, A.rs, A.cs, B.data, B.rs, B.cs, Y.data, Y.rs);
    });
  });
}

double sum(const py::object& x, const py::object& y, const std::string& isa, Index repeat) {
  return with_dtype(x, "x", [&](auto zero) {
    using T = decltype(zero);
    not_none(y, "y");
    const Matrix<T> shape = rows_of<T>(x, "x", Access::read);
    const Index n = shape.rows * shape.columns;
    const Matrix<T> X = vector<T>(x, "x", n, Access::read), Y = vector<T>(y, "y", 1, Access::write);
    const auto f = kernels_of<T>(isa_named(isa)).sum;
    return timed(repeat, [&] { *Y.data = f(1, n, X.data, n); });
  });
}

double dot(const py::object& a, const py::object& b, const py::object& y, const std::string& isa,
           Index repeat) {
  return with_dtype(a, "a", [&](auto zero) {
    using T = decltype(zero);
    not_none(b, "b"), not_none(y, "y");
    const Matrix<T> shape = rows_of<T>(a, "a", Access::read);
    const Index n = shape.rows * shape.columns;
    const Matrix<T> A = vector<T>(a, "a", n, Access::read), B = vector<T>(b, "b", n, Access::read);
    const Matrix<T> Y = vector<T>(y, "y", 1, Access::write);
    const auto f = kernels_of<T>(isa_named(isa)).dot;
    return timed(repeat, [&] { *Y.data = f(1, n, A.data, n, B.data, n); });
  });
}

double sum_rows(const py::object& x, const py::object& y, const std::string& isa, bool accumulate,
                Index repeat) {
  return with_dtype(x, "x", [&](auto zero) {
    using T = decltype(zero);
    not_none(y, "y");
    const Matrix<T> X = rows_of<T>(x, "x", Access::read);
    const Matrix<T> Y = vector<T>(y, "y", X.columns, Access::write);
    const auto f = kernels_of<T>(isa_named(isa)).sum_rows;
    return timed(repeat, [&] { f(X.rows, X.columns, X.data, X.rs, Y.data, accumulate); });
  });
}

// y is a column, of any row stride.
double sum_columns(const py::object& x, const py::object& y, const std::string& isa, Index repeat) {
  return with_dtype(x, "x", [&](auto zero) {
    using T = decltype(zero);
    not_none(y, "y");
    const Matrix<T> X = rows_of<T>(x, "x", Access::read), Y = rows_of<T>(y, "y", Access::write);
    same_shape(Y, "y", X.rows, 1);
    const auto f = kernels_of<T>(isa_named(isa)).sum_columns;
    return timed(repeat, [&] { f(X.rows, X.columns, X.data, X.rs, Y.data, Y.rs); });
  });
}

// The kernels that take rows × columns of x to as many of y.
template <class T>
using RowKernel = void (*)(Index, Index, const T*, Index, T*, Index);

template <class F>
double row_kernel(const py::object& x, const py::object& y, bool transposed, Index repeat,
                  F kernel) {
  return with_dtype(x, "x", [&](auto zero) {
    using T = decltype(zero);
    not_none(y, "y");
    const Matrix<T> X = rows_of<T>(x, "x", Access::read), Y = rows_of<T>(y, "y", Access::write);
    same_shape(Y, "y", transposed ? X.columns : X.rows, transposed ? X.rows : X.columns);
    const RowKernel<T> f = kernel(zero);
    return timed(repeat, [&] { f(X.rows, X.columns, X.data, X.rs, Y.data, Y.rs); });
  });
}

double softmax(const py::object& x, const py::object& y, const std::string& isa, Index repeat) {
  const Isa& tables = isa_named(isa);
  return row_kernel(x, y, false, repeat,
                    [&](auto zero) { return kernels_of<decltype(zero)>(tables).softmax; });
}

double log_softmax(const py::object& x, const py::object& y, const std::string& isa, Index repeat) {
  const Isa& tables = isa_named(isa);
  return row_kernel(x, y, false, repeat,
                    [&](auto zero) { return kernels_of<decltype(zero)>(tables).log_softmax; });
}

double transpose(const py::object& x, const py::object& y, const std::string& isa, Index repeat) {
  const Isa& tables = isa_named(isa);
  return row_kernel(x, y, true, repeat,
                    [&](auto zero) { return kernels_of<decltype(zero)>(tables).transpose; });
}

double fill(const py::object& y, const std::string& isa, double value, Index repeat) {
  return with_dtype(y, "y", [&](auto zero) {
    using T = decltype(zero);
    const Matrix<T> Y = rows_of<T>(y, "y", Access::write);
    const auto f = kernels_of<T>(isa_named(isa)).fill;
    return timed(repeat, [&] { f(Y.rows, Y.columns, T(value), Y.data, Y.rs); });
  });
}

// x as np.broadcast_to gives it: rows or columns of stride 0 repeat.
double spread(const py::object& x, const py::object& y, const std::string& isa, double factor,
              Index repeat) {
  return with_dtype(x, "x", [&](auto zero) {
    using T = decltype(zero);
    not_none(y, "y");
    const Matrix<T> X = view<T>(x, "x", Access::read), Y = rows_of<T>(y, "y", Access::write);
    same_shape(X, "x", Y.rows, Y.columns);
    const Index x_cs = X.columns <= 1 ? 1 : X.cs;
    require(x_cs <= 1, "x must have contiguous or repeated columns");
    const auto f = kernels_of<T>(isa_named(isa)).spread;
    return timed(repeat,
                 [&] { f(Y.rows, Y.columns, X.data, X.rs, x_cs, T(factor), Y.data, Y.rs); });
  });
}

double add_scaled(const py::object& a, const py::object& b, const py::object& y,
                  const std::string& isa, double factor, Index repeat) {
  return with_dtype(a, "a", [&](auto zero) {
    using T = decltype(zero);
    not_none(b, "b"), not_none(y, "y");
    const Matrix<T> A = rows_of<T>(a, "a", Access::read), B = rows_of<T>(b, "b", Access::read);
    const Matrix<T> Y = rows_of<T>(y, "y", Access::write);
    same_shape(A, "a", Y.rows, Y.columns);
    same_shape(B, "b", Y.rows, Y.columns);
    const auto f = kernels_of<T>(isa_named(isa)).add_scaled;
    return timed(
        repeat, [&] { f(Y.rows, Y.columns, A.data, A.rs, B.data, B.rs, T(factor), Y.data, Y.rs); });
  });
}

double pick(const py::object& x, const py::object& index, const py::object& y,
            const std::string& isa, Index repeat) {
  return with_dtype(x, "x", [&](auto zero) {
    using T = decltype(zero);
    not_none(index, "index"), not_none(y, "y");
    const Matrix<T> X = rows_of<T>(x, "x", Access::read), Y = rows_of<T>(y, "y", Access::write);
    const Matrix<T> I = rows_of<T>(index, "index", Access::read);
    same_shape(I, "index", X.rows, 1);
    same_shape(Y, "y", X.rows, 1);
    const auto f = kernels_of<T>(isa_named(isa)).pick;
    return timed(repeat, [&] { f(X.rows, X.columns, X.data, X.rs, I.data, I.rs, Y.data, Y.rs); });
  });
}

double scatter(const py::object& x, const py::object& index, const py::object& y,
               const std::string& isa, Index repeat) {
  return with_dtype(x, "x", [&](auto zero) {
    using T = decltype(zero);
    not_none(index, "index"), not_none(y, "y");
    const Matrix<T> X = rows_of<T>(x, "x", Access::read), Y = rows_of<T>(y, "y", Access::write);
    const Matrix<T> I = rows_of<T>(index, "index", Access::read);
    same_shape(I, "index", Y.rows, 1);
    same_shape(X, "x", Y.rows, 1);
    const auto f = kernels_of<T>(isa_named(isa)).scatter;
    return timed(repeat, [&] { f(Y.rows, Y.columns, X.data, X.rs, I.data, I.rs, Y.data, Y.rs); });
  });
}

double argmax(const py::object& x, const py::object& y, const std::string& isa, Index repeat) {
  return with_dtype(x, "x", [&](auto zero) {
    using T = decltype(zero);
    not_none(y, "y");
    const Matrix<T> X = rows_of<T>(x, "x", Access::read);
    const Matrix<T> Y = vector<T>(y, "y", X.rows, Access::write);
    const auto f = kernels_of<T>(isa_named(isa)).argmax;
    return timed(repeat, [&] { f(X.rows, X.columns, X.data, X.rs, Y.data); });
  });
}

// t has as many columns as z (weights), or one (the class). loss_bar, loss and z_bar may be None.
double softmax_cross_entropy(const py::object& z, const py::object& t, const std::string& isa,
                             const py::object& loss, const py::object& z_bar,
                             const py::object& loss_bar, double scale, bool dense, Index repeat) {
  return with_dtype(z, "z", [&](auto zero) {
    using T = decltype(zero);
    not_none(t, "t");
    const Matrix<T> Z = rows_of<T>(z, "z", Access::read), target = rows_of<T>(t, "t", Access::read);
    same_shape(target, "t", Z.rows, dense ? Z.columns : 1);
    const Matrix<T> L = vector<T>(loss, "loss", Z.rows, Access::write);
    const Matrix<T> bar = rows_of<T>(z_bar, "z_bar", Access::write);
    if (bar.data) same_shape(bar, "z_bar", Z.rows, Z.columns);
    const Matrix<T> L_bar = view<T>(loss_bar, "loss_bar", Access::read);
    if (L_bar.data) same_shape(L_bar, "loss_bar", Z.rows, 1);
    const auto f = kernels_of<T>(isa_named(isa)).softmax_cross_entropy;
    return timed(repeat, [&] {
      f(Z.rows, Z.columns, Z.data, Z.rs, target.data, target.rs, dense, L_bar.data, L_bar.rs,
        T(scale), L.data, bar.data, bar.rs);
    });
  });
}

double dropout(const py::object& x, const py::object& y, const std::string& isa, std::uint64_t key,
               std::uint64_t first, double rate, Index repeat) {
  return with_dtype(x, "x", [&](auto zero) {
    using T = decltype(zero);
    not_none(y, "y");
    require(rate >= 0 && rate < 1, "rate must be in [0, 1)");
    const Matrix<T> shape = rows_of<T>(x, "x", Access::read);
    const Index n = shape.rows * shape.columns;
    const Matrix<T> X = vector<T>(x, "x", n, Access::read), Y = vector<T>(y, "y", n, Access::write);
    const auto threshold = std::uint32_t(rate * 4294967296.0);
    const auto f = kernels_of<T>(isa_named(isa)).dropout;
    return timed(repeat, [&] { f(n, X.data, Y.data, key, first, threshold, T(1 / (1 - rate))); });
  });
}

// One step of an optimizer's rule: its vectors of state and its numbers, in the order of their
// names.
double update_parameters(const std::string& rule, const py::object& w, const py::object& g,
                         const std::vector<py::object>& state, const std::vector<double>& numbers,
                         const std::string& isa, Index repeat) {
  return with_dtype(w, "w", [&](auto zero) {
    using T = decltype(zero);
    not_none(g, "g");
    const int number = index_of(rule_names, rule, "rule");
    const Index n = view<T>(w, "w", Access::write).columns;
    const Matrix<T> W = vector<T>(w, "w", n, Access::write), G = vector<T>(g, "g", n, Access::read);
    require(Index(state.size()) == kRules[number].vectors, "state: wrong number of vectors");
    require(Index(numbers.size()) == kRules[number].width, "numbers: wrong number of them");
    std::vector<T*> vectors;
    for (const py::object& s : state) {
      not_none(s, "state");
      vectors.push_back(vector<T>(s, "state", n, Access::write).data);
    }
    const std::vector<T> values(numbers.begin(), numbers.end());
    const auto f = kernels_of<T>(isa_named(isa)).update[number];
    return timed(repeat, [&] { f(n, W.data, G.data, vectors.data(), values.data()); });
  });
}

double clip(const py::object& g, const py::object& y, double factor, double bound,
            const std::string& isa, Index repeat) {
  return with_dtype(g, "g", [&](auto zero) {
    using T = decltype(zero);
    not_none(y, "y");
    const Index n = view<T>(y, "y", Access::write).columns;
    const Matrix<T> G = vector<T>(g, "g", n, Access::read), Y = vector<T>(y, "y", n, Access::write);
    const auto f = kernels_of<T>(isa_named(isa)).clip;
    return timed(repeat, [&] { f(n, G.data, T(factor), T(bound), Y.data); });
  });
}

double approach(const py::object& w, const py::object& average, double part, const std::string& isa,
                Index repeat) {
  return with_dtype(w, "w", [&](auto zero) {
    using T = decltype(zero);
    not_none(average, "average");
    const Index n = view<T>(average, "average", Access::write).columns;
    const Matrix<T> W = vector<T>(w, "w", n, Access::read);
    const Matrix<T> E = vector<T>(average, "average", n, Access::write);
    const auto f = kernels_of<T>(isa_named(isa)).approach;
    return timed(repeat, [&] { f(n, W.data, T(part), E.data); });
  });
}

// Floating-point operations a second of one core, of multiply-adds in registers.
template <class T>
double fma_peak(const Isa& isa, double seconds) {
  const WithoutGil without;
  const auto start = std::chrono::steady_clock::now();
  double best = 0, spent = 0;
  while (spent < seconds) {
    T sink = T(0.5);
    const auto before = std::chrono::steady_clock::now();
    const double operations = double(kernels_of<T>(isa).fma_burst(100000, &sink));
    const auto after = std::chrono::steady_clock::now();
    const double rate = operations / std::chrono::duration<double>(after - before).count();
    best = rate > best ? rate : best;
    spent = std::chrono::duration<double>(after - start).count();
  }
  return best;
}

py::list isa_names() {
  int count = 0;
  const Isa* const* isas = available_isas(&count);
  py::list list;
  for (int i = 0; i < count; ++i) list.append(isas[i]->name);
  return list;
}

double peak(const std::string& isa, const std::string& dtype, double seconds) {
  const Isa& tables = isa_named(isa);
  if (dtype == "float32") return fma_peak<float>(tables, seconds);
  if (dtype == "float64") return fma_peak<double>(tables, seconds);
  throw py::value_error("dtype is \"" + dtype + "\"; expected float32 or float64");
}

}  // namespace

void bind_kernels(py::module_& module) {
  using py::arg;
  const py::kw_only kw;
  const py::arg_v repeat = arg("repeat") = 1;
  py::module_ m = module.def_submodule("kernels", "Every kernel of every instruction set.");
  m.attr("isas") = isa_names();
  m.attr("activations") = names(activation_names);
  m.attr("unary_names") = names(unary_names);
  m.attr("binary_names") = names(binary_names);
  m.def("fma_peak", peak, arg("isa"), arg("dtype"), arg("seconds") = 0.1);
  bind_products(m);
  bind_tables(m);
  m.def("unary", unary, arg("name"), arg("x"), arg("y"), kw, arg("isa"), arg("c") = 0.0, repeat);
  m.def("binary", binary, arg("name"), arg("a"), arg("b"), arg("y"), kw, arg("isa"), repeat);
  m.def("sum", sum, arg("x"), arg("y"), kw, arg("isa"), repeat);
  m.def("dot", dot, arg("a"), arg("b"), arg("y"), kw, arg("isa"), repeat);
  m.def("sum_rows", sum_rows, arg("x"), arg("y"), kw, arg("isa"), arg("accumulate") = false,
        repeat);
  m.def("sum_columns", sum_columns, arg("x"), arg("y"), kw, arg("isa"), repeat);
  m.def("softmax", softmax, arg("x"), arg("y"), kw, arg("isa"), repeat);
  m.def("log_softmax", log_softmax, arg("x"), arg("y"), kw, arg("isa"), repeat);
  m.def("softmax_cross_entropy", softmax_cross_entropy, arg("z"), arg("t"), kw, arg("isa"),
        arg("loss") = py::none(), arg("z_bar") = py::none(), arg("loss_bar") = py::none(),
        arg("scale") = 1.0, arg("dense") = false, repeat);
  m.def("argmax", argmax, arg("x"), arg("y"), kw, arg("isa"), repeat);
  m.def("transpose", transpose, arg("x"), arg("y"), kw, arg("isa"), repeat);
  m.def("fill", fill, arg("y"), kw, arg("isa"), arg("value"), repeat);
  m.def("spread", spread, arg("x"), arg("y"), kw, arg("isa"), arg("factor") = 1.0, repeat);
  m.def("add_scaled", add_scaled, arg("a"), arg("b"), arg("y"), kw, arg("isa"), arg("factor") = 1.0,
        repeat);
  m.def("pick", pick, arg("x"), arg("index"), arg("y"), kw, arg("isa"), repeat);
  m.def("scatter", scatter, arg("x"), arg("index"), arg("y"), kw, arg("isa"), repeat);
  m.def("dropout", dropout, arg("x"), arg("y"), kw, arg("isa"), arg("key"), arg("first") = 0,
        arg("rate"), repeat);
  m.def("update", update_parameters, arg("rule"), arg("w"), arg("g"), kw, arg("state"),
        arg("numbers"), arg("isa"), repeat);
  m.def("clip", clip, arg("g"), arg("y"), kw, arg("factor"), arg("bound"), arg("isa"), repeat);
  m.def("approach", approach, arg("w"), arg("average"), kw, arg("part"), arg("isa"), repeat);
}

}  // namespace fastmlp
