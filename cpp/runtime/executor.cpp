#include "runtime/executor.h"

#include <algorithm>

#include "runtime/subnormals.h"
#include "runtime/workspace.h"

namespace fastmlp {
namespace {

// What a thread does of a batch, in ns or bytes, before another is worth its while: with lanes that
// are dealt out it meets nobody, with others it meets rarely, else before nearly every step.
constexpr double kDealtTime = 4.5e3, kLaneTime = 6.2e3, kMeetingTime = 1.25e3;
constexpr double kShareBytes = 1024.0 * 1024.0;  // of parameters to read
constexpr double kBytesPerNs = 80.0;             // of parameters, which a batch reads at least
constexpr double kAskedFlops = 1e7;              // of a call that asks whether it is interrupted

Index round_up(Index n, Index grain) { return parts_of(n, grain) * grain; }

}  // namespace

template <class T>
Executor<T>::Executor(Program program, const Kernels<T>& kernels)
    : program_(std::move(program)), kernels_(kernels) {
  program_.check();
  program_.count_flops();  // of sizes that are checked
  for (const Step& step : program_.steps) meetings_ += int(step.barrier);
  uses_ = factor_uses(program_);
  const auto& steps = program_.steps;
  while (before_end_ < steps.size() && steps[before_end_].section == Section::before) ++before_end_;
  after_begin_ = steps.size();
  while (after_begin_ > before_end_ && steps[after_begin_ - 1].section == Section::after)
    --after_begin_;
}

template <class T>
Executor<T>::~Executor() {
  delete idle_.load();
  delete idle_spares_.load();
}

template <class T>
std::unique_ptr<typename Executor<T>::Workspace> Executor<T>::make_workspace() const {
  auto w = std::make_unique<Workspace>();
  w->fixed.reserve(std::size_t(program_.fixed_size + program_.fed_size()) + 1);
  for (std::size_t i = 0; i < program_.constants.size(); ++i)
    w->fixed.data()[i] = T(program_.constants[i]);
  return w;
}

template <class T>
std::unique_ptr<typename Executor<T>::Workspace> Executor<T>::take_workspace() {
  std::unique_ptr<Workspace> w(idle_.exchange(nullptr));
  return w ? std::move(w) : make_workspace();
}

template <class T>
void Executor<T>::give_back(std::unique_ptr<Workspace> workspace) {
  delete idle_.exchange(workspace.release());
}

template <class T>
double Executor<T>::busy_time(Index rows, double flops) const {
  return operations(program_, rows, flops) / kernels_.flops_per_ns;
}

template <class T>
double Executor<T>::batch_time(Index rows, double flops) const {
  return std::max(busy_time(rows, flops), parameter_bytes() / kBytesPerNs);
}

template <class T>
double Executor<T>::parameter_bytes() const {
  return double(program_.parameter_size) * double(sizeof(T));
}

// Whether threads may take the lanes as they come: nothing is summed over them, before or after.
template <class T>
bool Executor<T>::deals_lanes(const Workspace& w) const {
  return w.cut.lanes > 1 && !program_.reduced_size && before_end_ == 0 &&
         after_begin_ == program_.steps.size();
}

// Tells the workspace the time that one thread would take for all batches, and returns how many are
// worth it. `flops` are those of one batch.
template <class T>
int Executor<T>::threads_for(Workspace& w, double flops, const Batches& batches) const {
  const Index rows = std::min(batches.rows, batches.batch_rows);
  const double busy = busy_time(rows, flops);
  double shares = busy / (kMeetingTime * double(meetings_));
  if (deals_lanes(w))
    shares = busy / kDealtTime;
  else if (w.cut.lanes)
    shares = std::min(busy / kLaneTime, double(w.cut.lanes));
  shares = std::max(shares, parameter_bytes() / kShareBytes);
  if (shares < 2.0) return 1;
  const Index count = parts_of(batches.rows, batches.batch_rows) * batches.epochs;
  w.time_alone = Nanoseconds(std::int64_t(std::min(batch_time(rows, flops) * double(count), 1e18)));
  return int(std::min<double>(max_threads(), shares));
}

// Decides how each feed is read, converts those without batch rows, and returns the work of a
// batch.
template <class T>
double Executor<T>::prepare_feeds(Workspace& w, const std::vector<Feed>& feeds,
                                  const Batches& batches) const {
  const Index rows = std::min(batches.rows, batches.batch_rows);
  double flops = program_.flops_per_row * double(rows);
  Index columns = program_.batch_columns, fixed = program_.fixed_size;
  w.turns = false;
  w.feeds.resize(feeds.size());
  w.sparse_buffers.resize(feeds.size());
  for (std::size_t i = 0; i < feeds.size(); ++i) {
    const Feed& feed = feeds[i];
    const bool by_batch = program_.feed_rows[i] == kBatch;
    Placed& placed = w.feeds[i];
    placed = {};
    if (feed.dtype == DType::csr && uses_[i].only) {
      placed.access = FeedAccess::listed;
      placed.elements = fullest(feed, batches, w.cut);
      w.turns = w.turns || uses_[i].turned_units > 0;
      flops += uses_[i].flops(feed.columns, placed.elements.batch) -
               uses_[i].dense_flops(rows, feed.columns);
    } else if (feed.dtype != dtype_of<T>() || feed.step != 1 || feed.stride < 0 ||
               (batches.order && by_batch)) {
      placed.access = FeedAccess::copied;
      placed.copy = by_batch ? columns : fixed;
      if (by_batch) {
        columns += feed.columns;
      } else {
        gather(feed, nullptr, 0, 0, feed.rows, w.fixed.data() + fixed);
        fixed += feed.rows * feed.columns;
      }
    }
  }
  w.columns = columns;
  return flops;
}

template <class T>
Cut Executor<T>::cut(Index rows) const {
  return cut_batch(program_, rows, Index(sizeof(T)), kernels_.split_gemm != nullptr);
}

template <class T>
void Executor<T>::prepare(Workspace& w, const std::vector<Feed>& feeds, const Batches& batches,
                          bool alone) const {
  const Index rows = std::min(batches.rows, batches.batch_rows), columns = w.columns;
  w.cut = cut(rows);
  w.flops = prepare_feeds(w, feeds, batches);
  const int threads = alone ? 1 : threads_for(w, w.flops, batches);
  const Index pieces = w.cut.lanes ? threads : 1;
  const Index capacity = round_up(w.cut.chunk, kGrain);
  for (std::size_t i = 0; i < feeds.size(); ++i)
    if (w.feeds[i].access == FeedAccess::listed)
      w.sparse_buffers[i].reserve(capacity, feeds[i].columns, w.feeds[i].elements.piece,
                                  uses_[i].turned_units > 0, pieces);
  std::fill(w.sparse.begin(), w.sparse.end(), SparseBatch<T>{});  // of other feeds, before
  if (w.rows == rows && w.threads == threads && w.columns == columns) return;
  w.rows = rows;
  w.threads = threads;
  w.pace = Pace();
  w.capacity = capacity;
  w.batch_each = capacity * w.columns;
  w.reduced_each = round_up(program_.reduced_size, kGrain);
  w.scratch_each = round_up(
      std::max(scratch_size(program_, kernels_, capacity), scratch_size(program_, kernels_, rows)),
      kGrain);
  w.batch.reserve(std::size_t(w.batch_each * pieces));
  w.reduced.reserve(std::size_t(w.reduced_each * std::max<Index>(w.cut.lanes, 1)));
  w.scratch.reserve(std::size_t(w.scratch_each * threads));
  w.views.resize(feeds.size() * std::size_t(threads));
  w.sparse.resize(feeds.size() * std::size_t(threads));
  w.outputs.resize(program_.output_columns.size() * std::size_t(threads));
}

// Points the frame at these rows of the batch, bringing those that cannot be read in place into the
// arena: a thread with an arena of its own all of them, else its part.
template <class T>
void Executor<T>::place_feeds(Workspace& w, const Batch& batch, Range rows, const Worker& worker,
                              Frame<T>& frame) const {
  const bool alone = w.cut.lanes > 0;
  const int thread = alone ? 0 : worker.thread, threads = alone ? 1 : worker.threads;
  const Index first = batch.first + rows.begin, count = rows.end - rows.begin;
  const Range mine = part(count, 1, thread, threads);
  View<const T>* views = w.views.data() + std::size_t(worker.thread) * batch.feeds->size();
  SparseBatch<T>* sparse = w.sparse.data() + std::size_t(worker.thread) * batch.feeds->size();
  for (std::size_t i = 0; i < batch.feeds->size(); ++i) {
    const Feed& feed = (*batch.feeds)[i];
    const Placed& placed = w.feeds[i];
    const bool by_batch = program_.feed_rows[i] == kBatch;
    if (placed.access == FeedAccess::listed) {
      views[i] = {};
      sparse[i] = w.sparse_buffers[i].bring(feed, batch.order, first, count, thread, threads,
                                            alone ? worker.thread : 0);
    } else if (placed.access == FeedAccess::in_place) {
      const T* data = static_cast<const T*>(feed.data);
      const Index row = by_batch ? first : batch.step * feed.each_step;
      views[i] = {data + row * feed.stride, feed.stride};
    } else if (by_batch) {
      T* copy = frame.batch + placed.copy * frame.capacity;
      gather(feed, batch.order, first, mine.begin, mine.end, copy);
      views[i] = {copy, feed.columns};
    } else {
      views[i] = {w.fixed.data() + placed.copy, feed.columns};
    }
  }
  if (w.turns) turn_feeds(w, *batch.feeds, count, worker);
  frame.feeds = views;
  frame.sparse = sparse;
}

// The transposes of the sparse rows that threads have brought.
template <class T>
void Executor<T>::turn_feeds(Workspace& w, const std::vector<Feed>& feeds, Index rows,
                             const Worker& worker) const {
  const bool alone = w.cut.lanes > 0;
  if (!alone) worker.wait();
  for (std::size_t i = 0; i < feeds.size(); ++i)
    if (w.feeds[i].access == FeedAccess::listed)
      w.sparse_buffers[i].turn(rows, alone ? 0 : worker.thread, alone ? 1 : worker.threads,
                               alone ? worker.thread : 0);
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
  f.sparse = nullptr;
  f.outputs = nullptr;
  f.rows = f.total_rows = batch.rows;
  f.first_row = 0;
  f.accumulate = false;
  f.key = batch.key;
  return f;
}

template <class T>
void Executor<T>::place_outputs(Workspace& w, const Batch& batch, int thread) const {
  const std::size_t n = program_.output_columns.size();
  for (std::size_t i = 0; i < n; ++i)
    w.outputs[std::size_t(thread) * n + i] = {(*batch.outputs)[i], program_.output_columns[i]};
}

template <class T>
bool Executor<T>::run_batch(Workspace& w, const Batch& batch, const Worker& worker) const {
  place_outputs(w, batch, worker.thread);
  worker.done += double(batch.rows) / double(w.rows);
  return w.cut.lanes ? run_lanes(w, batch, worker) : run_uncut(w, batch, worker);
}

template <class T>
bool Executor<T>::run(const std::vector<Feed>& feeds, Index rows, const T* parameters,
                      const std::vector<T*>& outputs, std::uint64_t seed, std::uint64_t step,
                      T* gradient, T* scalars, const std::function<bool()>* interrupted) {
  std::unique_ptr<Workspace> w = take_workspace();
  prepare(*w, feeds, {nullptr, rows, rows});
  const Batch batch{&feeds, nullptr, 0, rows, parameters, &outputs, run_key(seed, step)};
  const bool whole = run_prepared(*w, batch, interrupted);
  if (gradient) std::copy_n(w->reduced.data(), program_.parameter_size, gradient);
  for (std::size_t i = 0; scalars && i < program_.scalars.size(); ++i)
    scalars[i] = w->reduced.data()[program_.scalars[i]];
  give_back(std::move(w));
  return whole;
}

template <class T>
void Executor<T>::run_prepared(Workspace& w, const Batch& batch) const {
  if (w.threads == 1) {
    const FlushSubnormals flush;
    Barrier barrier;
    run_batch(w, batch, Worker{0, 1, barrier});
  } else if (deals_lanes(w)) {
    const Index lanes = parts_of(batch.rows, w.cut.lane_rows);
    std::atomic<Index> next{0};
    Barrier barrier;
    const auto work = [&](int thread) {
      place_outputs(w, batch, thread);
      const Worker worker{thread, w.threads, barrier};
      for (Index lane = next++; lane < lanes; lane = next++) run_lane(w, batch, lane, worker);
    };
    run_pieces(w.threads, w.time_alone, w.pace, std::ref(work));
  } else {
    const auto work = [&](const Worker& worker) { run_batch(w, batch, worker); };
    run_team(w.threads, w.time_alone, w.pace, std::ref(work));
  }
}

// False if it was interrupted. What is over before it would ask does not begin to.
template <class T>
bool Executor<T>::run_prepared(Workspace& w, const Batch& batch,
                               const std::function<bool()>* interrupted) const {
  const double numbers = double(batch.rows) * double(program_.batch_columns);
  if (interrupted && w.flops + numbers >= kAskedFlops) return run_asking(w, batch, *interrupted);
  run_prepared(w, batch);
  return true;
}

template <class T>
bool Executor<T>::run_asking(Workspace& w, Batch batch,
                             const std::function<bool()>& interrupted) const {
  Listener listener(interrupted);
  batch.listener = &listener;
  run_prepared(w, batch);
  return !listener.heard();
}

template <class T>
bool Executor<T>::run_one(const Feed& feed, const T* parameters, T* output,
                          const std::function<bool()>* interrupted) {
  std::unique_ptr<Workspace> w = take_workspace();
  w->one_feed[0] = feed;
  w->one_output[0] = output;
  prepare(*w, w->one_feed, {nullptr, feed.rows, feed.rows});
  const Batch batch{&w->one_feed, nullptr, 0, feed.rows, parameters, &w->one_output, 0};
  const bool whole = run_prepared(*w, batch, interrupted);
  give_back(std::move(w));
  return whole;
}

template class Executor<float>;
template class Executor<double>;

}  // namespace fastmlp
