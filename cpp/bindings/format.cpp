// What Python and the core must agree on, as `_core.format`: the names and numbers of a Program,
// and of each optimizer the vectors it keeps and the numbers of a step.
#include "bindings/bindings.h"
#include "runtime/steps/table.h"
#include "runtime/team.h"
#include "runtime/update.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

#define FASTMLP_NAME(name) #name,
constexpr const char* spaces[] = {FASTMLP_SPACE(FASTMLP_NAME)};
constexpr const char* sections[] = {FASTMLP_SECTION(FASTMLP_NAME)};
#undef FASTMLP_NAME

// Names in the order of their numbers.
template <class List>
py::tuple in_order(const List& list) {
  py::list found;
  for (const auto& entry : list) found.append(entry);
  return py::tuple(found);
}

// Words divided by spaces.
py::tuple words(const char* text) { return py::str(text).attr("split")().cast<py::tuple>(); }

}  // namespace

void bind_format(py::module_& module) {
  py::module_ m = module.def_submodule(
      "format", "The names and numbers of a Program, and the rules of optimizers.");
  m.attr("spaces") = in_order(spaces);
  m.attr("sections") = in_order(sections);
  py::dict numbers, may_overwrite;
  py::list whole_batch;
  for (int number = 0; number < int(Kind::count); ++number) {
    const StepKind& kind = row_of(Kind(number));
    numbers[kind.name] = in_order(kind.numbers);
    may_overwrite[kind.name] = in_order(kind.may_overwrite);
    if (kind.whole_batch) whole_batch.append(kind.name);
  }
  m.attr("kinds") = numbers;
  m.attr("may_overwrite") = may_overwrite;
  m.attr("whole_batch") = py::tuple(whole_batch);
  m.attr("activations") = in_order(activation_names);
  m.attr("unary") = in_order(unary_names);
  m.attr("binary") = in_order(binary_names);
  py::dict optimizers;
  const py::object row =
      py::module_::import("collections").attr("namedtuple")("Rule", "state numbers");
  for (const Rule& rule : kRules)
    optimizers[rule.name] = row(words(rule.state), words(rule.numbers));
  m.attr("optimizers") = optimizers;
  m.attr("batch_rows") = kBatch;
  m.attr("most_numbers") = kNumbers;
  m.attr("by_its_rows") = kRows;
  m.attr("grain") = kGrain;
  m.attr("most_threads") = kMostThreads;
  m.attr("block_terms") = kBlockBytes / Index(sizeof(double));
}

}  // namespace fastmlp
