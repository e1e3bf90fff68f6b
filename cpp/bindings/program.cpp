// Programs in Python. Every check of what Python gives stands here; then the GIL is released.
#include "bindings/program.h"

#include <pybind11/stl.h>

#include "bindings/bindings.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

using RefTuple = std::tuple<int, Index, Index, Index>;
using StepTuple = std::tuple<int, int, bool, std::vector<RefTuple>, RefTuple, RefTuple,
                             std::array<Index, kNumbers>, std::tuple<double, bool>>;

Ref to_ref(const RefTuple& t) {
  Ref r;
  if (std::get<0>(t) == int(Space::none)) return r;
  if (std::get<0>(t) < 0 || std::get<0>(t) > int(Space::output)) fail("steps: no such space");
  r.space = Space(std::get<0>(t));
  std::tie(std::ignore, r.offset, r.rows, r.columns) = t;
  return r;
}

Step to_step(const StepTuple& t) {
  Step s;
  if (std::get<0>(t) < 0 || std::get<0>(t) >= int(Kind::count)) fail("steps: no such kind");
  if (std::get<1>(t) < 0 || std::get<1>(t) > int(Section::after)) fail("steps: no such section");
  s.kind = Kind(std::get<0>(t));
  s.section = Section(std::get<1>(t));
  s.barrier = std::get<2>(t);
  const auto& in = std::get<3>(t);
  if (in.size() > kInputs) fail("steps: expected at most seven inputs");
  for (std::size_t i = 0; i < in.size(); ++i) s.in[i] = to_ref(in[i]);
  s.out = to_ref(std::get<4>(t));
  s.out2 = to_ref(std::get<5>(t));
  std::copy_n(std::get<6>(t).data(), kNumbers, s.numbers);
  std::tie(s.scalar.value, s.scalar.per_row) = std::get<7>(t);
  return s;
}

Program make_program(const std::vector<StepTuple>& steps,
                     const std::vector<std::tuple<Index, Index>>& feeds,
                     const std::vector<std::tuple<Index, Index>>& outputs,
                     const std::vector<Index>& scalars, Index batch_weight,
                     const std::vector<double>& constants, Index batch_columns, Index fixed_size,
                     Index reduced_size, Index parameter_size, bool by_rows) {
  Program p;
  for (const StepTuple& t : steps) p.steps.push_back(to_step(t));
  for (const auto& [rows, columns] : feeds) {
    p.feed_rows.push_back(rows);
    p.feed_columns.push_back(columns);
  }
  for (const auto& [rows, columns] : outputs) {
    p.output_rows.push_back(rows);
    p.output_columns.push_back(columns);
  }
  p.scalars = scalars;
  p.batch_weight = batch_weight;
  p.constants = constants;
  p.batch_columns = batch_columns;
  p.fixed_size = fixed_size;
  p.reduced_size = reduced_size;
  p.parameter_size = parameter_size;
  p.by_rows = by_rows;
  return p;
}

template <class T>
void bind_program_of(py::module_& m, const char* name) {
  const std::string job = std::string("Job") + (sizeof(T) == 4 ? "F32" : "F64");
  py::class_<Job<T>>(m, job.c_str());
  py::class_<PyProgram<T>>(m, name)
      .def(py::init([](const std::vector<StepTuple>& steps,
                       const std::vector<std::tuple<Index, Index>>& feeds,
                       const std::vector<std::tuple<Index, Index>>& outputs,
                       const std::vector<Index>& scalars, Index batch_weight,
                       const std::vector<double>& constants, Index batch_columns, Index fixed_size,
                       Index reduced_size, Index parameter_size, bool by_rows) {
             return std::make_unique<PyProgram<T>>(
                 make_program(steps, feeds, outputs, scalars, batch_weight, constants,
                              batch_columns, fixed_size, reduced_size, parameter_size, by_rows));
           }),
           py::kw_only(), py::arg("steps"), py::arg("feeds"), py::arg("outputs"),
           py::arg("scalars"), py::arg("batch_weight"), py::arg("constants"),
           py::arg("batch_columns"), py::arg("fixed_size"), py::arg("reduced_size"),
           py::arg("parameter_size"), py::arg("by_rows"))
      .def_property_readonly("flops_per_row",
                             [](PyProgram<T>& p) { return p.executor().program().flops_per_row; })
      .def(
          "lanes", [](PyProgram<T>& p, Index rows) { return p.executor().lanes(rows); },
          py::arg("rows"))
      .def("run", &PyProgram<T>::run, py::arg("feeds"), py::arg("rows"), py::arg("parameters"),
           py::arg("outputs"), py::arg("seed"), py::arg("step"), py::arg("gradient").none(true),
           py::arg("access") = py::none())
      .def("run_each", &PyProgram<T>::run_each, py::arg("feeds"), py::arg("rows"),
           py::arg("parameters"), py::arg("outputs"), py::arg("seeds"), py::arg("step"),
           py::arg("access") = py::none())
      .def("train_each", &PyProgram<T>::train_each, py::arg("jobs"))
      .def("job", &PyProgram<T>::job, py::arg("feeds"), py::arg("order").none(true),
           py::arg("rows"), py::arg("batch_rows"), py::arg("epochs"), py::arg("updating"),
           py::arg("seed"), py::arg("first_step"), py::arg("scalars"), py::arg("done") = py::none(),
           py::arg("average") = py::none(), py::arg("parts") = py::none(),
           py::arg("sums") = py::none());
}

}  // namespace

void bind_program(py::module_& m) {
  py::class_<Updating>(m, "Updating")
      .def(py::init([](py::array parameters, std::vector<py::array> state,
                       std::vector<GroupTuple> groups, py::array step_values, double clip_norm,
                       double clip_value, std::vector<BoundTuple> max_norms,
                       std::vector<py::array> outputs) {
             return Updating{parameters, state,      groups,    step_values,
                             clip_norm,  clip_value, max_norms, outputs};
           }),
           py::kw_only(), py::arg("parameters"), py::arg("state"), py::arg("groups"),
           py::arg("step_values"), py::arg("clip_norm") = kUnbounded,
           py::arg("clip_value") = kUnbounded, py::arg("max_norms") = std::vector<BoundTuple>(),
           py::arg("outputs") = std::vector<py::array>());
  bind_program_of<float>(m, "ProgramF32");
  bind_program_of<double>(m, "ProgramF64");
}

}  // namespace fastmlp
