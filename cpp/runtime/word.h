// A number that threads wait on: awake at first, as what they wait for mostly comes within
// microseconds, then asleep, so that a neighbour's work is not starved.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#ifndef __linux__
#include <condition_variable>
#include <mutex>
#endif

namespace fastmlp {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::nanoseconds;

// How long a thread waits awake before it sleeps. Within a call it does not yield: to a neighbour
// that is busy, a thread that yields loses several of its own time slices.
constexpr Nanoseconds kAwake = std::chrono::microseconds(50);
// How often who computes, or waits for long, asks whether Ctrl-C was pressed.
constexpr Nanoseconds kSignals = std::chrono::milliseconds(50);
constexpr Nanoseconds kForEver = std::chrono::hours(24 * 365);

class Word {
 public:
  explicit Word(int value = 0) : value_(value) {}
  int load() const { return value_.load(std::memory_order_acquire); }
  void set(int value);
  // From one value to another, if it has that; returns whether it had.
  bool change(int from, int to);
  // Whether a thread that waits for a change has fallen asleep.
  bool slept_on() const { return sleepers_.load(std::memory_order_relaxed) != 0; }

  // Returns when it is no longer `value`, but after `most` at the latest; how long that took, 0 if
  // hardly anything. After `yields` of it, others may have the processor in between.
  Nanoseconds wait_while(int value, Nanoseconds awake = kAwake, Nanoseconds most = kForEver,
                         Nanoseconds yields = kForEver);

 private:
  void wake();
  void sleep_while(int value, Nanoseconds most);

  alignas(64) std::atomic<int> value_;
  std::atomic<int> sleepers_{0};
#ifndef __linux__
  std::mutex mutex_;
  std::condition_variable changed_;
#endif
};

}  // namespace fastmlp
