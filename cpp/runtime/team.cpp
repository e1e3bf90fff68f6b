#include "runtime/team.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
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

// Threads that sleep take 50 to 130 µs to come, and a neighbour's time slice is some ms. What one
// thread does in the meantime is lost, so that short work does not wait for them, and long work
// waits longer.
constexpr Nanoseconds kWorthWaiting = std::chrono::milliseconds(1);
constexpr Nanoseconds kLeastPatience = std::chrono::microseconds(125);
constexpr Nanoseconds kMostPatience = std::chrono::milliseconds(4);
constexpr int kPatience = 16;  // part of the time that one thread takes for the work
// Threads that are awake come within 1 µs if they have a processor.
constexpr Nanoseconds kAwakePatience = std::chrono::microseconds(20);
// Work that has begun alone looks for a team that often, if it can.
constexpr Nanoseconds kLookAgain = std::chrono::microseconds(100);
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

// Processors there are, however many of them this process may use. To count them takes 8 µs.
int all_processors() { return int(std::thread::hardware_concurrency()); }

int available_processors() {
#ifdef __linux__
  cpu_set_t set;
  int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : all_processors();
  static const int quota = cgroup_quota();
  if (quota > 0) n = std::min(n, quota);
#else
  const int n = all_processors();
#endif
  return std::max(n, 1);
}

int environment_threads() {
  const char* text = std::getenv("FASTMLP_NUM_THREADS");
  if (!text || !*text) return 0;
  char* end = nullptr;
  const long n = std::strtol(text, &end, 10);
  if (*end || n < 1 || n > kMostThreads)
    throw std::invalid_argument("FASTMLP_NUM_THREADS must be a whole number from 1 to " +
                                std::to_string(kMostThreads) + ", got '" + std::string(text) + "'");
  return int(n);
}

}  // namespace

int max_threads() {
  if (own_threads) return own_threads;
  if (const int n = requested_threads.load()) return n;
  static const int from_environment = environment_threads();
  if (from_environment) return from_environment;
#ifdef _OPENMP
  const int most = omp_get_max_threads();
  return most == 1 ? 1 : std::min(most, available_processors());
#else
  return available_processors();
#endif
}

