// Threads that wait for work. They are made when a call first wants them, are kept, and between two
// calls are free for any.
#pragma once

#include <functional>

#include "runtime/word.h"

namespace fastmlp {

// The call that took a thread from the pool offers it work, and may withdraw the offer until the
// thread takes it up: so it never waits for a thread that the system does not run.
class PoolThread {
 public:
  // Whether it takes up an offer at once: not one that sleeps, or that has been called or offered
  // work since and has not come yet.
  bool awake() const { return state_.load() == kIdle && !state_.slept_on(); }
  // Has it wait awake, as work will soon be offered.
  void call() { state_.change(kIdle, kCalled); }
  void offer(const std::function<void(int)>& work) {
    work_ = &work;
    state_.set(kOffered);
  }
  // Waits until the offer is taken up, but not longer than `most`; returns how long.
  Nanoseconds watch(Nanoseconds most) { return state_.wait_while(kOffered, kAwake, most); }
  // False if the offer has been taken up. Else the work will not run; the thread, when it comes at
  // last, waits awake for the next.
  bool withdraw() { return state_.change(kOffered, kCalled); }
  // Who took up the offer runs work(number); it waits until then. number > 0.
  void start(int number) { number_.set(number); }
  // Waits until the work has returned; returns how long.
  Nanoseconds join() { return state_.wait_while(kTaken); }

  void serve();  // what its thread does

  PoolThread* next = nullptr;  // of a list

 private:
  enum : int { kIdle, kCalled, kOffered, kTaken };
  Word state_{kCalled}, number_{0};
  const std::function<void(int)>* work_ = nullptr;
};

// A list of up to n threads: fewer, or null, if the system refuses more threads, or if there are no
// more and none are made.
PoolThread* take_threads(int n, bool makes);
void give_back(PoolThread* list);

}  // namespace fastmlp
