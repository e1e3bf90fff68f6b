// How a batch runs: as a whole or in pieces, whose steps threads share, or in lanes, each done by
// one thread. cut.cpp decides which.
#include <algorithm>

#include "runtime/executor.h"
#include "runtime/workspace.h"

namespace fastmlp {

template <class T>
bool Executor<T>::run_uncut(Workspace& w, const Batch& batch, const Worker& worker) const {
  Frame<T> f = whole_frame(w, batch);
  View<T>* outputs = w.outputs.data() + std::size_t(worker.thread) * program_.output_columns.size();
  T* scratch = w.scratch_of(worker.thread);
  Index begin = 0;
  do {
    const Index end = std::min(batch.rows, begin + w.cut.chunk);
    place_feeds(w, batch, {begin, end}, worker, f);
    move_outputs(batch, begin, outputs);
    f.outputs = outputs;
    f.rows = end - begin;
    f.first_row = begin;
    f.accumulate = begin > 0;
    worker.wait();  // the rows are there, and the update of the batch before is done
    const std::size_t first = begin == 0 ? 0 : before_end_;
    const std::size_t last = end == batch.rows ? program_.steps.size() : after_begin_;
    for (std::size_t i = first; i < last; ++i) {
      if (program_.steps[i].barrier) {
        if (batch.listener) batch.listener->poll(worker);
        worker.wait();
        if (batch.listener && batch.listener->stops(worker)) return false;
      }
      run_step(program_.steps[i], f, worker.thread, worker.threads, scratch);
    }
    worker.wait();
    begin = end;
  } while (begin < batch.rows);
  return true;
}

// Lets the outputs with batch rows begin at a row of the batch.
template <class T>
void Executor<T>::move_outputs(const Batch& batch, Index row, View<T>* outputs) const {
  for (std::size_t i = 0; i < program_.output_rows.size(); ++i)
    if (program_.output_rows[i] == kBatch)
      outputs[i].data = (*batch.outputs)[i] + row * outputs[i].ld;
}

template <class T>
void Executor<T>::run_section(Workspace& w, const Batch& batch, bool after,
                              const Worker& worker) const {
  const std::size_t begin = after ? after_begin_ : 0;
  const std::size_t end = after ? program_.steps.size() : before_end_;
  if (begin == end) return;
  Frame<T> f = whole_frame(w, batch);
  place_feeds(w, batch, {0, 0}, worker, f);
  f.outputs = w.outputs.data() + std::size_t(worker.thread) * program_.output_columns.size();
  for (std::size_t i = begin; i < end; ++i) {
    if (program_.steps[i].barrier) worker.wait();
    run_step(program_.steps[i], f, worker.thread, worker.threads, w.scratch_of(worker.thread));
  }
  worker.wait();
}

template <class T>
void Executor<T>::run_lane(Workspace& w, const Batch& batch, Index lane,
                           const Worker& worker) const {
  Frame<T> f = whole_frame(w, batch);
  f.batch = w.batch_of(worker.thread);
  f.reduced = w.reduced_of(lane);
  const std::size_t n_outputs = program_.output_columns.size();
  View<T>* outputs = w.outputs.data() + std::size_t(worker.thread) * n_outputs;
  const Index lane_begin = lane * w.cut.lane_rows;
  const Index lane_end = std::min(batch.rows, lane_begin + w.cut.lane_rows);
  for (Index begin = lane_begin; begin < lane_end; begin += w.cut.chunk) {
    if (batch.listener) {
      batch.listener->poll(worker);
      if (batch.listener->heard()) return;
    }
    const Index end = std::min(lane_end, begin + w.cut.chunk);
    place_feeds(w, batch, {begin, end}, worker, f);
    move_outputs(batch, begin, outputs);
    f.outputs = outputs;
    f.rows = end - begin;
    f.first_row = begin;
    f.accumulate = begin > lane_begin;
    for (std::size_t i = before_end_; i < after_begin_; ++i)
      run_step(program_.steps[i], f, 0, 1, w.scratch_of(worker.thread));
  }
}

// The sums of lanes become one by pairs: lane i ← lane i + lane (i + s) for s = 1, 2, 4, … and
// every 2s-th i. First each thread adds up pairs of its own lanes, which its core still has; what
// is left is then shared by elements. The order is the same for any number of threads.
template <class T>
void Executor<T>::add_lanes(Workspace& w, Index lanes, bool own, const Worker& worker) const {
  const auto add = kernels_.binary[int(Binary::add)];
  const auto owner = [&](Index lane) {  // as part() gives them out
    return int(lane * worker.threads / lanes);
  };
  const Range all{0, program_.reduced_size};
  const Range mine = own ? all : part(all.end, 64, worker.thread, worker.threads);
  const Index n = mine.end - mine.begin;
  if (n == 0) return;
  for (Index step = 1; step < lanes; step *= 2) {
    for (Index lane = 0; lane + step < lanes; lane += 2 * step) {
      const int first = owner(lane), last = owner(std::min(lane + 2 * step, lanes) - 1);
      if (own ? first != worker.thread || last != first : last == first) continue;
      T* const sum = w.reduced_of(lane) + mine.begin;
      add(1, n, sum, 0, 1, w.reduced_of(lane + step) + mine.begin, 0, 1, sum, n);
    }
  }
}

template <class T>
bool Executor<T>::run_lanes(Workspace& w, const Batch& batch, const Worker& worker) const {
  worker.wait();  // the update of the batch before is done
  run_section(w, batch, false, worker);
  const Index lanes = parts_of(batch.rows, w.cut.lane_rows);  // a short batch: fewer
  const Range mine = part(lanes, 1, worker.thread, worker.threads);
  for (Index lane = mine.begin; lane < mine.end; ++lane) run_lane(w, batch, lane, worker);
  const bool sums = program_.reduced_size && lanes > 1;
  if (sums) add_lanes(w, lanes, true, worker);
  worker.wait();
  if (batch.listener && batch.listener->stops(worker)) return false;
  if (sums && worker.threads > 1) {
    add_lanes(w, lanes, false, worker);
    worker.wait();
  }
  run_section(w, batch, true, worker);
  return true;
}

#define FASTMLP_BATCHES(T)                                                             \
  template bool Executor<T>::run_uncut(Workspace&, const Batch&, const Worker&) const; \
  template bool Executor<T>::run_lanes(Workspace&, const Batch&, const Worker&) const; \
  template void Executor<T>::run_lane(Workspace&, const Batch&, Index, const Worker&) const;
FASTMLP_BATCHES(float)
FASTMLP_BATCHES(double)

}  // namespace fastmlp
