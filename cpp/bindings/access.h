// Who reads a vector of weights and who changes it, so that no answer is of two sets of weights.
//
// Reads are counted while the GIL is away or many lines of Python run. Who changes weights either
// has a turn, during which reads of other threads are refused, and waits until those under way are
// over; or it copies all at once where no read is under way. Who waits sleeps and looks again: a
// read, of which there may be millions a second, then has nobody to wake, and no lock can be held
// by a thread that a fork leaves behind. For the same reason numbers are kept with the number of
// forks: a child has neither the reads nor the turns of its parent.
#pragma once

#include <pybind11/pybind11.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "bindings/gil.h"
#include "runtime/word.h"

namespace fastmlp {

namespace py = pybind11;

// What is said where only the core knows of another thread's turn.
constexpr const char* kOthersTurn =
    "another thread is in a call that changes these weights; let one thread wait for the other, or "
    "give each a copy() from before";

// A number with that of the forks until now: 0 in a child.
using Stamped = std::uint64_t;
Stamped stamped(std::uint32_t number);
std::uint32_t here(Stamped number);  // in this process
// The number of this thread, from 1 on.
std::uint32_t this_thread();

class Access {
 public:
  Access() = default;
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

  bool is_others_turn() const {
    const Stamped turn = turn_.load();
    return turn != 0 && is_others(turn);  // as nearly never
  }
  // Whether nothing may be read: another thread's turn waits for what is read by this one.
  bool refuses_reads() const { return is_others_turn() && !is_read_here(); }
  bool is_read_by_others() const {
    const Stamped reads = reads_.load();
    return reads != 0 && is_read_elsewhere(reads);
  }
  std::uint32_t reads() const { return here(reads_.load()); }

  // copy() once no other thread reads, and none begins in between; false if one has its turn.
  template <class F>
  bool change(F copy);

 private:
  friend class Read;
  friend class Turn;

  bool is_others(Stamped turn) const;
  bool is_read_here() const;
  bool is_read_elsewhere(Stamped reads) const;
  // Whether it is this thread's now, from `turn` before. Not while another copies.
  bool take(Stamped* turn);
  static void add(std::atomic<Stamped>& number, int change);
  void wait_for_readers();
  void let_go_first() const;

  std::atomic<Stamped> turn_{0};     // which thread has it; kCopying
  std::atomic<Stamped> reads_{0};    // under way
  std::atomic<Stamped> waiting_{0};  // who would copy
  std::atomic<Clock::time_point> since_{Clock::time_point()};
};

// A read, from `begin` on until it ends with the object or by `end`.
class Read {
 public:
  Read() = default;
  Read(const Read&) = delete;
  Read& operator=(const Read&) = delete;
  Read(Read&& other) noexcept;
  ~Read() { end(); }

  // False if another thread has its turn; a read within one that is under way is a part of it.
  bool begin(Access& access);
  // The same of what may be null; throws.
  void begin_or_throw(Access* access);
  void end();

 private:
  Access* access_ = nullptr;
  Stamped one_ = 0;  // in the process that it began in
};

// The right of one call to change weights; see training/turns.py, which says who gets it. It ends
// by an assignment that calls no Python, so that no signal comes between.
class Turn {
 public:
  Turn() : thread_(this_thread()) {}
  ~Turn() { set_live(false); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  bool live() const { return live_.load(); }
  void set_live(bool live);
  // From now on no other thread begins to read these weights.
  void hold(const std::shared_ptr<Access>& access);
  // Until no other thread reads what it holds.
  void wait() const;

 private:
  const std::uint32_t thread_;
  std::atomic<bool> live_{false};
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Access>> held_;
};

template <class F>
bool Access::change(F copy) {
  for (;;) {
    Stamped before = 0;
    if (!take(&before)) return false;
    const bool read = is_read_by_others();
    if (!read) copy();
    turn_.store(before);
    if (!read) return true;
    wait_for_readers();
  }
}

}  // namespace fastmlp
