// A training step as a plain Python function, and loss and gradient as another: for loops of single
// steps, where a microsecond counts. They answer NotImplemented to whatever they do not take as it
// is; the caller then checks, converts and steps, with its own errors.
#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <optional>

#include "bindings/access.h"
#include "bindings/bindings.h"
#include "bindings/function.h"
#include "bindings/program.h"
#include "bindings/targets.h"

namespace py = pybind11;

namespace fastmlp {
namespace {

// Up to this much work the GIL is kept: where there is one, no other thread can come between, so
// that the caller need not see to it. One thread does it in some 30 µs.
constexpr double kKeptFlops = 2e6;

// An average of the weights: itself, the weights that are trained, and how far each step brings it.
using AverageTuple = std::tuple<py::array, py::array, py::array>;

template <class T>
class Stepper {
 public:
  Stepper(py::object program, const std::vector<py::object>& feeds, std::vector<int> sources,
          Inputs inputs, Targets targets, Weights weights, const Updating& updating,
          Index first_step, std::uint64_t seed, const std::optional<AverageTuple>& average,
          const std::vector<std::pair<Index, Index>>& assigned, py::object counter,
          std::shared_ptr<Access> access)
      : access_(std::move(access)),
        updating_(updating),
        sources_(std::move(sources)),
        inputs_(std::move(inputs)),
        targets_(std::move(targets)),
        weights_(std::move(weights)),
        assigned_(assigned),
        counter_(std::move(counter)),
        name_(py::str("steps")),
        first_(first_step) {
    auto& held = program.cast<PyProgram<T>&>();
    executor_ = &held.executor();
    most_rows_ = held.most_rows();
    const Program& p = executor_->program();
    const py::array& values = updating.step_values;
    if (values.ndim() != 2 || values.shape(0) < 2)
      fail("step_values: expected those of at least two steps");
    steps_ = values.shape(0);
    held.prepare(call_, updating, steps_);
    call_.feeds = held.to_feeds(feeds, 0, steps_);
    template_ = call_.feeds;
    numbers_ = call_.updates.numbers;
    check_sources(p);
    for (const auto& [begin, count] : assigned_)
      require(begin >= 0 && count >= 0 && begin <= p.parameter_size - count,
              "assigned: expected parts of the parameters");
    if (average) take_average(*average);
    scalars_.resize(p.scalars.size());
    call_.scalars = scalars_.data();
    call_.epochs = 1;
    call_.seed = seed;
    for (const py::object& one : feeds) kept_.push_back(one);
    kept_.push_back(std::move(program));
  }

