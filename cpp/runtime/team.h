// Threads: how many, one parallel region for a whole call, and the barrier inside it. No
// arithmetic.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace fastmlp {

// The number of threads a call may use: what set_num_threads said, else FASTMLP_NUM_THREADS, else
// OpenMP's own count (OMP_NUM_THREADS, threadpoolctl), never more than the affinity mask and the
// container's quota allow.
int max_threads();
void set_max_threads(int n);
// The same for calls from this thread alone, until it is set back; 0 is what all threads use.
// Returns what it was.
int set_own_threads(int n);
bool has_openmp();

// While it lives, its thread takes subnormal numbers for zero. Weights and averages that decay
// under L2 or Adam end there, and arithmetic on them is a hundred times slower; they change no
// result.
class FlushSubnormals {
 public:
  FlushSubnormals();
  ~FlushSubnormals();
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
  std::uint64_t before_;
};

// Waits for all threads of a region: spins briefly, as the others arrive within microseconds when
// each has a core of its own, then sleeps, so that a neighbour's work is not starved.
class Barrier {
 public:
  void wait(int threads);

 private:
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<int> phase_{0};
  std::atomic<int> sleepers_{0};
};

// One thread's place in a region.
struct Member {
  int thread;   // 0 … threads − 1
  int threads;  // how many there really are: OpenMP may give fewer than asked for
  Barrier& barrier;
  mutable std::int64_t passed =
      0;  // barriers so far: the same for all threads between two barriers
  void wait() const {
    barrier.wait(threads);
    ++passed;
  }
};

// Runs work on up to `threads` threads and returns when all have returned. work must not throw.
void run_team(int threads, const std::function<void(const Member&)>& work);

}  // namespace fastmlp
