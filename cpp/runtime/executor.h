// Runs a Program: one batch, or epochs of them. Knows nothing of Python.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "runtime/arena.h"
#include "runtime/feeds.h"
#include "runtime/program.h"
#include "runtime/steps.h"
#include "runtime/team.h"

namespace fastmlp {

// How a batch is cut: into `lanes`, each summing over its own rows `chunk` rows at a time, each
// done by one thread; or not at all (lanes = 0), then threads share every step. A function of the
// program and the number of rows alone, never of the threads: the sums come out the same.
struct Cut {
  Index lanes = 0;
  Index lane_rows = 0;
  Index chunk = 0;
};
Cut cut_batch(const Program& program, Index rows, Index element_size);

enum class UpdateRule : int { adam, sgd };

// The values of one step of the optimizer: adam α, β₁, β₂, ε, decay; sgd lr, μ, nesterov, decay.
constexpr Index kStepValues = 5;

template <class T>
struct TrainingCall {
  std::vector<Feed> feeds;
  const std::int64_t* order = nullptr;  // epochs × rows, or null: as they stand
  Index rows = 0, batch_rows = 0, epochs = 0;
  T* parameters = nullptr;
  std::vector<T*> state;
  UpdateRule rule = UpdateRule::adam;
  const double* step_values = nullptr;  // one row a step
  std::uint64_t seed = 0, first_step = 0;
  std::function<bool()> interrupted;  // asked about every 50 ms by the calling thread
  double* scalars = nullptr;          // out: epochs × the program's scalars, averages over rows
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

  // One batch of `rows` rows. outputs: where each result goes, contiguous. gradient: null, or room
  // for the first `parameter_size` elements of the reduced space. scalars: null, or room for each.
  void run(const std::vector<Feed>& feeds, Index rows, const T* parameters,
           const std::vector<T*>& outputs, std::uint64_t seed, std::uint64_t step,
           T* gradient = nullptr, T* scalars = nullptr);

  // One feed with batch rows, one output: as run, for a program that needs no more.
  void run_one(const Feed& feed, const T* parameters, T* output);

  TrainingResult train(const TrainingCall<T>& call);

 private:
  struct Workspace;
  struct Batch;
  std::unique_ptr<Workspace> take_workspace();
  void give_back(std::unique_ptr<Workspace> workspace);
  int threads_for(Index rows) const;
  void run_prepared(Workspace& w, const Batch& batch, int threads) const;
  void prepare(Workspace& w, Index rows, int threads, const std::vector<Feed>& feeds,
               bool ordered) const;
  // False if the listener stopped it: then what was computed is of no use.
  bool run_batch(Workspace& w, const Batch& batch, const Member& member) const;
  bool run_uncut(Workspace& w, const Batch& batch, const Member& member) const;
  bool run_lanes(Workspace& w, const Batch& batch, const Member& member) const;
  void run_lane(Workspace& w, const Batch& batch, Index lane, int thread) const;
  void run_section(Workspace& w, const Batch& batch, bool after, const Member& member) const;
  void add_lanes(Workspace& w, Index lanes, const Member& member) const;
  void place_feeds(Workspace& w, const Batch& batch, Index first, Index begin, Index end,
                   View<const T>* views, T* arena, Index capacity) const;
  Frame<T> whole_frame(Workspace& w, const Batch& batch) const;

  Program program_;
  const Kernels<T>& kernels_;
  std::size_t before_end_ = 0, after_begin_ = 0;  // steps [0, before_end_) and [after_begin_, …)
  std::atomic<Workspace*> idle_{nullptr};
  template <class U>
  friend class EpochLoop;
};

}  // namespace fastmlp