  // A new reference, or null with an exception set: the loss, None if it or the parameters became
  // NaN or infinite, or NotImplemented. `alone`: whether the caller has seen to it that no other
  // thread changes or reads the model meanwhile.
  PyObject* step(PyObject* X, PyObject* t, PyObject* weights, bool alone) {
    if (!alone && !is_alone()) return Py_NewRef(Py_NotImplemented);
    if (busy_.exchange(true)) return Py_NewRef(Py_NotImplemented);
    const Done done{*this};
    const Index number = steps_taken() - first_;
    if (!take(X, t, weights, number)) return Py_NewRef(Py_NotImplemented);
    // What lists and dicts do when they are asked may have let others in.
    if (!alone && !(is_small() && is_alone())) return Py_NewRef(Py_NotImplemented);
    call_.updates.numbers = numbers_ + number * call_.updates.columns;
    if (parts_) call_.updates.parts = parts_ + number;
    call_.first_step = std::uint64_t(first_ + number);
    TrainingResult result;
    const bool taken = run([&] {
      const Trained trained{*this};
      result = executor_->train(call_);
    });
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

  // The same without a step: (loss, gradient), or NotImplemented.
  PyObject* loss_and_gradient(PyObject* X, PyObject* t, PyObject* weights) {
    if (busy_.exchange(true)) return Py_NewRef(Py_NotImplemented);
    const Done done{*this};
    const Index number = steps_taken() - first_;
    if (!take(X, t, weights, number)) return Py_NewRef(Py_NotImplemented);
    // While others run, they find the average.
    if (parts_ && !(is_small() && is_alone())) return Py_NewRef(Py_NotImplemented);
    Read read;
    if (!read.begin(*access_)) return Py_NewRef(Py_NotImplemented);
    const Program& p = executor_->program();
    const py::array gradient = py::array(py::dtype::of<T>(), p.parameter_size);
    T* const g = reinterpret_cast<T*>(proxy(gradient)->data);
    results_.resize(p.scalars.size());
    reserve_unread();
    bool whole = true;
    const bool taken = run([&] {
      const Trained trained{*this};
      whole = executor_->run(call_.feeds, call_.rows, call_.parameters, unread_outputs_, call_.seed,
                             std::uint64_t(first_ + number), g, results_.data(), &kAsksForSignals);
    });
    if (!taken) return Py_NewRef(Py_NotImplemented);
    if (!whole) throw py::error_already_set();
    for (const auto& [begin, size] : assigned_) std::fill_n(g + begin, size, T(0));
    return py::make_tuple(double(results_[0]), gradient).release().ptr();
  }

 private:
  struct Done {
    Stepper& stepper;
    ~Done() {
      stepper.given_.held.clear();
      stepper.busy_ = false;
    }
  };

  // While it is there the parameters are those that are trained, not their average.
  struct Trained {
    Stepper& stepper;
    explicit Trained(Stepper& s) : stepper(s) {
      if (stepper.parts_) stepper.copy(stepper.trained_, stepper.call_.parameters);
    }
    ~Trained() {
      if (!stepper.parts_) return;
      stepper.copy(stepper.call_.parameters, stepper.trained_);
      stepper.copy(stepper.call_.updates.average, stepper.call_.parameters);
    }
  };

  // Whether nobody else reads or changes the parameters for as long as the GIL is kept.
  bool is_alone() const {
    return kGilHolds && !access_->is_others_turn() && !access_->is_read_by_others();
  }

  Index size() const { return executor_->program().parameter_size; }
  void copy(const T* from, T* to) const { std::copy_n(from, size(), to); }

  void check_sources(const Program& p) const {
    const std::size_t all = inputs_.size() + targets_.size() + weights_.size();
    if (sources_.size() != p.feed_rows.size()) fail("sources: expected one for each feed");
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      const int source = sources_[i];
      if ((p.feed_rows[i] == kBatch) != (source >= 0))
        fail("sources: expected one for each feed with batch rows");
      if (source < 0) continue;
      const std::size_t s = std::size_t(source), t = s - inputs_.size();
      if (s >= all) fail("sources: no such part of the examples");
      const Index columns = s < inputs_.size()    ? inputs_.columns(s)
                            : t < targets_.size() ? targets_.columns(t)
                                                  : 1;
      if (columns != p.feed_columns[i]) fail("sources: a feed has other columns");
    }
  }

  void take_average(const AverageTuple& given) {
    const auto& [average, trained, parts] = given;
    call_.updates.average = to_vector<T>(average, size(), "average");
    call_.updates.state.push_back(call_.updates.average);
    trained_ = to_vector<T>(trained, size(), "trained");
    parts_ = to_vector<double>(parts, steps_, "parts");
    kept_.insert(kept_.end(), {average, trained, parts});
  }

  // Directions that nobody reads have a place of their own.
  void reserve_unread() {
    const Program& p = executor_->program();
    if (unread_outputs_.size() == p.output_rows.size()) return;
    unread_.resize(p.output_rows.size());
    for (std::size_t i = 0; i < unread_.size(); ++i) {
      unread_[i].resize(std::size_t(p.output_rows[i] * p.output_columns[i]));
      unread_outputs_.push_back(unread_[i].data());
    }
  }

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

  // Takes hold of the examples of a step; false if they or the step are not known here.
  bool take(PyObject* X, PyObject* t, PyObject* weights, Index number) {
    if (number < 0 || number >= steps_) return false;
    const std::size_t first = inputs_.size(), second = first + targets_.size();
    given_.begin(second + weights_.size());
    if (!inputs_.take(X, given_) || !targets_.take(t, given_, first) ||
        !weights_.take(weights, given_, second) || given_.rows > most_rows_)
      return false;
    call_.rows = call_.batch_rows = given_.rows;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (sources_[i] >= 0 || template_[i].each_step == 0) continue;
      Feed& feed = call_.feeds[i];
      feed.rows = template_[i].each_step;
      feed.each_step = 0;
      feed.data = static_cast<const T*>(template_[i].data) + number * feed.rows * feed.stride;
    }
    return true;
  }

  // Whether the numbers are those of examples; then the feeds are pointed at them.
  bool fit() {
    const std::size_t first = inputs_.size(), second = first + targets_.size();
    if (!inputs_.fit(given_, true) || !targets_.fit(given_, first) || !weights_.fit(given_, second))
      return false;
    for (std::size_t i = 0; i < sources_.size(); ++i)
      if (sources_[i] >= 0) call_.feeds[i] = given_.feeds[std::size_t(sources_[i])];
    // What others have changed, they mean: Python goes on from there.
    return !parts_ || std::memcmp(call_.parameters, call_.updates.average,
                                  std::size_t(size()) * sizeof(T)) == 0;
  }

