// A training step as a plain Python function: for loops of single steps, where a microsecond
// counts. It answers NotImplemented to whatever it does not take as it is; the caller then checks,
// converts and steps, with its own errors.
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "bindings/bindings.h"
#include "bindings/function.h"
#include "bindings/program.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

// Up to this much work the GIL is kept: where there is one, no other thread can come between, so
// that the caller need not see to it. One thread does it in some 30 µs.
constexpr double kKeptFlops = 2e6;

// What numbers may be to be targets as they are.
struct Limits {
  double low, high;
  bool whole;

  template <class T>
  bool hold(const Feed& f) const {
    constexpr double limit = double(std::numeric_limits<T>::max());
    const double least = std::max(low, -limit), most = std::min(high, limit);
    if (!whole && least == -limit && most == limit) return all_finite<T>(f);
    bool good = true;
    with_type(f.dtype, [&](auto element) {
      using From = decltype(element);
      for (Index i = 0; i < f.rows; ++i) {
        const From* row = static_cast<const From*>(f.data) + i * f.stride;
        for (Index j = 0; j < f.columns; ++j) {
          const double x = double(row[j * f.step]);
          good = good && x >= least && x <= most && (!whole || x == std::floor(x));
        }
      }
    });
    return good;
  }
};

// A matrix of so many columns; a vector is one of one column. None if it is no such thing.
std::optional<Feed> columns_of(const PyObject* given, Index columns) {
  const Proxy* a = plain_array(given);
  if (!a) return {};
  std::optional<Feed> feed;
  if (a->nd == 2) {
    feed = to_matrix_feed(a);
  } else if (const auto type = number_type(a->descr); type && a->nd == 1 && aligned(a)) {
    const Index rows = a->dimensions[0], size = size_of(*type);
    if (rows > 1 && a->strides[0] % size) return {};
    feed.emplace();
    feed->data = a->data;
    feed->dtype = *type;
    feed->rows = rows;
    feed->columns = 1;
    feed->stride = rows > 1 ? a->strides[0] / size : 1;
  }
  if (!feed || feed->columns != columns || feed->rows < 1) return {};
  return feed;
}

template <class T>
class Stepper {
 public:
  Stepper(py::object program, const std::vector<py::object>& feeds, std::vector<int> sources,
          std::tuple<double, double, bool> limits, py::array parameters,
          const std::vector<py::array>& state, const std::vector<GroupTuple>& groups,
          py::array step_values, Index first_step, std::uint64_t seed, double clip_norm,
          double clip_value, const std::vector<BoundTuple>& max_norms,
          const std::vector<py::array>& outputs, py::object counter)
      : sources_(std::move(sources)),
        limits_{std::get<0>(limits), std::get<1>(limits), std::get<2>(limits)},
        counter_(std::move(counter)),
        name_(py::str("steps")),
        first_(first_step) {
    auto& held = program.cast<PyProgram<T>&>();
    executor_ = &held.executor();
    most_rows_ = held.most_rows();
    const Program& p = executor_->program();
    if (step_values.ndim() != 2 || step_values.shape(0) < 2)
      fail("step_values: expected those of at least two steps");
    steps_ = step_values.shape(0);
    held.prepare(call_, parameters, state, groups, step_values, steps_, clip_norm, clip_value,
                 max_norms, outputs);
    call_.feeds = held.to_feeds(feeds, 0, steps_);
    template_ = call_.feeds;
    numbers_ = call_.updates.numbers;
    if (sources_.size() != p.feed_rows.size()) fail("sources: expected one for each feed");
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if ((p.feed_rows[i] == kBatch) != (sources_[i] >= kTarget))
        fail("sources: expected one for each feed with batch rows");
      inputs_ = std::max(inputs_, Index(sources_[i]) + 1);
    }
    scalars_.resize(p.scalars.size());
    call_.scalars = scalars_.data();
    call_.epochs = 1;
    call_.seed = seed;
    for (const py::object& one : feeds) kept_.push_back(one);
    for (const py::array& one : state) kept_.push_back(one);
    for (const py::array& one : outputs) kept_.push_back(one);
    kept_.insert(kept_.end(), {std::move(program), std::move(parameters), std::move(step_values)});
  }

  // A new reference, or null with an exception set: the loss, None if it or the parameters became
  // NaN or infinite, or NotImplemented. `alone`: whether the caller has seen to it that no other
  // thread changes the model meanwhile.
  PyObject* step(PyObject* X, PyObject* t, bool alone) {
    if (!(alone || kGilHolds) || busy_) return Py_NewRef(Py_NotImplemented);
    const Index number = steps_taken() - first_;
    if (number < 0 || number >= steps_ || !place(X, t)) return Py_NewRef(Py_NotImplemented);
    const Index rows = call_.rows;
    const bool small = executor_->program().flops_per_row * double(rows) < kKeptFlops;
    if (!small && !alone) return Py_NewRef(Py_NotImplemented);
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (sources_[i] >= kTarget || template_[i].each_step == 0) continue;
      Feed& feed = call_.feeds[i];
      feed.rows = template_[i].each_step;
      feed.each_step = 0;
      feed.data = static_cast<const T*>(template_[i].data) + number * feed.rows * feed.stride;
    }
    call_.updates.numbers = numbers_ + number * call_.updates.columns;
    call_.first_step = std::uint64_t(first_ + number);
    busy_ = true;
    const Done done{*this};
    TrainingResult result;
    bool taken = true;
    if (small) {
      taken = checked();
      if (taken) result = executor_->train(call_);
    } else {
      const WithoutGil without;
      taken = checked();
      if (taken) result = executor_->train(call_);
    }
    if (!taken) return Py_NewRef(Py_NotImplemented);
    if (result.interrupted) {
      py::error_already_set interrupt;
      count(number + result.steps);
      throw interrupt;
    }
    if (result.non_finite) return Py_NewRef(Py_None);
    count(number + 1);
    return PyFloat_FromDouble(scalars_[0]);
  }

 private:
  static constexpr int kTarget = -1;  // of sources: t; others are inputs, or below it none
  struct Done {
    Stepper& stepper;
    ~Done() {
      stepper.lent_.clear();
      stepper.busy_ = false;
    }
  };

  // The attribute is the caller's count of steps: an interrupt never comes between a step and it.
  Index steps_taken() const {
    const auto steps =
        py::reinterpret_steal<py::object>(PyObject_GetAttr(counter_.ptr(), name_.ptr()));
    const long long number = steps ? PyLong_AsLongLong(steps.ptr()) : -1;
    if (number == -1 && PyErr_Occurred()) throw py::error_already_set();
    return Index(number);
  }
  void count(Index number) const {
    const auto steps = py::reinterpret_steal<py::object>(PyLong_FromLongLong(first_ + number));
    if (!steps || PyObject_SetAttr(counter_.ptr(), name_.ptr(), steps.ptr()) != 0)
      throw py::error_already_set();
  }

  // Points the feeds at arrays of as many rows each; false if one is no such array.
  bool place(PyObject* X, PyObject* t) {
    const auto& columns = executor_->program().feed_columns;
    const bool listed = inputs_ != 1;
    if (listed && !PyList_CheckExact(X) && !PyTuple_CheckExact(X)) return false;
    if (listed && PySequence_Size(X) != inputs_) return false;
    Index rows = 0;
    lent_.clear();
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (sources_[i] < kTarget) continue;
      const bool target = sources_[i] == kTarget;
      if (listed && !target) lent_.push_back(item_of(X, sources_[i]));
      PyObject* const given = target ? t : listed ? lent_.back().ptr() : X;
      std::optional<Feed> feed = given ? columns_of(given, columns[i]) : std::nullopt;
      if (!feed || (rows && feed->rows != rows)) return false;
      rows = feed->rows;
      call_.feeds[i] = std::move(*feed);
    }
    if (rows < 1 || rows > most_rows_) return false;
    call_.rows = call_.batch_rows = rows;
    return true;
  }

  // Whether the numbers are those of examples.
  bool checked() const {
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (sources_[i] >= 0 && !all_finite<T>(call_.feeds[i])) return false;
      if (sources_[i] == kTarget && !limits_.hold<T>(call_.feeds[i])) return false;
    }
    return true;
  }

  std::vector<py::object> kept_;  // alive
  std::vector<py::object> lent_;  // of a list, which others may change
  Executor<T>* executor_ = nullptr;
  TrainingCall<T> call_;
  std::vector<Feed> template_;       // feeds without batch rows, of all steps
  const double* numbers_ = nullptr;  // of all steps
  std::vector<double> scalars_;
  std::vector<int> sources_;
  Index inputs_ = 0, most_rows_ = 0;
  Limits limits_;
  py::object counter_, name_;
  Index first_, steps_ = 0;
  bool busy_ = false;  // a signal's handler may step while a step waits for it
};

