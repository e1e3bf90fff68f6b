#include "runtime/executor.h"

#include <algorithm>

#include "runtime/workspace.h"

namespace fastmlp {
namespace {

constexpr Index kRowGrain = 16;            // rows of an arena come in cache lines of float32
constexpr Index kMaxLanes = 16;            // bounds the memory of the lanes' sums
constexpr Index kLaneRows = 64;            // fewer rows do not pay for a lane's own sums
constexpr double kFlopsPerSum = 640.0;     // work per element that makes adding lanes a tenth of it
constexpr Index kMaxSums = 64 * 1024;      // longer sums leave a core's own cache
constexpr double kSerialFlops = 1e6;       // below, waking a second thread costs more than it gains
constexpr Index kChunkBytes = 192 * 1024;  // a chunk's buffers stay in a core's own cache

Index round_up(Index n, Index grain) { return (n + grain - 1) / grain * grain; }

}  // namespace

Cut cut_batch(const Program& p, Index rows, Index element_size) {
  if (!p.by_rows || rows < 2 * kLaneRows) return {};
  Cut cut;
  cut.lanes = std::min(kMaxLanes, rows / kLaneRows);
  if (p.reduced_size) {  // each lane keeps, and later adds, sums as long as the gradient
    const double lanes_that_pay =
        double(rows) * p.flops_per_row / (double(p.reduced_size) * kFlopsPerSum);
    if (lanes_that_pay < 2.0 || p.reduced_size > kMaxSums) return {};
    cut.lanes = std::min(cut.lanes, Index(lanes_that_pay));
  }
  cut.lane_rows = round_up((rows + cut.lanes - 1) / cut.lanes, kRowGrain);
  cut.lanes = (rows + cut.lane_rows - 1) / cut.lane_rows;
  const Index row_bytes = std::max<Index>(p.batch_columns, 1) * element_size;
  const Index fitting = kChunkBytes / row_bytes / kRowGrain * kRowGrain;
  cut.chunk = std::min(cut.lane_rows, std::max<Index>(fitting, 4 * kRowGrain));
  return cut;
}

template <class T>
Executor<T>::Executor(Program program, const Kernels<T>& kernels)
    : program_(std::move(program)), kernels_(kernels) {
  program_.check();
  const auto& steps = program_.steps;
  while (before_end_ < steps.size() && steps[before_end_].section == Section::before) ++before_end_;
  after_begin_ = steps.size();
  while (after_begin_ > before_end_ && steps[after_begin_ - 1].section == Section::after)
    --after_begin_;
}

template <class T>
Executor<T>::~Executor() {
  delete idle_.load();
}

template <class T>
std::unique_ptr<typename Executor<T>::Workspace> Executor<T>::take_workspace() {
  std::unique_ptr<Workspace> w(idle_.exchange(nullptr));
  if (!w) {
    w = std::make_unique<Workspace>();
    w->fixed.reserve(std::size_t(program_.fixed_size) + 1);
    for (std::size_t i = 0; i < program_.constants.size(); ++i)
      w->fixed.data()[i] = T(program_.constants[i]);
  }
  return w;
}

template <class T>
void Executor<T>::give_back(std::unique_ptr<Workspace> workspace) {
  delete idle_.exchange(workspace.release());
}

template <class T>
int Executor<T>::threads_for(Index rows) const {
  const double flops = program_.flops_per_row * double(rows);
  if (flops < 2.0 * kSerialFlops) return 1;
  return int(std::min<double>(max_threads(), flops / kSerialFlops));
}

template <class T>
void Executor<T>::prepare(Workspace& w, Index rows, int threads, const std::vector<Feed>& feeds,
                          bool ordered) const {
  const std::size_t n_feeds = feeds.size();
  w.copied.resize(n_feeds);
  for (std::size_t i = 0; i < n_feeds; ++i)
    w.copied[i] = feeds[i].dtype != dtype_of<T>() || (ordered && program_.feed_rows[i] == kBatch);
  for (std::size_t i = 0; i < n_feeds; ++i)  // those without batch rows are converted once
    if (w.copied[i] && program_.feed_rows[i] != kBatch)
      gather(feeds[i], nullptr, 0, 0, feeds[i].rows, w.fixed.data() + program_.feed_offsets[i]);
  if (w.rows == rows && w.threads == threads) return;
  w.rows = rows;
  w.threads = threads;
  w.cut = cut_batch(program_, rows, Index(sizeof(T)));
  w.capacity = round_up(w.cut.lanes ? w.cut.chunk : rows, kRowGrain);
  w.batch_each = w.capacity * program_.batch_columns;
  w.reduced_each = round_up(program_.reduced_size, kRowGrain);
  w.scratch_each = round_up(std::max(scratch_size(program_, kernels_, w.capacity),
                                     scratch_size(program_, kernels_, rows)),
                            kRowGrain);
  w.batch.reserve(std::size_t(w.batch_each * (w.cut.lanes ? threads : 1)));
  w.reduced.reserve(std::size_t(w.reduced_each * std::max<Index>(w.cut.lanes, 1)));
  w.scratch.reserve(std::size_t(w.scratch_each * threads));
  w.views.resize(n_feeds * std::size_t(threads));
  w.outputs.resize(program_.output_columns.size() * std::size_t(threads));
}

// Points views at rows [begin, end) of the batch, bringing those that need it into the arena.
// views are of row `first` of the batch, which is where `arena` begins.
template <class T>
void Executor<T>::place_feeds(Workspace& w, const Batch& batch, Index first, Index begin, Index end,
                              View<const T>* views, T* arena, Index capacity) const {
  for (std::size_t i = 0; i < batch.feeds->size(); ++i) {
    const Feed& feed = (*batch.feeds)[i];
    const bool by_batch = program_.feed_rows[i] == kBatch;
    if (!w.copied[i]) {
      const T* data = static_cast<const T*>(feed.data);
      views[i] = {data + (by_batch ? (batch.first + first) * feed.stride : 0), feed.stride};
    } else if (by_batch) {
      T* copy = arena + program_.feed_offsets[i] * capacity;
      gather(feed, batch.order, batch.first + first, begin - first, end - first, copy);
      views[i] = {copy, feed.columns};
    } else {
      views[i] = {w.fixed.data() + program_.feed_offsets[i], feed.columns};
    }
  }
}

template <class T>
Frame<T> Executor<T>::whole_frame(Workspace& w, const Batch& batch) const {
  Frame<T> f;
  f.kernels = &kernels_;
  f.batch = w.batch_of(0);
  f.capacity = w.capacity;
  f.fixed = w.fixed.data();
  f.reduced = w.reduced.data();
  f.parameters = batch.parameters;
  f.feeds = nullptr;
  f.outputs = nullptr;
  f.rows = f.total_rows = batch.rows;
  f.first_row = 0;
  f.accumulate = false;
  f.key = batch.key;
  return f;
}

template <class T>
bool Executor<T>::run_batch(Workspace& w, const Batch& batch, const Member& member) const {
  const std::size_t thread = std::size_t(member.thread), n = program_.output_columns.size();
  for (std::size_t i = 0; i < n; ++i)
    w.outputs[thread * n + i] = {(*batch.outputs)[i], program_.output_columns[i]};
  return w.cut.lanes ? run_lanes(w, batch, member) : run_uncut(w, batch, member);
}

template <class T>
bool Executor<T>::run_uncut(Workspace& w, const Batch& batch, const Member& member) const {
  Frame<T> f = whole_frame(w, batch);
  const std::size_t thread = std::size_t(member.thread);
  View<const T>* views = w.views.data() + thread * batch.feeds->size();
  const Range mine = part(batch.rows, 1, member.thread, member.threads);
  place_feeds(w, batch, 0, mine.begin, mine.end, views, f.batch, f.capacity);
  f.feeds = views;
  f.outputs = w.outputs.data() + thread * program_.output_columns.size();
  T* scratch = w.scratch_of(member.thread);
  member.wait();
  for (const Step& step : program_.steps) {
    if (step.barrier) {
      if (batch.listener) batch.listener->poll(member);
      member.wait();
      if (batch.listener && batch.listener->stops(member)) return false;
    }
    run_step(step, f, member.thread, member.threads, scratch);
  }
  member.wait();
  return true;
}

template <class T>
void Executor<T>::run_section(Workspace& w, const Batch& batch, bool after,
                              const Member& member) const {
  const std::size_t begin = after ? after_begin_ : 0;
  const std::size_t end = after ? program_.steps.size() : before_end_;
  if (begin == end) return;
  Frame<T> f = whole_frame(w, batch);
  const std::size_t thread = std::size_t(member.thread);
  View<const T>* views = w.views.data() + thread * batch.feeds->size();
  place_feeds(w, batch, 0, 0, 0, views, f.batch, f.capacity);
  f.feeds = views;
  f.outputs = w.outputs.data() + thread * program_.output_columns.size();
  for (std::size_t i = begin; i < end; ++i) {
    if (program_.steps[i].barrier) member.wait();
    run_step(program_.steps[i], f, member.thread, member.threads, w.scratch_of(member.thread));
  }
  member.wait();
}

template <class T>
void Executor<T>::run_lane(Workspace& w, const Batch& batch, Index lane, int thread) const {
  Frame<T> f = whole_frame(w, batch);
  f.batch = w.batch_of(thread);
  f.reduced = w.reduced_of(lane);
  const std::size_t n_outputs = program_.output_columns.size();
  View<const T>* views = w.views.data() + std::size_t(thread) * batch.feeds->size();
  View<T>* outputs = w.outputs.data() + std::size_t(thread) * n_outputs;
  const Index lane_begin = lane * w.cut.lane_rows;
  const Index lane_end = std::min(batch.rows, lane_begin + w.cut.lane_rows);
  for (Index begin = lane_begin; begin < lane_end; begin += w.cut.chunk) {
    if (batch.listener && batch.listener->heard()) return;
    const Index end = std::min(lane_end, begin + w.cut.chunk);
    place_feeds(w, batch, begin, begin, end, views, f.batch, f.capacity);
    for (std::size_t i = 0; i < n_outputs; ++i)
      if (program_.output_rows[i] == kBatch)
        outputs[i].data = (*batch.outputs)[i] + begin * outputs[i].ld;
    f.feeds = views;
    f.outputs = outputs;
    f.rows = end - begin;
    f.first_row = begin;
    f.accumulate = begin > lane_begin;
    for (std::size_t i = before_end_; i < after_begin_; ++i)
      run_step(program_.steps[i], f, 0, 1, w.scratch_of(thread));
  }
}

// reduced of lane 0 ← Σ over lanes, lane by lane.
template <class T>
void Executor<T>::add_lanes(Workspace& w, Index lanes, const Member& member) const {
  const auto add = kernels_.binary[int(Binary::add)];
  const Range mine = part(program_.reduced_size, 64, member.thread, member.threads);
  const Index n = mine.end - mine.begin;
  if (n == 0) return;
  T* sum = w.reduced_of(0) + mine.begin;
  for (Index lane = 1; lane < lanes; ++lane)
    add(1, n, sum, 0, 1, w.reduced_of(lane) + mine.begin, 0, 1, sum, n);
}

template <class T>
bool Executor<T>::run_lanes(Workspace& w, const Batch& batch, const Member& member) const {
  run_section(w, batch, false, member);
  const Index lanes = (batch.rows + w.cut.lane_rows - 1) / w.cut.lane_rows;  // a short batch: fewer
  const Range mine = part(lanes, 1, member.thread, member.threads);
  for (Index lane = mine.begin; lane < mine.end; ++lane) {
    if (batch.listener) batch.listener->poll(member);
    run_lane(w, batch, lane, member.thread);
  }
  member.wait();
  if (batch.listener && batch.listener->stops(member)) return false;
  if (program_.reduced_size && lanes > 1) {
    add_lanes(w, lanes, member);
    member.wait();
  }
  run_section(w, batch, true, member);
  return true;
}

template <class T>
void Executor<T>::run(const std::vector<Feed>& feeds, Index rows, const T* parameters,
                      const std::vector<T*>& outputs, std::uint64_t seed, std::uint64_t step,
                      T* gradient, T* scalars) {
  std::unique_ptr<Workspace> w = take_workspace();
  const int threads = threads_for(rows);
  prepare(*w, rows, threads, feeds, false);
  const Batch batch{&feeds, nullptr, 0, rows, parameters, &outputs, run_key(seed, step)};
  run_prepared(*w, batch, threads);
  if (gradient) std::copy_n(w->reduced.data(), program_.parameter_size, gradient);
  for (std::size_t i = 0; scalars && i < program_.scalars.size(); ++i)
    scalars[i] = w->reduced.data()[program_.scalars[i]];
  give_back(std::move(w));
}

template <class T>
void Executor<T>::run_prepared(Workspace& w, const Batch& batch, int threads) const {
  if (threads == 1) {
    const FlushSubnormals flush;
    Barrier barrier;
    run_batch(w, batch, Member{0, 1, barrier, 0});
  } else {
    run_team(threads, [&](const Member& member) { run_batch(w, batch, member); });
  }
}

template <class T>
void Executor<T>::run_one(const Feed& feed, const T* parameters, T* output) {
  std::unique_ptr<Workspace> w = take_workspace();
  w->one_feed[0] = feed;
  w->one_output[0] = output;
  const int threads = threads_for(feed.rows);
  prepare(*w, feed.rows, threads, w->one_feed, false);
  run_prepared(*w, Batch{&w->one_feed, nullptr, 0, feed.rows, parameters, &w->one_output, 0},
               threads);
  give_back(std::move(w));
}

template class Executor<float>;
template class Executor<double>;

}  // namespace fastmlp
