// Threads: how many, the team of a call, and the barrier inside it. No arithmetic.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "runtime/pace.h"
#include "runtime/word.h"

namespace fastmlp {

// What one thread does in less time is no reason to wake others, unless such calls come in a row.
constexpr Nanoseconds kAloneTime = std::chrono::microseconds(150);

constexpr int kMostThreads = 4096;

// The number of threads a call may use: what set_num_threads said, else FASTMLP_NUM_THREADS, else
// OpenMP's count (OMP_NUM_THREADS, threadpoolctl), never more than the affinity mask and the
// container's quota allow.
int max_threads();
void set_max_threads(int n);
// The same for calls from this thread alone, until it is set back; 0 is what all threads use.
// Returns what it was.
int set_own_threads(int n);
bool has_openmp();

// For tests of teams: whether calls wait for all their threads, however late.
void set_patient(bool patient);
// Lets calls use one thread for this long, as after a loss.
void work_alone(Nanoseconds time);
// How many times calls have asked other threads for help.
std::int64_t teams_asked();

// Where all threads of a team meet.
class Barrier {
 public:
  // Returns how long this thread has waited, 0 if hardly.
  Nanoseconds wait(int threads);

 private:
  alignas(64) std::atomic<int> arrived_{0};
  Word phase_;
};

// Watches, as the calling thread, whether its team is worth its threads.
class Watch {
 public:
  Watch(Clock::time_point begin, Nanoseconds until, Nanoseconds credit)
      : last_(begin), until_(begin + until), credit_(credit) {}

  // After some of the work: whether it had better go on with another team. `waited` in all so far.
  bool look(Nanoseconds waited, int threads);
  Nanoseconds lost() const { return lost_; }

 private:
  Clock::time_point last_;   // of the looks
  Clock::time_point until_;  // then it ends, whether it is worth them or not
  Nanoseconds waited_{0};    // until the last look
  Nanoseconds lost_{0};      // against one thread; less than 0: gained
  Nanoseconds credit_;       // what it may lose
};

// One thread's place in a team.
struct Worker {
  int thread;   // 0 … threads − 1; 0 is the calling thread
  int threads;  // how many there really are: may be fewer than asked for
  Barrier& barrier;
  Watch* watch = nullptr;  // of thread 0, if more than one was asked for
  mutable Nanoseconds waited{0};
  mutable std::int64_t passed =
      0;                      // barriers so far: the same for all threads between two barriers
  mutable double done = 0.0;  // batches so far
  void wait() const {
    waited += barrier.wait(threads);
    ++passed;
  }
  // On thread 0, after some of the work: whether this team had better end, so that the rest of the
  // work is run with another.
  bool outlived() const { return watch && watch->look(waited, threads); }
};

// Runs work on up to `threads` threads and returns when all have returned. work must not throw, and
// the calling thread's part must be the largest. `alone` is about what one thread takes for it.
//
// The team consists of the threads that come soon: in work of less than a millisecond only those
// that are awake. If they come so late, or lose their processors for so long, that one thread would
// have been faster, later calls use one thread for a while (backoff.h); so does work that one
// thread is measured to do faster, by its pace. Long work asks outlived() now and then.
void run_team(int threads, Nanoseconds alone, Pace& pace,
              const std::function<void(const Worker&)>& work);

// The same for work, of one batch, that is dealt out in pieces, which any thread takes: it begins
// at once, and the other threads join it when they come. The work is told the number of its thread,
// of which there are two or more.
void run_pieces(int threads, Nanoseconds alone, Pace& pace, const std::function<void(int)>& work);

// The same for work that waits at its end for pieces that others have begun, by itself, and goes on
// with whoever comes also while calls work alone.
void run_dealt(int threads, const std::function<void(int)>& work);

}  // namespace fastmlp
