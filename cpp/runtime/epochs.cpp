// The epoch loop: gather a batch's rows, forward, backward, update, next; one team for the whole
// call, as long as it is worth its threads.
#include <algorithm>
#include <limits>

#include "runtime/executor.h"
#include "runtime/workspace.h"

namespace fastmlp {
namespace {

constexpr Index kStepsPerBackup = 32;  // steps after which an epoch begins with a new backup
constexpr double kFlopsPerPoll = 1e7;  // some 0.1 ms: a look at the clock is nothing beside it

// NaN and infinity have all exponent bits set; x − x is zero for every other number.
template <class T>
bool finite(T x) {
  return x - x == T(0);
}

}  // namespace

template <class T>
class EpochLoop {
 public:
  using Workspace = typename Executor<T>::Workspace;

  // members: null, or those of which this is one, with a thread to itself.
  EpochLoop(Executor<T>& executor, const TrainingCall<T>& call,
            std::unique_ptr<Workspace> workspace, Members* members = nullptr)
      : executor_(executor),
        call_(call),
        program_(executor.program_),
        w_(std::move(workspace)),
        batches_(parts_of(call.rows, call.batch_rows)),
        one_step_(call.epochs * batches_ == 1 && call.updates.bounds.empty()),
        listener_(members ? members->stopped() : call.interrupted) {
    const double flops = program_.flops_per_row * double(std::min(call.rows, call.batch_rows));
    batches_per_poll_ = 1 + Index(kFlopsPerPoll / (flops + 1.0));
    executor_.prepare(*w_, call.feeds, call.batches(), members != nullptr);
    w_->backup.reserve(std::size_t(program_.parameter_size) * (1 + call.updates.state.size()) + 1);
    sums_.resize(program_.scalars.size());
    if (call.updates.clip_norm < kUnbounded)
      w_->norm_sums.resize(std::size_t(norm_sums(program_.parameter_size)));
  }

  TrainingResult run() {
    while (!ended_) {
      restart();
      run_team(w_->threads, w_->time_alone, w_->pace,
               [this](const Worker& worker) { go_on(worker); });
    }
    return finish();
  }

  // As one of several, on this thread.
  TrainingResult run_alone() {
    Barrier barrier;
    restart();
    go_on(Worker{0, 1, barrier});
    return finish();
  }

  std::unique_ptr<Workspace> workspace() { return std::move(w_); }

 private:
  TrainingResult finish() {
    result_.interrupted = listener_.heard();
    // At the end, by the last loss and by the parameters (with the optimizer's state):
    //   loss finite, parameters finite           every step counts
    //   loss non-finite, parameters finite       the step is not taken: they are those before it
    //   loss finite, parameters non-finite       the last update overflowed: back to the backup
    //   loss non-finite, parameters non-finite   an update before overflowed: back to the backup
    // Without a step, parameters that are non-finite were given so.
    if (non_finite_ && result_.steps > 0) result_.non_finite = true;
    if (non_finite_ && result_.non_finite) restore();
    return result_;
  }

  struct Place {
    Index epoch = 0, batch = 0;
    Index since_backup = kStepsPerBackup, since_poll = 0;  // in steps
  };

  void restart() {
    listener_.restart();
    leave_at_ = std::numeric_limits<Index>::max();
  }

  void go_on(const Worker& worker) {
    if (!loop(worker)) return;
    if (worker.thread == 0) ended_ = true;
    worker.wait();  // the last update is done
    if (!one_step_) check_finite(worker);
  }

  // Batches from place_ on. False if the team had better end before the last one.
  bool loop(const Worker& worker) {
    Place at = place_;
    for (; at.epoch < call_.epochs; ++at.epoch, at.batch = 0) {
      if (at.batch == 0 && !begin_epoch(worker, at)) return true;
      for (; at.batch < batches_; ++at.batch, ++at.since_backup) {
        const Index number = at.epoch * batches_ + at.batch;
        if (number >= leave_at_) {
          if (worker.thread == 0) place_ = at;
          return false;
        }
        if (++at.since_poll >= batches_per_poll_) {
          listener_.poll(worker);
          at.since_poll = 0;
        }
        if (listener_.stops(worker)) return true;
        if (worker.outlived()) leave_at_ = number + 1;  // the others see it after a barrier
        if (!step(worker, at.epoch, at.batch)) return true;
      }
      if (worker.thread == 0) {
        for (std::size_t i = 0; i < sums_.size(); ++i)
          call_.scalars[at.epoch * Index(sums_.size()) + Index(i)] = sums_[i] / weight_;
        if (call_.sums) {
          std::copy(sums_.begin(), sums_.end(), call_.sums);
          call_.sums[sums_.size()] = weight_;
        }
        result_.epochs = at.epoch + 1;
      }
    }
    return true;
  }

  bool begin_epoch(const Worker& worker, Place& at) {
    if (worker.thread == 0) {
      const bool goes_on = at.epoch == 0 && call_.sums;
      for (std::size_t i = 0; i < sums_.size(); ++i) sums_[i] = goes_on ? call_.sums[i] : 0.0;
      weight_ = goes_on ? call_.sums[sums_.size()] : 0.0;
    }
    if (at.since_backup >= kStepsPerBackup && !one_step_) {
      if (!backup(worker)) return false;
      at.since_backup = 0;
    }
    return true;
  }

