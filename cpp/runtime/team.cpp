#include "runtime/team.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __linux__
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace fastmlp {
namespace {

// Threads that all run arrive within a few microseconds of each other. Who waits longer lets others
// have the processor, perhaps the very thread it waits for, and at last sleeps.
constexpr auto kSpinTime = std::chrono::microseconds(5);
constexpr auto kYieldTime = std::chrono::microseconds(50);
constexpr int kPausesPerLook = 16;  // at the clock

std::atomic<int> requested_threads{0};  // 0: not set
thread_local int own_threads = 0;       // of the calling thread; 0: not set
std::atomic<bool> region_ran{false};
std::atomic<bool> forked{false};

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

#ifdef __linux__
void sleep_while(std::atomic<int>& word, int value) {
  syscall(SYS_futex, reinterpret_cast<int*>(&word), FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}
void wake_all(std::atomic<int>& word) {
  syscall(SYS_futex, reinterpret_cast<int*>(&word), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr,
          0);
}
#else
void sleep_while(std::atomic<int>&, int) { std::this_thread::yield(); }
void wake_all(std::atomic<int>&) {}
#endif

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
  return 1;
#endif
}

#if defined(__x86_64__)
FlushSubnormals::FlushSubnormals() : before_(__builtin_ia32_stmxcsr()) {
  __builtin_ia32_ldmxcsr(unsigned(before_) | 0x8040u);  // results, and operands, to zero
}
FlushSubnormals::~FlushSubnormals() { __builtin_ia32_ldmxcsr(unsigned(before_)); }
#elif defined(__aarch64__)
FlushSubnormals::FlushSubnormals() {
  asm volatile("mrs %0, fpcr" : "=r"(before_));
  asm volatile("msr fpcr, %0" ::"r"(before_ | (1ull << 24)));
}
FlushSubnormals::~FlushSubnormals() { asm volatile("msr fpcr, %0" ::"r"(before_)); }
#else
FlushSubnormals::FlushSubnormals() : before_(0) {}
FlushSubnormals::~FlushSubnormals() {}
#endif

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

void Barrier::wait(int threads) {
  if (threads == 1) return;
  const int phase = phase_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads) {
    arrived_.store(0, std::memory_order_relaxed);
    phase_.store(phase + 1, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst)) wake_all(phase_);
    return;
  }
  const auto begin = std::chrono::steady_clock::now();
  auto waited = std::chrono::steady_clock::duration::zero();
  do {
    for (int i = 0; i < kPausesPerLook; ++i) {
      if (phase_.load(std::memory_order_acquire) != phase) return;
      pause();
    }
    waited = std::chrono::steady_clock::now() - begin;
    if (waited > kSpinTime) std::this_thread::yield();
  } while (waited < kYieldTime);
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  while (phase_.load(std::memory_order_seq_cst) == phase) sleep_while(phase_, phase);
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
}

#ifdef _OPENMP
namespace {

void parallel_region(int threads, const std::function<void(const Member&)>& work) {
  Barrier barrier;
#pragma omp parallel num_threads(threads)
  {
    const FlushSubnormals flush;
    work(Member{omp_get_thread_num(), omp_get_num_threads(), barrier, 0});
  }
}

// libgomp keeps its threads in a pool that a forked child inherits by name only: its first parallel
// region would wait for them for ever. A region started from a new thread gets a new pool.
void after_fork_in_child() {
  if (region_ran) forked = true;
}

}  // namespace
#endif

void run_team(int threads, const std::function<void(const Member&)>& work) {
#ifdef _OPENMP
  if (threads > 1) {
    static const int registered = pthread_atfork(nullptr, nullptr, after_fork_in_child);
    (void)registered;
    region_ran = true;
    if (forked) {
      std::thread([&] { parallel_region(threads, work); }).join();
    } else {
      parallel_region(threads, work);
    }
    return;
  }
#else
  (void)threads;
#endif
  const FlushSubnormals flush;
  Barrier barrier;
  work(Member{0, 1, barrier, 0});
}

}  // namespace fastmlp
