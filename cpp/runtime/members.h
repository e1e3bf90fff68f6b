// Members of a call: jobs that one thread each does whole, dealt out to a team as its threads
// become free. Knows nothing of what they do.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

#include "runtime/batches.h"
#include "runtime/team.h"

namespace fastmlp {

// How many of the jobs, the first, are dealt out to how many threads; the others come one after the
// other.
struct Dealing {
  Index dealt = 0;
  int threads = 1;
};

class Members {
 public:
  // interrupted: asked about every 50 ms by the calling thread alone.
  explicit Members(const std::function<bool()>& interrupted)
      : interrupted_(interrupted), stopped_([this] { return poll(); }) {}

  // Does the jobs from 0 on, each on one thread. Throws what a job throws; the others then stop.
  void run(const Dealing& dealing, const std::function<void(Index)>& job);

  // For jobs, every 50 ms: whether to stop. It may be asked by any thread.
  const std::function<bool()>& stopped() const { return stopped_; }
  // On the calling thread, between jobs.
  bool poll();

 private:
  Index take(Index jobs);
  void done();
  void work(Index jobs, const std::function<void(Index)>& job, int thread);

  const std::function<bool()>& interrupted_;
  const std::function<bool()> stopped_;
  const std::thread::id caller_ = std::this_thread::get_id();
  Clock::time_point last_ = Clock::now();  // that the caller asked
  std::atomic<bool> stop_{false};
  std::mutex guard_;
  Index next_ = 0, busy_ = 0;  // which job is the next, and how many are on their way
  Word finished_;              // how many have ended
  std::exception_ptr error_;
};

}  // namespace fastmlp
