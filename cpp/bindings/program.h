// A Program and its executor in Python. What Python gives is checked here and in arrays.h; then the
// GIL is released.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/access.h"
#include "bindings/arrays.h"
#include "bindings/gil.h"
#include "runtime/executor.h"

namespace fastmlp {

// Rows that data can have, and elements of an arena: no product of them overflows.
constexpr Index kMaxRows = Index(1) << 40;
constexpr Index kMaxElements = Index(1) << (sizeof(void*) == 8 ? 45 : 26);

// begin, end, rule, column, decays
using GroupTuple = std::tuple<Index, Index, std::string, Index, bool>;

// offset, inputs, units, limit, by_rows
using BoundTuple = std::tuple<Index, Index, Index, double, bool>;

// What steps change, and by which numbers: of epochs in one call, and of single steps.
struct Updating {
  py::array parameters;
  std::vector<py::array> state;
  std::vector<GroupTuple> groups;
  py::array step_values;
  double clip_norm, clip_value;
  std::vector<BoundTuple> max_norms;
  std::vector<py::array> outputs;  // the nodes that an update goes along
};

// A training of one member, with what it refers to.
template <class T>
struct Job {
  const Executor<T>* executor = nullptr;
  TrainingCall<T> call;
  std::vector<std::int64_t> order;  // a copy, where one is needed
  std::int64_t* counts = nullptr;   // out: epochs, steps, whether the loss was not finite
  Updating updating;
  py::object kept;
};

template <class T>
class PyProgram {
 public:
  explicit PyProgram(Program program)
      : executor_(std::move(program), kernels_of<T>(active_isa())) {}

  // Returns the first scalar if there is one (the loss), else None.
  py::object run(const std::vector<py::object>& feeds, Index rows, py::array parameters,
                 std::vector<py::array> outputs, std::uint64_t seed, std::uint64_t step,
                 std::optional<py::array> gradient, Access* access) {
    const Program& p = executor_.program();
    check_rows(rows);
    const std::vector<Feed> in = to_feeds(feeds, rows);
    const std::vector<T*> out = to_outputs(outputs, rows);
    const T* w = to_vector<T>(parameters, p.parameter_size, "parameters");
    std::vector<T> results(p.scalars.size());
    bool whole;
    if (gradient && p.reduced_size < p.parameter_size) fail("this program computes no gradient");
    T* g = gradient ? to_vector<T>(*gradient, p.parameter_size, "gradient") : nullptr;
    {
      Read read;
      read.begin_or_throw(access);
      const WithoutGil without;
      whole = executor_.run(in, rows, w, out, seed, step, g, results.data(), &kAsksForSignals);
    }
    if (!whole) throw py::error_already_set();
    if (results.empty()) return py::none();
    return py::float_(double(results[0]));
  }

  // What `train_each` does for one member, every argument of it checked. What it refers to lives as
  // long as it does.
  std::unique_ptr<Job<T>> job(const std::vector<py::object>& feeds, std::optional<py::array> order,
                              Index rows, Index batch_rows, Index epochs, const Updating& updating,
                              std::uint64_t seed, std::uint64_t first_step, py::array scalars,
                              std::optional<py::array> done, std::optional<py::array> average,
                              std::optional<py::array> parts, std::optional<py::array> sums) const {
    const Program& p = executor_.program();
    check_rows(rows);
    if (batch_rows < 1) fail("batch_rows: expected at least 1");
    if (epochs < 0 || epochs > kMaxElements / rows) fail("epochs: impossible number");
    batch_rows = std::min(batch_rows, rows);
    auto made = std::make_unique<Job<T>>();
    made->executor = &executor_;
    TrainingCall<T>& call = made->call;
    const Index steps = epochs * parts_of(rows, batch_rows);
    call.feeds = to_feeds(feeds, rows, steps);
    if (order) call.order = safe_order(*order, epochs, rows, call.feeds, made->order);
    call.rows = rows;
    call.batch_rows = batch_rows;
    call.epochs = epochs;
    prepare(call, updating, steps);
    if (average.has_value() != parts.has_value()) fail("average: expected it and its parts");
    if (average) {
      call.updates.average = to_vector<T>(*average, p.parameter_size, "average");
      call.updates.state.push_back(call.updates.average);
      call.updates.parts = to_vector<double>(*parts, steps, "parts");
    }
    call.scalars = to_doubles(scalars, epochs, Index(p.scalars.size()), "scalars");
    if (!scalars.writeable()) fail("scalars: expected a writable array");
    if (sums) call.sums = to_vector<double>(*sums, Index(p.scalars.size()) + 1, "sums");
    if (done) made->counts = to_vector<std::int64_t>(*done, 3, "done");
    call.seed = seed;
    call.first_step = first_step;
    made->updating = updating;
    made->kept = py::make_tuple(py::cast(this), feeds, order, scalars, done, average, parts, sums);
    return made;
  }

