#include "runtime/word.h"

#include <algorithm>
#include <climits>
#include <thread>

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#endif

namespace fastmlp {
namespace {

constexpr int kPausesPerLook = 16;  // at the clock

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void Word::set(int value) {
  value_.store(value, std::memory_order_seq_cst);
  wake();
}

bool Word::change(int from, int to) {
  if (!value_.compare_exchange_strong(from, to, std::memory_order_seq_cst)) return false;
  wake();
  return true;
}

Nanoseconds Word::wait_while(int value, Nanoseconds awake, Nanoseconds most, Nanoseconds yields) {
  const auto changes = [&] {
    for (int i = 0; i < kPausesPerLook; ++i) {
      if (load() != value) return true;
      pause();
    }
    return false;
  };
  if (changes()) return Nanoseconds(0);
  const auto begin = Clock::now();
  const auto waited = [&] { return Nanoseconds(Clock::now() - begin); };
  for (Nanoseconds so_far(0); so_far < std::min(awake, most); so_far = waited()) {
    if (so_far > yields) std::this_thread::yield();
    if (changes()) return waited();
  }
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  for (Nanoseconds left = most - waited(); left > Nanoseconds(0) && load() == value;
       left = most - waited())
    sleep_while(value, left);
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
  return waited();
}

#ifdef __linux__

void Word::wake() {
  if (sleepers_.load(std::memory_order_seq_cst))
    syscall(SYS_futex, reinterpret_cast<int*>(&value_), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr,
            nullptr, 0);
}

void Word::sleep_while(int value, Nanoseconds most) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(most);
  const timespec at_most{time_t(seconds.count()), long((most - seconds).count())};
  syscall(SYS_futex, reinterpret_cast<int*>(&value_), FUTEX_WAIT_PRIVATE, value, &at_most, nullptr,
          0);
}

#else

void Word::wake() {
  if (!sleepers_.load(std::memory_order_seq_cst)) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  changed_.notify_all();
}

void Word::sleep_while(int value, Nanoseconds most) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, most, [&] { return load() != value; });
}

#endif

}  // namespace fastmlp