  // One batch. False if it was stopped or the loss is not finite: the parameters stay as they are.
  bool step(const Worker& worker, Index epoch, Index b) {
    const Index first = b * call_.batch_rows;
    const Index rows = std::min(call_.batch_rows, call_.rows - first);
    const Index number = epoch * batches_ + b;
    const std::int64_t* order = call_.order ? call_.order + epoch * call_.rows : nullptr;
    const typename Executor<T>::Batch batch{
        &call_.feeds,
        order,
        first,
        rows,
        call_.parameters,
        &call_.outputs,
        run_key(call_.seed, call_.first_step + std::uint64_t(number)),
        number,
        batches_per_poll_ == 1 ? &listener_ : nullptr};
    if (!executor_.run_batch(*w_, batch, worker)) return false;
    const T* reduced = w_->reduced.data();
    if (!finite(reduced[program_.scalars[0]])) {
      if (worker.thread == 0) result_.non_finite = true;
      return false;
    }
    if (worker.thread == 0) {
      const bool by_rows = program_.batch_weight == kRows;
      const double weight = by_rows ? double(rows) : double(reduced[program_.batch_weight]);
      for (std::size_t i = 0; i < sums_.size(); ++i)
        sums_[i] += double(reduced[program_.scalars[i]]) * weight;
      weight_ += weight;
      result_.steps = number + 1;
    }
    const Care<T> care = one_step_ ? Care<T>{w_->backup.data(), &non_finite_} : Care<T>{};
    update(call_.updates, executor_.kernels_, number, program_.parameter_size, call_.parameters,
           reduced, w_->norm_sums.data(), worker, care);
    return true;
  }

  // False if the last update made the parameters non-finite: then the backup before it stays.
  bool backup(const Worker& worker) {
    worker.wait();
    const Index n = program_.parameter_size;
    const Range r = part(n, 64, worker.thread, worker.threads);
    if (result_.steps > 0) {
      check_finite(worker);
      worker.wait();
      if (non_finite_) return false;
    }
    std::copy(call_.parameters + r.begin, call_.parameters + r.end, w_->backup.data() + r.begin);
    for (std::size_t s = 0; s < call_.updates.state.size(); ++s)
      std::copy(call_.updates.state[s] + r.begin, call_.updates.state[s] + r.end,
                w_->backup.data() + (Index(s) + 1) * n + r.begin);
    return true;
  }

  // Whether this thread's part of the parameters and the state is finite.
  void check_finite(const Worker& worker) {
    const Range r = part(program_.parameter_size, 64, worker.thread, worker.threads);
    const Kernels<T>& kernels = executor_.kernels_;
    bool all = finite(kernels, r.end - r.begin, call_.parameters + r.begin);
    for (const T* s : call_.updates.state)
      all = all && finite(kernels, r.end - r.begin, s + r.begin);
    if (!all) non_finite_ = true;
  }

  // Parameters and state of the last backup.
  void restore() {
    const Index n = program_.parameter_size;
    std::copy_n(w_->backup.data(), n, call_.parameters);
    for (std::size_t s = 0; s < call_.updates.state.size(); ++s)
      std::copy_n(w_->backup.data() + (Index(s) + 1) * n, n, call_.updates.state[s]);
  }

  Executor<T>& executor_;
  const TrainingCall<T>& call_;
  const Program& program_;
  std::unique_ptr<Workspace> w_;
  const Index batches_;
  const bool one_step_;       // then the update backs up and checks what it changes
  std::vector<double> sums_;  // of the epoch: scalars times weights of their batches
  double weight_ = 0.0;       // of the epoch's batches
  Listener listener_;
  Place place_;                     // where the next team begins
  std::atomic<Index> leave_at_{0};  // the step before which this one ends
  bool ended_ = false;
  std::atomic<bool> non_finite_{false};  // whether the parameters or the state are
  Index batches_per_poll_ = 1;
  TrainingResult result_;
};

template <class T>
TrainingResult Executor<T>::train(const TrainingCall<T>& call) {
  EpochLoop<T> loop(*this, call, take_workspace());
  const TrainingResult result = loop.run();
  give_back(loop.workspace());
  return result;
}

template <class T>
std::vector<TrainingResult> Executor<T>::train_each(const std::vector<TrainingCall<T>>& calls) {
  std::vector<TrainingResult> results(calls.size());
  if (calls.empty()) return results;
  double steps = 0;
  for (const TrainingCall<T>& c : calls)
    steps += double(c.epochs) * double(parts_of(c.rows, c.batch_rows));
  Members members(calls[0].interrupted);
  const Dealing dealing = deal(calls[0].feeds, calls[0].batches(), Index(calls.size()), steps);
  if (dealing.dealt) {
    std::unique_ptr<Spares> spares = take_spares();
    members.run(dealing, [&](Index i) {
      const std::size_t n = std::size_t(i);
      EpochLoop<T> loop(*this, calls[n], spares->take(*this), &members);
      results[n] = loop.run_alone();
      spares->give_back(loop.workspace());
    });
    give_back(std::move(spares));
  }
  bool stopped = members.poll();
  for (std::size_t i = std::size_t(dealing.dealt); i < calls.size(); ++i) {
    if (!stopped) results[i] = train(calls[i]);
    stopped = stopped || results[i].interrupted || members.poll();
  }
  for (TrainingResult& result : results) result.interrupted = stopped;
  return results;
}

template TrainingResult Executor<float>::train(const TrainingCall<float>&);
template TrainingResult Executor<double>::train(const TrainingCall<double>&);
template std::vector<TrainingResult> Executor<float>::train_each(
    const std::vector<TrainingCall<float>>&);
template std::vector<TrainingResult> Executor<double>::train_each(
    const std::vector<TrainingCall<double>>&);

}  // namespace fastmlp
