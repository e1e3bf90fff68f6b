// When a call with several threads was slower than it would have been with one, since a neighbour
// has the processor of one of them: how long calls then go on with one thread. One account for the
// whole process, as all its threads have the same neighbours.
#pragma once

#include <algorithm>

#include "runtime/word.h"

namespace fastmlp {

// What several threads have lost against one. `waited` is what the calling thread waited for
// others, out of `elapsed`; else it worked, and has the largest share of all work. Less than 0:
// they have gained.
inline Nanoseconds lost(Nanoseconds elapsed, Nanoseconds waited, int threads) {
  return elapsed - threads * (elapsed - waited);
}

// What teams have gained lately is set against their losses: on a shared machine single stalls of a
// few ms happen without a neighbour that stays. (Without this, a step of digits on two idle but
// shared processors took 1.04 times as long.)
constexpr Nanoseconds kMostCredit = std::chrono::milliseconds(8);

inline Nanoseconds credit_after(Nanoseconds credit, Nanoseconds lost) {
  return std::clamp(credit - lost, Nanoseconds(0), kMostCredit);
}

// How long calls work alone after a loss beyond the credit, the `times`-th in a row: four times the
// loss, so that at most a quarter of the time is lost; doubled each time while the neighbour stays;
// at most a second, so that its end is noticed. Not sixteen times: after a single stall of 4 ms,
// digits then ran on one thread for 60 ms.
inline Nanoseconds time_alone(Nanoseconds lost, int times) {
  constexpr Nanoseconds longest = std::chrono::seconds(1);
  constexpr int most_doublings = 8;
  const int doublings = times < most_doublings ? times : most_doublings;
  return lost < longest / (4 << doublings) ? lost * (4 << doublings) : longest;
}

class Backoff {
 public:
  // How long calls still work alone, in the time that they take themselves.
  Nanoseconds left() const {
    const auto left = Nanoseconds(left_.load(std::memory_order_relaxed));
    return left > Nanoseconds(0) ? left : Nanoseconds(0);
  }
  void work_alone(Nanoseconds time) { left_.store(time.count(), std::memory_order_relaxed); }
  void worked_alone(Nanoseconds elapsed) {
    left_.fetch_sub(elapsed.count(), std::memory_order_relaxed);
  }
  // What teams may lose before calls work alone.
  Nanoseconds credit() const { return Nanoseconds(credit_.load(std::memory_order_relaxed)); }
  void worked_together(Nanoseconds lost) {
    const Nanoseconds before = credit();
    credit_.store(credit_after(before, lost).count(), std::memory_order_relaxed);
    if (lost <= Nanoseconds(0)) {
      times_.store(0, std::memory_order_relaxed);
    } else if (lost > before) {
      const int times = times_.fetch_add(1, std::memory_order_relaxed);
      work_alone(time_alone(lost - before, times));
    }
  }

 private:
  std::atomic<std::int64_t> left_{0}, credit_{0};
  std::atomic<int> times_{0};
};

}  // namespace fastmlp