  bool is_small() const {
    return executor_->program().flops_per_row * double(given_.rows) < kKeptFlops;
  }

  // work() if the numbers are those of examples.
  template <class F>
  bool run(F work) {
    const auto checked = [&] {
      if (!fit()) return false;
      work();
      return true;
    };
    if (is_small()) return checked();
    const WithoutGil without;
    return checked();
  }

  std::shared_ptr<Access> access_;
  Updating updating_;
  std::vector<py::object> kept_;  // alive
  Executor<T>* executor_ = nullptr;
  TrainingCall<T> call_;
  std::vector<Feed> template_;       // feeds without batch rows, of all steps
  const double* numbers_ = nullptr;  // of all steps
  const double* parts_ = nullptr;    // likewise, of the average; null if there is none
  T* trained_ = nullptr;             // while the parameters are the average
  std::vector<double> scalars_;
  std::vector<T> results_;
  std::vector<std::vector<T>> unread_;
  std::vector<T*> unread_outputs_;
  std::vector<int> sources_;  // of each feed: a part of the examples, or −1
  Inputs inputs_;
  Targets targets_;
  Weights weights_;
  Given<T> given_;
  std::vector<std::pair<Index, Index>> assigned_;  // parts of the gradient that are none
  Index most_rows_ = 0;
  py::object counter_, name_;
  Index first_, steps_ = 0;
  std::atomic<bool> busy_{false};  // a signal's handler, or another thread, may call meanwhile
};

template <class T>
Stepper<T>& stepper_of(PyObject* self) {
  return *static_cast<Stepper<T>*>(PyCapsule_GetPointer(self, nullptr));
}

template <class T>
PyObject* call_step(PyObject* self, PyObject* const* given, Py_ssize_t count) {
  if (count != 4) {
    PyErr_Format(PyExc_TypeError, "expected (X, t, weights, alone), got %zd arguments", count);
    return nullptr;
  }
  return guarded(
      [&] { return stepper_of<T>(self).step(given[0], given[1], given[2], given[3] == Py_True); });
}

template <class T>
PyObject* call_gradient(PyObject* self, PyObject* const* given, Py_ssize_t count) {
  if (count != 3) {
    PyErr_Format(PyExc_TypeError, "expected (X, t, weights), got %zd arguments", count);
    return nullptr;
  }
  return guarded(
      [&] { return stepper_of<T>(self).loss_and_gradient(given[0], given[1], given[2]); });
}

// Its two functions.
template <class T>
py::tuple functions_of(Stepper<T>* stepper) {
  const auto pointer = [](auto* call) {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call));
  };
  static PyMethodDef step = {"step", pointer(&call_step<T>), METH_FASTCALL,
                             "step(X, t, weights, alone) -> loss, None or NotImplemented"};
  static PyMethodDef gradient = {"loss_and_gradient", pointer(&call_gradient<T>), METH_FASTCALL,
                                 "loss_and_gradient(X, t, weights) -> both, or NotImplemented"};
  const py::object self = owned(stepper);
  return py::make_tuple(make_function(&step, self), make_function(&gradient, self));
}

}  // namespace

void bind_step(py::module_& m) {
  m.def(
      "make_stepper",
      [](py::object program, const std::vector<py::object>& feeds, std::vector<int> sources,
         const std::vector<InputTuple>& inputs, const std::vector<TargetTuple>& targets,
         bool several, const std::vector<std::string>& weights, bool common,
         const Updating& updating, Index first_step, std::uint64_t seed,
         const std::optional<AverageTuple>& average,
         const std::vector<std::pair<Index, Index>>& assigned, py::object counter,
         std::shared_ptr<Access> access) {
        const auto make = [&](auto zero) {
          return functions_of(new Stepper<decltype(zero)>(
              program, feeds, sources, Inputs(inputs), Targets(targets, several),
              Weights(weights, common), updating, first_step, seed, average, assigned, counter,
              access));
        };
        if (py::isinstance<PyProgram<float>>(program)) return make(float{});
        if (py::isinstance<PyProgram<double>>(program)) return make(double{});
        throw py::type_error("program: expected a ProgramF32 or ProgramF64");
      },
      py::kw_only(), py::arg("program"), py::arg("feeds"), py::arg("sources"), py::arg("inputs"),
      py::arg("targets"), py::arg("several"), py::arg("weights"), py::arg("common"),
      py::arg("updating"), py::arg("first_step"), py::arg("seed"), py::arg("average"),
      py::arg("assigned"), py::arg("counter"), py::arg("access").none(false));
}

}  // namespace fastmlp
