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
  void offer(const std::function<void(int)>& work) {
    work_ = &work;
    state_.set(kOffered);
  }
  // Waits until the offer is taken up, but not longer than `most`; returns how long.
  Nanoseconds watch(Nanoseconds most) { return state_.wait_while(kOffered, kAwake, most); }
  // False if the offer has been taken up. Else the work will not run.
  bool withdraw() { return state_.change(kOffered, kIdle); }
  // Who took up the offer runs work(number); it waits until then. number > 0.
  void start(int number) { number_.set(number); }
  // Waits until the work has returned; returns how long.
  Nanoseconds join() { return state_.wait_while(kTaken); }

  void serve();  // what its thread does

  PoolThread* next = nullptr;  // of a list

 private:
  enum : int { kIdle, kOffered, kTaken };
  Word state_{kIdle}, number_{0};
  const std::function<void(int)>* work_ = nullptr;
};

// A list of up to n threads: fewer, or null, if the system refuses more threads.
PoolThread* take_threads(int n);
void give_back(PoolThread* list);

}  // namespace fastmlp