  // Returns (epochs, steps, non_finite) of each. The same is written into its `done`, where it also
  // stands if a signal's exception ends the call, or comes between its end and the caller's next
  // line.
  std::vector<std::tuple<Index, Index, bool>> train_each(const std::vector<const Job<T>*>& jobs) {
    std::vector<TrainingCall<T>> calls;
    for (const Job<T>* job : jobs) {
      if (!job || job->executor != &executor_) fail("jobs: expected jobs of this program");
      calls.push_back(job->call);
    }
    check_apart(calls);
    std::vector<TrainingResult> results;
    {
      const WithoutGil without;
      results = executor_.train_each(calls);
    }
    std::vector<std::tuple<Index, Index, bool>> done;
    bool interrupted = false;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const TrainingResult& r = results[i];
      done.emplace_back(r.epochs, r.steps, r.non_finite);
      if (Index* const counts = jobs[i]->counts) {
        counts[0] = r.epochs;
        counts[1] = r.steps;
        counts[2] = r.non_finite;
      }
      interrupted = interrupted || r.interrupted;
    }
    if (interrupted) throw py::error_already_set();
    return done;
  }

  // The outputs of the same rows for each of some parameters: outputs[i] are those of
  // parameters[i].
  void run_each(const std::vector<py::object>& feeds, Index rows,
                const std::vector<py::array>& parameters,
                const std::vector<std::vector<py::array>>& outputs,
                const std::vector<std::uint64_t>& seeds, std::uint64_t step, Access* access) {
    check_rows(rows);
    const std::vector<Feed> in = to_feeds(feeds, rows);
    if (outputs.size() != parameters.size() || seeds.size() != parameters.size())
      fail("parameters, outputs, seeds: expected as many of each");
    std::vector<RunCall<T>> calls(parameters.size());
    for (std::size_t i = 0; i < calls.size(); ++i) {
      calls[i].parameters =
          to_vector<T>(parameters[i], executor_.program().parameter_size, "parameters");
      calls[i].outputs = to_outputs(outputs[i], rows);
      calls[i].seed = seeds[i];
    }
    bool whole;
    {
      Read read;
      read.begin_or_throw(access);
      const WithoutGil without;
      whole = executor_.run_each(in, rows, calls, step, kAsksForSignals);
    }
    if (!whole) throw py::error_already_set();
  }

  // What a training call needs apart from its rows.
  void prepare(TrainingCall<T>& call, const Updating& given, Index steps) const {
    const Program& p = executor_.program();
    if (p.scalars.empty()) fail("this program computes no loss");
    call.parameters = to_vector<T>(given.parameters, p.parameter_size, "parameters");
    call.updates = to_updates(given.groups, given.state);
    call.updates.numbers =
        to_doubles(given.step_values, steps, call.updates.columns, "step_values");
    if (!(given.clip_norm > 0 && given.clip_value > 0))
      fail("clip_norm, clip_value: expected more than 0");
    call.updates.clip_norm = given.clip_norm;
    call.updates.clip_value = given.clip_value;
    call.updates.bounds = to_bounds(given.max_norms);
    if (given.outputs.size() != p.output_columns.size()) fail("outputs: wrong number of arrays");
    for (std::size_t i = 0; i < given.outputs.size(); ++i) {
      const Index rows = p.output_rows[i], columns = p.output_columns[i];
      T* const out =
          rows == kBatch ? nullptr : to_result<T>(proxy(given.outputs[i]), rows, columns);
      if (!out) fail("outputs: array " + std::to_string(i) + " does not fit a training");
      call.outputs.push_back(out);
    }
    call.interrupted = kAsksForSignals;
  }

  Index most_rows() const {
    const Program& p = executor_.program();
    return std::min(kMaxRows, kMaxElements / std::max<Index>(p.batch_columns + p.fed_columns(), 1));
  }

  // What has no batch rows may come with as many for each of the steps. Feeds with batch rows are
  // left out, for whoever has them later, where there are none of these.
  std::vector<Feed> to_feeds(const std::vector<py::object>& arrays, Index rows,
                             Index steps = 1) const {
    const Program& p = executor_.program();
    if (arrays.size() != p.feed_columns.size()) fail("feeds: wrong number of arrays");
    std::vector<Feed> feeds;
    for (std::size_t i = 0; i < arrays.size(); ++i) {
      const Index each = p.feed_rows[i], columns = p.feed_columns[i];
      if (each == kBatch && rows == 0) {
        feeds.emplace_back();
        continue;
      }
      const bool by_step = each != kBatch && steps > 1 && each <= kMaxElements / steps &&
                           is_array_of_rows(arrays[i], each * steps);
      const Index of_batch = each == kBatch ? rows : each;
      feeds.push_back(to_feed(arrays[i], by_step ? each * steps : of_batch, columns, i));
      Feed& feed = feeds.back();
      if (!by_step) continue;
      if (feed.dtype != dtype_of<T>() || feed.step != 1 || feed.stride < 0)
        fail("feeds: array " + std::to_string(i) +
             " has rows for each step and must be contiguous and of the program's type");
      feed.each_step = each;
    }
    return feeds;
  }

