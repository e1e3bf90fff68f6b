// Members of a call: jobs that one thread each does whole, dealt out to a team as its threads
// become free. Knows nothing of what they do.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/batches.h"
#include "runtime/team.h"

namespace fastmlp {

// How many of the jobs, the first, are dealt out to how many threads; the others come one after the
// other. `alone`: about what one thread takes for those that are dealt.
struct Dealing {
  Index dealt = 0;
  int threads = 1;
  Nanoseconds alone{0};
};

class Members {
 public:
  // interrupted: asked about every 50 ms by the calling thread alone.
  explicit Members(const std::function<bool()>& interrupted)
      : interrupted_(interrupted), stopped_([this] {
          poll();
          return stop_.load(std::memory_order_relaxed);
        }) {}

  // Does the jobs from 0 on. job(i, worker) returns true when it is done; where `leaves` has told
  // it to let go it returns false, and is called again, perhaps by another thread. Throws what a
  // job throws; the others then stop.
  void run(const Dealing& dealing, const std::function<bool(Index, const Worker&)>& job);

  // For jobs, now and then: whether to let go, as the team ends.
  bool leaves(const Worker& worker) {
    if (worker.outlived()) leave_.store(true, std::memory_order_relaxed);
    return leave_.load(std::memory_order_relaxed);
  }
  // For jobs, every 50 ms: whether to stop. It may be asked by any thread.
  const std::function<bool()>& stopped() const { return stopped_; }
  // On the calling thread, between jobs.
  bool poll();

 private:
  Index take();
  void done(Index job, bool whole);
  void work(const std::function<bool(Index, const Worker&)>& job, const Worker& worker);

  const std::function<bool()>& interrupted_;
  const std::function<bool()> stopped_;
  const std::thread::id caller_ = std::this_thread::get_id();
  Clock::time_point last_ = Clock::now();  // that the caller asked
  std::atomic<bool> stop_{false}, leave_{false};
  std::mutex guard_;
  Index next_ = 0, jobs_ = 0, busy_ = 0;  // of those that begin; on their way now
  Word finished_;                         // how often a job was let go
  std::vector<Index> waiting_;            // begun, to go on with
  std::exception_ptr error_;
};

}  // namespace fastmlp