namespace {

void check_threads(int n, int least) {
  if (n < least || n > kMostThreads)
    throw std::invalid_argument("n must be a number of threads from " + std::to_string(least) +
                                " to " + std::to_string(kMostThreads) + ", got " +
                                std::to_string(n));
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

// Calls that could use other threads, as they come one after another in this process: in a row
// where hardly anything is between them.
class Calls {
 public:
  // At the beginning of one that a thread does in `alone`: whether threads that are called now
  // will be of use to the next.
  bool often(Clock::time_point now, Nanoseconds alone) {
    const std::int64_t pause = now.time_since_epoch().count() - end_.load(kRelaxed);
    const std::int64_t before = pause < kPause.count() ? row_.load(kRelaxed) : 0;
    const std::int64_t row = before + std::min(alone, Nanoseconds(kAloneTime)).count();
    row_.store(std::min(row, Nanoseconds(kAloneTime).count()), kRelaxed);
    return before > 0 && row >= kAloneTime.count();
  }
  void end() { end_.store(Clock::now().time_since_epoch().count(), kRelaxed); }

 private:
  static constexpr auto kRelaxed = std::memory_order_relaxed;
  static constexpr Nanoseconds kPause = std::chrono::microseconds(300);
  static_assert(std::is_same<Clock::duration, Nanoseconds>::value, "counts are nanoseconds");
  std::atomic<std::int64_t> end_{0}, row_{0};
};
Calls calls;

// What is asked of threads that sleep: to join, to be awake for the next call, or nothing.
enum class Sleepers { offered, called, left };

// Threads with an offer: those that take it up in time are, with the calling thread, the team.
class Crew {
 public:
  Crew(int n, const std::function<void(int)>& work, Sleepers sleepers = Sleepers::offered)
      : team_(take_threads(n, sleepers != Sleepers::left)) {
    for (PoolThread** link = &team_; *link;) {
      PoolThread* const w = *link;
      if (sleepers == Sleepers::offered || w->awake()) {
        w->offer(work);
        link = &w->next;
      } else {
        if (sleepers == Sleepers::called) w->call();
        leave(link);
      }
    }
    if (team_) asked.fetch_add(1, std::memory_order_relaxed);
  }
  // Also where the calling thread ends in the midst of the work: the others work on its stack.
  ~Crew() {
    finish();
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
      if (!w->withdraw())
        link = &w->next;
      else
        leave(link);
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
  // Leaves those that have not come, and waits for the others; returns how long.
  Nanoseconds finish() {
    Nanoseconds waited(0);
    for (PoolThread** link = &team_; *link;) {
      PoolThread* const w = *link;
      if (w->withdraw()) {
        w->start(0);
        leave(link);
      } else {
        waited += w->join();
        link = &w->next;
      }
    }
    return waited;
  }

 private:
  void leave(PoolThread** link) {
    PoolThread* const w = *link;
    *link = w->next;
    w->next = std::exchange(late_, w);
  }

  PoolThread* team_;
  PoolThread* late_ = nullptr;
};

// Tells, where a call ends, that it does.
struct CallEnds {
  CallEnds() = default;
  ~CallEnds() { calls.end(); }
  CallEnds(const CallEnds&) = delete;
  CallEnds& operator=(const CallEnds&) = delete;
};

// Returns how much it did before `most` was over.
double run_alone(Clock::time_point begin, Nanoseconds most,
                 const std::function<void(const Worker&)>& work) {
  Barrier barrier;
  Watch watch(begin, most, kForEver);
  Worker worker{0, 1, barrier, &watch};
  work(worker);
  return worker.done;
}

// Since nobody else came, or should.
void run_alone(Clock::time_point begin, const std::function<void(const Worker&)>& work) {
  run_alone(begin, std::max(backoff.left(), kLookAgain), work);
  backoff.worked_alone(Clock::now() - begin);
}

// Whether one thread is to do what comes next, as measured. If that is a trial, the others, who are
// awake, stay so for a moment.
bool goes_alone(const Pace& pace, int threads) {
  if (patient || !pace.alone()) return false;
  if (!pace.trying()) return true;
  PoolThread* const list = take_threads(threads - 1, false);
  for (PoolThread* w = list; w; w = w->next)
    if (w->awake()) w->call();
  give_back(list);
  return true;
}

}  // namespace

void run_team(int threads, Nanoseconds alone, Pace& pace,
              const std::function<void(const Worker&)>& work) {
  const FlushSubnormals flush;
  Barrier barrier;
  if (threads == 1) return work(Worker{0, 1, barrier});
  const CallEnds ends;
  const auto begin = Clock::now();
  const bool often = calls.often(begin, alone);
  if (!patient && backoff.left() > Nanoseconds(0)) return run_alone(begin, work);
  if (goes_alone(pace, threads)) {
    const double done = run_alone(begin, pace.left(), work);
    return pace.worked(Clock::now() - begin, done);
  }
  const bool waits = patient || alone >= kWorthWaiting;
  int team = 1;
  const auto part = [&](int number) { work(Worker{number, team, barrier}); };
  const std::function<void(int)> offered = std::ref(part);
  Crew crew(threads - 1, offered,
            waits   ? Sleepers::offered
            : often ? Sleepers::called
                    : Sleepers::left);
  Nanoseconds waited =
      crew.gather(patient ? kForEver
                  : waits ? std::clamp(alone / kPatience, kLeastPatience, kMostPatience)
                          : kAwakePatience);
  team += crew.size();
  if (waits && team < threads) waited = std::max(waited, kLeastPatience);  // some are refused
  if (team == 1) {
    if (waited > Nanoseconds(0)) backoff.worked_together(waited);
    return run_alone(begin, work);
  }
  crew.start();
  const auto started = Clock::now();
  Nanoseconds most = patient ? kForEver : pace.left();
  if (team < threads) most = std::min(most, time_alone(waited, 0));
  Watch watch(begin, most, backoff.credit());
  const Worker worker{0, team, barrier, &watch, waited};
  work(worker);
  const Nanoseconds joined = crew.finish();
  watch.look(worker.waited + joined, team);
  pace.worked(Clock::now() - started, worker.done);
  if (!patient) backoff.worked_together(watch.lost());
}

void run_pieces(int threads, Nanoseconds alone, Pace& pace, const std::function<void(int)>& work) {
  const FlushSubnormals flush;
  const CallEnds ends;
  const auto begin = Clock::now();
  const bool often = calls.often(begin, alone);
  if (!patient && backoff.left() > Nanoseconds(0)) {
    work(0);
    return backoff.worked_alone(Clock::now() - begin);
  }
  if (goes_alone(pace, threads)) {
    work(0);
    return pace.worked(Clock::now() - begin, 1.0);
  }
  const bool wakes = patient || often || alone >= kAloneTime;
  Crew crew(threads - 1, work, wakes ? Sleepers::offered : Sleepers::left);
  if (patient) crew.gather(kForEver);
  crew.start();
  work(0);
  const Nanoseconds waited = crew.finish();
  const int team = 1 + crew.size();
  const Nanoseconds elapsed = Clock::now() - begin;
  if (!patient && team > 1) {
    backoff.worked_together(lost(elapsed, waited, team));
    pace.worked(elapsed, 1.0);
  }
}

void run_dealt(int threads, const std::function<void(int)>& work) {
  const FlushSubnormals flush;
  Crew crew(threads - 1, work);
  if (patient) crew.gather(kForEver);
  crew.start();
  work(0);
}

}  // namespace fastmlp