  Executor<T>& executor() { return executor_; }

 private:
  std::vector<T*> to_outputs(const std::vector<py::array>& arrays, Index rows) const {
    const Program& p = executor_.program();
    if (arrays.size() != p.output_columns.size()) fail("outputs: wrong number of arrays");
    std::vector<T*> out;
    for (std::size_t i = 0; i < arrays.size(); ++i) {
      const Index n = p.output_rows[i] == kBatch ? rows : p.output_rows[i];
      out.push_back(to_result<T>(proxy(arrays[i]), n, p.output_columns[i]));
      if (!out.back())
        fail("outputs: array " + std::to_string(i) + " has the wrong shape, dtype or layout");
    }
    return out;
  }

  // Members write at once: what each changes must be its own.
  void check_apart(const std::vector<TrainingCall<T>>& calls) const {
    const Program& p = executor_.program();
    std::vector<std::pair<const char*, const char*>> places;
    const auto add = [&](const auto* begin, Index count) {
      if (begin && count)
        places.emplace_back(reinterpret_cast<const char*>(begin),
                            reinterpret_cast<const char*>(begin + count));
    };
    const Index scalars = Index(p.scalars.size());
    for (const TrainingCall<T>& c : calls) {
      add(c.parameters, p.parameter_size);
      for (const T* s : c.updates.state) add(s, p.parameter_size);
      add(c.scalars, c.epochs * scalars);
      add(c.sums, scalars + 1);
    }
    std::sort(places.begin(), places.end());
    for (std::size_t i = 1; i < places.size(); ++i)
      if (places[i].first < places[i - 1].second)
        fail("jobs: expected parameters, state and results of each job apart from all others");
  }

  void check_rows(Index rows) const {
    if (rows < 1) fail("rows: expected at least 1");
    if (rows > most_rows()) fail("rows: too many");
  }

  // How many elements a batch of sparse rows lists follows from the order, so a copy is read then;
  // where all rows are dense, each is looked at when it is used.
  static const std::int64_t* safe_order(const py::array& given, Index epochs, Index rows,
                                        const std::vector<Feed>& feeds,
                                        std::vector<std::int64_t>& copy) {
    const std::int64_t* order = to_order(given, epochs, rows);
    const auto sparse = [](const Feed& f) { return f.dtype == DType::csr; };
    if (std::any_of(feeds.begin(), feeds.end(), sparse)) {
      copy.assign(order, order + epochs * rows);
      order = copy.data();
    }
    check_order(order, epochs, rows);
    return order;
  }

  Updates<T> to_updates(const std::vector<GroupTuple>& groups,
                        const std::vector<py::array>& state) const {
    const Index n = executor_.program().parameter_size;
    Updates<T> updates;
    for (const py::array& s : state) updates.state.push_back(to_vector<T>(s, n, "state"));
    Index vectors = 0, end = 0;
    for (const GroupTuple& given : groups) {
      const Group group = to_group(given);
      if (group.begin < end || group.begin % kGrain || group.end < group.begin || group.end > n)
        fail("groups: expected parts of " + std::to_string(n) + " parameters, in order, each from" +
             " a multiple of " + std::to_string(kGrain) + " on");
      end = group.end;
      vectors = std::max(vectors, group.format().vectors);
      updates.columns = std::max(updates.columns, group.column + group.format().width);
      updates.groups.push_back(group);
    }
    if (Index(state.size()) != vectors)
      fail("state: expected as many vectors as the rules keep, " + std::to_string(vectors) +
           ", got " + std::to_string(state.size()));
    return updates;
  }

  std::vector<NormBound> to_bounds(const std::vector<BoundTuple>& given) const {
    const Index n = executor_.program().parameter_size;
    std::vector<NormBound> bounds;
    Index end = 0;
    for (const BoundTuple& t : given) {
      NormBound b;
      std::tie(b.offset, b.inputs, b.units, b.limit, b.by_rows) = t;
      if (b.offset < end || b.offset > n || b.inputs < 1 || b.units < 1 ||
          b.units > (n - b.offset) / b.inputs)
        fail("max_norms: expected matrices among " + std::to_string(n) +
             " parameters, in order and apart");
      if (!(b.limit > 0 && b.limit < kUnbounded))
        fail("max_norms: expected finite numbers of more than 0");
      end = b.offset + b.inputs * b.units;
      bounds.push_back(b);
    }
    return bounds;
  }

  static Group to_group(const GroupTuple& t) {
    Group group;
    std::string name, names;
    std::tie(group.begin, group.end, name, group.column, group.decays) = t;
    if (group.column < 0 || group.column > kMaxElements) fail("groups: no such column");
    for (int i = 0; i < int(Optimizer::count); ++i) {
      group.rule = Optimizer(i);
      if (name == kRules[i].name) return group;
      names += (i ? ", " : "") + std::string(kRules[i].name);
    }
    fail("groups: expected a rule among " + names + ", got '" + name + "'");
  }

  Executor<T> executor_;
};

}  // namespace fastmlp