template <class T>
PyObject* call_stepper(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 3) {
    PyErr_Format(PyExc_TypeError, "expected (X, t, alone), got %zd arguments", count);
    return nullptr;
  }
  auto* stepper = static_cast<Stepper<T>*>(PyCapsule_GetPointer(self, nullptr));
  return guarded(
      [&] { return stepper->step(arguments[0], arguments[1], arguments[2] == Py_True); });
}

template <class T, class... Arguments>
py::object make_stepper(Arguments&&... arguments) {
  static PyMethodDef method = {
      "step", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&call_stepper<T>)),
      METH_FASTCALL, "step(X, t, alone) -> loss, None or NotImplemented"};
  return make_function(&method, new Stepper<T>(std::forward<Arguments>(arguments)...));
}

}  // namespace

void bind_step(py::module_& m) {
  m.def(
      "make_stepper",
      [](py::object program, const std::vector<py::object>& feeds, std::vector<int> sources,
         std::tuple<double, double, bool> limits, py::array parameters,
         const std::vector<py::array>& state, const std::vector<GroupTuple>& groups,
         py::array step_values, Index first_step, std::uint64_t seed, double clip_norm,
         double clip_value, const std::vector<BoundTuple>& max_norms,
         const std::vector<py::array>& outputs, py::object counter) {
        const auto make = [&](auto zero) {
          return make_stepper<decltype(zero)>(program, feeds, sources, limits, parameters, state,
                                              groups, step_values, first_step, seed, clip_norm,
                                              clip_value, max_norms, outputs, counter);
        };
        if (py::isinstance<PyProgram<float>>(program)) return make(float{});
        if (py::isinstance<PyProgram<double>>(program)) return make(double{});
        throw py::type_error("program: expected a ProgramF32 or ProgramF64");
      },
      py::kw_only(), py::arg("program"), py::arg("feeds"), py::arg("sources"), py::arg("limits"),
      py::arg("parameters"), py::arg("state"), py::arg("groups"), py::arg("step_values"),
      py::arg("first_step"), py::arg("seed"), py::arg("clip_norm"), py::arg("clip_value"),
      py::arg("max_norms"), py::arg("outputs"), py::arg("counter"));
}

}  // namespace fastmlp
