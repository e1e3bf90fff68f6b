#include "runtime/members.h"

#include <algorithm>

#include "runtime/executor.h"
#include "runtime/workspace.h"

namespace fastmlp {
namespace {

// Of activations and sums of a member: each thread has as many. Below, members dealt out to two
// threads, which then meet nowhere, were trained 1.5 to 1.6 times as fast beside busy neighbours as
// by one, and one after the other 1.0 to 1.3 times: 0.1 to 1.9 million weights.
constexpr Index kDealtBytes = 32 * 1024 * 1024;

}  // namespace

bool Members::poll() {
  if (std::this_thread::get_id() == caller_ && interrupted_ && !stop_) {
    const auto now = Clock::now();
    if (now - last_ >= kSignals) {
      last_ = now;
      if (interrupted_()) stop_ = true;
    }
  }
  return stop_;
}

// The next job, −1 if there is none.
Index Members::take(Index jobs) {
  const std::lock_guard<std::mutex> lock(guard_);
  if (next_ >= jobs || stop_) return -1;
  ++busy_;
  return next_++;
}

void Members::done() {
  const std::lock_guard<std::mutex> lock(guard_);
  --busy_;
  finished_.set(finished_.load() + 1);
}

void Members::work(Index jobs, const std::function<void(Index)>& job, int thread) {
  for (Index i = take(jobs); i >= 0; i = take(jobs)) {
    try {
      job(i);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(guard_);
      if (!error_) error_ = std::current_exception();
      stop_ = true;
    }
    done();
    if (thread == 0) poll();
  }
  if (thread != 0) return;
  // The calling thread waits for the others here, where it can be interrupted.
  for (;;) {
    const int seen = finished_.load();
    {
      const std::lock_guard<std::mutex> lock(guard_);
      if (busy_ == 0) return;
    }
    finished_.wait_while(seen, kAwake, std::chrono::milliseconds(20));
    poll();
  }
}

void Members::run(const Dealing& dealing, const std::function<void(Index)>& job) {
  run_dealt(dealing.threads, [&](int thread) { work(dealing.dealt, job, thread); });
  if (error_) std::rethrow_exception(error_);
}

template <class T>
std::unique_ptr<typename Executor<T>::Spares> Executor<T>::take_spares() {
  std::unique_ptr<Spares> spares(idle_spares_.exchange(nullptr));
  return spares ? std::move(spares) : std::make_unique<Spares>();
}

template <class T>
void Executor<T>::give_back(std::unique_ptr<Spares> spares) {
  delete idle_spares_.exchange(spares.release());
}

// How members are dealt out that all are about like one with these feeds and batches: `steps` of
// its batches in all. Those that would use several threads themselves are dealt as many as threads
// can do at once, the rest comes one after another.
template <class T>
Dealing Executor<T>::deal(const std::vector<Feed>& feeds, const Batches& batches, Index jobs,
                          double steps) {
  Dealing dealing;
  const int most = max_threads();
  if (jobs < 2 || most < 2) return dealing;
  std::unique_ptr<Workspace> w = take_workspace();
  prepare(*w, feeds, batches);
  const bool large = w->threads > 1 && w->time_alone >= kAloneTime;
  const double time = batch_time(w->rows, w->flops) * steps;
  const Index numbers = w->batch_each + w->reduced_each * std::max<Index>(w->cut.lanes, 1);
  give_back(std::move(w));
  if (time < double(kAloneTime.count())) return dealing;
  if (large && (jobs < most || numbers * Index(sizeof(T)) > kDealtBytes)) return dealing;
  dealing.threads = int(std::min<Index>(most, jobs));
  dealing.dealt = large ? jobs - jobs % most : jobs;
  return dealing;
}

template <class T>
bool Executor<T>::run_each(const std::vector<Feed>& feeds, Index rows,
                           const std::vector<RunCall<T>>& calls, std::uint64_t step,
                           const std::function<bool()>& interrupted) {
  Members members(interrupted);
  const auto batch = [&](std::size_t i) {
    const RunCall<T>& c = calls[i];
    return Batch{&feeds, nullptr, 0, rows, c.parameters, &c.outputs, run_key(c.seed, step)};
  };
  const Batches batches{nullptr, rows, rows};
  const Dealing dealing = deal(feeds, batches, Index(calls.size()), double(calls.size()));
  if (dealing.dealt) {
    std::unique_ptr<Spares> spares = take_spares();
    members.run(dealing, [&](Index i) {
      std::unique_ptr<Workspace> w = spares->take(*this);
      prepare(*w, feeds, batches, true);
      Barrier barrier;
      Listener listener(members.stopped());
      Batch alone = batch(std::size_t(i));
      alone.listener = &listener;
      run_batch(*w, alone, Worker{0, 1, barrier});
      spares->give_back(std::move(w));
    });
    give_back(std::move(spares));
  }
  if (dealing.dealt < Index(calls.size())) {
    std::unique_ptr<Workspace> w = take_workspace();
    prepare(*w, feeds, batches);
    for (std::size_t i = std::size_t(dealing.dealt); i < calls.size() && !members.poll(); ++i)
      run_prepared(*w, batch(i), &members.stopped());
    give_back(std::move(w));
  }
  return !members.poll();
}

template std::unique_ptr<Executor<float>::Spares> Executor<float>::take_spares();
template void Executor<float>::give_back(std::unique_ptr<Spares>);
template Dealing Executor<float>::deal(const std::vector<Feed>&, const Batches&, Index, double);
template bool Executor<float>::run_each(const std::vector<Feed>&, Index,
                                        const std::vector<RunCall<float>>&, std::uint64_t,
                                        const std::function<bool()>&);
template std::unique_ptr<Executor<double>::Spares> Executor<double>::take_spares();
template void Executor<double>::give_back(std::unique_ptr<Spares>);
template Dealing Executor<double>::deal(const std::vector<Feed>&, const Batches&, Index, double);
template bool Executor<double>::run_each(const std::vector<Feed>&, Index,
                                         const std::vector<RunCall<double>>&, std::uint64_t,
                                         const std::function<bool()>&);

}  // namespace fastmlp
