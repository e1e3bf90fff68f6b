#include "runtime/team.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "runtime/backoff.h"
#include "runtime/pool.h"
#include "runtime/subnormals.h"

#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __linux__
#include <sched.h>
#endif

namespace fastmlp {
namespace {

// Threads that sleep take some 50 µs to come, and a neighbour's time slice is some ms. What one
// thread does in the meantime is lost, so that long work waits longer.
constexpr Nanoseconds kLeastPatience = std::chrono::microseconds(60);
constexpr Nanoseconds kMostPatience = std::chrono::milliseconds(4);
constexpr int kPatience = 16;  // part of the time that one thread takes for the work
constexpr Nanoseconds kMuchLost = std::chrono::microseconds(200);

std::atomic<int> requested_threads{0};  // 0: not set
thread_local int own_threads = 0;       // of the calling thread; 0: not set
std::atomic<bool> patient{false};
std::atomic<std::int64_t> asked{0};
Backoff backoff;

#ifdef __linux__
// The container's CPU quota in whole cores, rounded up; 0 if there is none.
int cgroup_quota() {
  long quota = -1, period = 0;
  if (FILE* f = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    if (std::fscanf(f, "%ld %ld", &quota, &period) != 2) quota = -1;
    std::fclose(f);
  } else if (FILE* q = std::fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "r")) {
    if (std::fscanf(q, "%ld", &quota) != 1) quota = -1;
    std::fclose(q);
    if (FILE* p = std::fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "r")) {
      if (std::fscanf(p, "%ld", &period) != 1) period = 0;
      std::fclose(p);
    }
  }
  return quota > 0 && period > 0 ? int((quota + period - 1) / period) : 0;
}
#endif

int available_processors() {
  int n = int(std::thread::hardware_concurrency());
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) n = CPU_COUNT(&set);
  static const int quota = cgroup_quota();
  if (quota > 0) n = std::min(n, quota);
#endif
  return std::max(n, 1);
}

int environment_threads() {
  const char* text = std::getenv("FASTMLP_NUM_THREADS");
  if (!text || !*text) return 0;
  char* end = nullptr;
  const long n = std::strtol(text, &end, 10);
  if (*end || n < 1 || n > 4096)
    throw std::invalid_argument("FASTMLP_NUM_THREADS must be a whole number from 1 to 4096, got '" +
                                std::string(text) + "'");
  return int(n);
}

}  // namespace

int max_threads() {
  if (own_threads) return own_threads;
  if (const int n = requested_threads.load()) return n;
  static const int from_environment = environment_threads();
  if (from_environment) return from_environment;
#ifdef _OPENMP
  return std::min(omp_get_max_threads(), available_processors());
#else
  return available_processors();
#endif
}

namespace {

void check_threads(int n, int least) {
  if (n < least || n > 4096)
    throw std::invalid_argument("n must be a number of threads from " + std::to_string(least) +
                                " to 4096, got " + std::to_string(n));
}

}  // namespace

void set_max_threads(int n) {
  check_threads(n, 1);
  requested_threads = n;
}

int set_own_threads(int n) {
  check_threads(n, 0);
  return std::exchange(own_threads, n);
}

bool has_openmp() {
#ifdef _OPENMP
  return true;
#else
  return false;
#endif
}

void set_patient(bool value) { patient = value; }

void work_alone(Nanoseconds time) { backoff.work_alone(time); }

std::int64_t teams_asked() { return asked; }

Nanoseconds Barrier::wait(int threads) {
  if (threads == 1) return Nanoseconds(0);
  const int phase = phase_.load();
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 < threads)
    return phase_.wait_while(phase);
  arrived_.store(0, std::memory_order_relaxed);
  phase_.set(phase + 1);
  return Nanoseconds(0);
}

bool Watch::look(Nanoseconds waited, int threads) {
  const auto now = Clock::now();
  lost_ = std::max(lost_ + fastmlp::lost(now - last_, waited - waited_, threads), -kMostCredit);
  last_ = now;
  waited_ = waited;
  return now >= until_ || (lost_ > credit_ + kMuchLost && !patient);
}

namespace {

// Workers with an offer: those that take it up in time are, with the calling thread, the team.
class Crew {
 public:
  Crew(int n, const std::function<void(int)>& work) : team_(take_threads(n)) {
    for (PoolThread* w = team_; w; w = w->next) w->offer(work);
  }
  // Also where the calling thread ends in the midst of the work: the others work on its stack.
  ~Crew() {
    for (PoolThread* w = team_; w; w = w->next)
      if (w->withdraw()) w->start(0);  // it did not come
    join();
    give_back(team_);
    give_back(late_);
  }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Returns how long it waited for them.
  Nanoseconds gather(Nanoseconds most) {
    Nanoseconds waited(0);
    for (PoolThread** link = &team_; *link;) {
      PoolThread* const w = *link;
      waited += w->watch(std::max(most - waited, Nanoseconds(0)));
      if (!w->withdraw()) {
        link = &w->next;
      } else {
        *link = w->next;
        w->next = std::exchange(late_, w);
      }
    }
    return waited;
  }
  int size() const {
    int n = 0;
    for (PoolThread* w = team_; w; w = w->next) ++n;
    return n;
  }
  void start() {
    int number = 0;
    for (PoolThread* w = team_; w; w = w->next) w->start(++number);
  }
  // Returns how long it waited for them.
  Nanoseconds join() {
    Nanoseconds waited(0);
    for (PoolThread* w = team_; w; w = w->next) waited += w->join();
    return waited;
  }

 private:
  PoolThread* team_;
  PoolThread* late_ = nullptr;
};

void run_alone(Clock::time_point begin, const std::function<void(const Worker&)>& work) {
  Barrier barrier;
  Watch watch(begin, backoff.left(), kForEver);
  work(Worker{0, 1, barrier, &watch});
  backoff.worked_alone(Clock::now() - begin);
}

}  // namespace

void run_team(int threads, Nanoseconds alone, const std::function<void(const Worker&)>& work) {
  const FlushSubnormals flush;
  Barrier barrier;
  if (threads == 1) return work(Worker{0, 1, barrier});
  const auto begin = Clock::now();
  if (!patient && backoff.left() > Nanoseconds(0)) return run_alone(begin, work);
  asked.fetch_add(1, std::memory_order_relaxed);
  int team = 1;
  const std::function<void(int)> part = [&](int number) { work(Worker{number, team, barrier}); };
  Crew crew(threads - 1, part);
  Nanoseconds waited = crew.gather(
      patient ? kForEver : std::clamp(alone / kPatience, kLeastPatience, kMostPatience));
  team += crew.size();
  if (team < threads) waited = std::max(waited, kLeastPatience);  // the system refuses some
  if (team == 1) {
    backoff.worked_together(waited);
    return run_alone(begin, work);
  }
  crew.start();
  Watch watch(begin, team < threads ? time_alone(waited, 0) : kForEver, backoff.credit());
  const Worker worker{0, team, barrier, &watch, waited};
  work(worker);
  const Nanoseconds joined = crew.join();
  watch.look(worker.waited + joined, team);
  if (!patient) backoff.worked_together(watch.lost());
}

void run_dealt(int threads, const std::function<void(int)>& work) {
  const FlushSubnormals flush;
  asked.fetch_add(1, std::memory_order_relaxed);
  Crew crew(threads - 1, work);
  if (patient) crew.gather(kForEver);
  crew.start();
  work(0);
}

}  // namespace fastmlp
