#include "runtime/pool.h"

#include <mutex>
#include <system_error>
#include <thread>

#include "runtime/subnormals.h"

#if defined(__unix__) || defined(__APPLE__)
#define FASTMLP_POSIX
#include <pthread.h>
#include <signal.h>
#endif

namespace fastmlp {
namespace {

// Awake for so long, a thread is there for the next call of a loop in Python: what is between two
// calls of fit takes some 0.2 ms.
constexpr Nanoseconds kIdleAwake = std::chrono::microseconds(200);
// A thread that was called while the calling thread works alone has to be awake when that ends.
constexpr Nanoseconds kCalledAwake = std::chrono::microseconds(1200);
// What is between two calls in a row is less. Who waits for more has nothing to lose by letting
// others, perhaps the calling thread, have the processor meanwhile.
constexpr Nanoseconds kYieldAfter = std::chrono::microseconds(20);
constexpr auto kRefused = std::chrono::seconds(1);  // then the system is asked again

// Signals are handled by the user's threads.
class SignalsBlocked {
#ifdef FASTMLP_POSIX
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
#endif
};

class Pool {
 public:
  PoolThread* take(int n, bool makes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    PoolThread* list = nullptr;
    PoolThread** end = &list;
    for (; n > 0 && free_; --n, end = &(*end)->next) {
      *end = free_;
      free_ = free_->next;
      (*end)->next = nullptr;
    }
    for (; makes && n > 0; --n, end = &(*end)->next)
      if (!(*end = make())) break;
    return list;
  }

  void give_back(
      PoolThread* list) {  // in front and in order: the same threads do the same work again
    PoolThread* last = list;
    while (last->next) last = last->next;
    const std::lock_guard<std::mutex> lock(mutex_);
    last->next = free_;
    free_ = list;
  }

 private:
  // Null if the system refuses a thread.
  PoolThread* make() {
    if (refused_ && Clock::now() < again_) return nullptr;
    PoolThread* const thread = new PoolThread;
    try {
      [[maybe_unused]] const SignalsBlocked blocked;
      std::thread(&PoolThread::serve, thread).detach();
      refused_ = false;
    } catch (const std::system_error&) {
      delete thread;
      refused_ = true;
      again_ = Clock::now() + kRefused;
      return nullptr;
    }
    return thread;
  }

  std::mutex mutex_;
  PoolThread* free_ = nullptr;
  bool refused_ = false;
  Clock::time_point again_;
};

// Never destroyed: at the end of the process its threads still wait.
std::atomic<Pool*> the_pool{nullptr};

Pool& pool() {
  static const bool made = [] {
    the_pool = new Pool;
#ifdef FASTMLP_POSIX
    // A forked child has none of the threads, and perhaps a mutex that stays locked.
    pthread_atfork(nullptr, nullptr, [] { the_pool = new Pool; });
#endif
    return true;
  }();
  (void)made;
  return *the_pool;
}

}  // namespace

void PoolThread::serve() {
  const FlushSubnormals flush;
  Nanoseconds awake = kIdleAwake;
  for (;;) {
    state_.wait_while(kIdle, awake, kForEver, kYieldAfter);
    if (state_.change(kCalled, kIdle)) {
      awake = kCalledAwake;
    } else if (state_.change(kOffered, kTaken)) {
      number_.wait_while(0);
      (*work_)(number_.load());
      number_.set(0);
      state_.set(kIdle);
      awake = kIdleAwake;
    }
  }
}

PoolThread* take_threads(int n, bool makes) { return pool().take(n, makes); }

void give_back(PoolThread* list) {
  if (list) pool().give_back(list);
}

}  // namespace fastmlp
