// Runs a Program: one batch, or epochs of them. Knows nothing of Python.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "runtime/arena.h"
#include "runtime/batches.h"
#include "runtime/feeds.h"
#include "runtime/members.h"
#include "runtime/program.h"
#include "runtime/sparse.h"
#include "runtime/steps/table.h"
#include "runtime/team.h"
#include "runtime/update.h"

namespace fastmlp {

template <class T>
struct TrainingCall {
  std::vector<Feed> feeds;
  const std::int64_t* order = nullptr;  // epochs × rows, or null: as they stand
  Index rows = 0, batch_rows = 0, epochs = 0;
  T* parameters = nullptr;
  Updates<T> updates;
  std::uint64_t seed = 0, first_step = 0;
  std::function<bool()> interrupted;  // asked about every 50 ms by the calling thread
  double* scalars = nullptr;          // out: epochs × the program's scalars, averages over batches
  std::vector<T*> outputs;            // where the program's results go in each step
  // In and out, or null: of a first epoch whose batches come in several calls, what its averages
  // are made of so far. Its scalars times the weights of their batches, then these weights.
  double* sums = nullptr;
  Batches batches() const { return {order, rows, batch_rows, epochs}; }
};

// One member's part of a call for several: its parameters, and where its results go.
template <class T>
struct RunCall {
  const T* parameters = nullptr;
  std::vector<T*> outputs;
  std::uint64_t seed = 0;
};

struct TrainingResult {
  Index epochs = 0, steps = 0;  // completed
  bool non_finite = false, interrupted = false;
};

template <class T>
class Executor {
 public:
  Executor(Program program, const Kernels<T>& kernels);
  ~Executor();

  const Program& program() const { return program_; }
  Index lanes(Index rows) const { return cut(rows).lanes; }

  // One batch of `rows` rows. outputs: where each result goes, contiguous. gradient: null, or room
  // for the first `parameter_size` elements of the reduced space. scalars: null, or room for each.
  // False if it was interrupted, which is asked every 50 ms: then some results are not there.
  bool run(const std::vector<Feed>& feeds, Index rows, const T* parameters,
           const std::vector<T*>& outputs, std::uint64_t seed, std::uint64_t step,
           T* gradient = nullptr, T* scalars = nullptr,
           const std::function<bool()>* interrupted = nullptr);

  // One feed with batch rows, one output: as run, for a program that needs no more.
  bool run_one(const Feed& feed, const T* parameters, T* output,
               const std::function<bool()>* interrupted = nullptr);

  TrainingResult train(const TrainingCall<T>& call);

  // Members: each has the bits that it would have alone. They are dealt out to threads whole, but
  // for large ones, which come one after the other with the whole team.
  std::vector<TrainingResult> train_each(const std::vector<TrainingCall<T>>& calls);
  // False if it was interrupted: then some results are not there.
  bool run_each(const std::vector<Feed>& feeds, Index rows, const std::vector<RunCall<T>>& calls,
                std::uint64_t step, const std::function<bool()>& interrupted);

 private:
  struct Workspace;
  struct Spares;
  struct Batch;
  Cut cut(Index rows) const;
  std::unique_ptr<Workspace> make_workspace() const;
  std::unique_ptr<Workspace> take_workspace();
  void give_back(std::unique_ptr<Workspace> workspace);
  // The same for the threads of members: all that there are.
  std::unique_ptr<Spares> take_spares();
  void give_back(std::unique_ptr<Spares> spares);
  Dealing deal(const std::vector<Feed>& feeds, const Batches& batches, Index jobs, double steps);
  // What one thread takes for a batch, in ns: to compute it, and at least to read the parameters.
  double busy_time(Index rows, double flops) const;
  double batch_time(Index rows, double flops) const;
  double parameter_bytes() const;
  int threads_for(Workspace& w, double flops, const Batches& batches) const;
  bool deals_lanes(const Workspace& w) const;
  void run_prepared(Workspace& w, const Batch& batch) const;
  bool run_prepared(Workspace& w, const Batch& batch,
                    const std::function<bool()>* interrupted) const;
  bool run_asking(Workspace& w, Batch batch, const std::function<bool()>& interrupted) const;
  // alone: for one thread, however much it is.
  void prepare(Workspace& w, const std::vector<Feed>& feeds, const Batches& batches,
               bool alone = false) const;
  double prepare_feeds(Workspace& w, const std::vector<Feed>& feeds, const Batches& batches) const;
  void place_outputs(Workspace& w, const Batch& batch, int thread) const;
  // False if the listener stopped it: then what was computed is of no use.
  bool run_batch(Workspace& w, const Batch& batch, const Worker& worker) const;
  bool run_uncut(Workspace& w, const Batch& batch, const Worker& worker) const;
  bool run_lanes(Workspace& w, const Batch& batch, const Worker& worker) const;
  void run_lane(Workspace& w, const Batch& batch, Index lane, const Worker& worker) const;
  void move_outputs(const Batch& batch, Index row, View<T>* outputs) const;
  void run_section(Workspace& w, const Batch& batch, bool after, const Worker& worker) const;
  void add_lanes(Workspace& w, Index lanes, bool own, const Worker& worker) const;
  void place_feeds(Workspace& w, const Batch& batch, Range rows, const Worker& worker,
                   Frame<T>& frame) const;
  void turn_feeds(Workspace& w, const std::vector<Feed>& feeds, Index rows,
                  const Worker& worker) const;
  Frame<T> whole_frame(Workspace& w, const Batch& batch) const;

  Program program_;
  const Kernels<T>& kernels_;
  std::vector<FactorUse> uses_;                   // of each feed
  std::size_t before_end_ = 0, after_begin_ = 0;  // steps [0, before_end_) and [after_begin_, …)
  int meetings_ = 2;  // of threads that share the steps of a batch, before it and after it, too
  std::atomic<Workspace*> idle_{nullptr};
  std::atomic<Spares*> idle_spares_{nullptr};
  template <class U>
  friend class EpochLoop;
};

}  // namespace fastmlp
