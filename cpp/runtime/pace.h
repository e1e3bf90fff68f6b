// Whether one thread does some work faster than several, as measured. Threads may be so far apart
// that what they hand to one another costs more than they gain: on caches of their own, or on
// processors of a virtual machine, which its host moves about. No count of operations tells.
#pragma once

#include <algorithm>

#include "runtime/word.h"

namespace fastmlp {

// The work is done in batches. Most of it is done in the usual way; now and then the other way is
// tried, and becomes the usual one if it is faster: one of fifty batches at most, and fewer and
// fewer as long as trials change nothing.
class Pace {
 public:
  // Whether one thread is to do what comes next.
  bool alone() const { return alone_ != trying_; }
  // Whether that is a trial, after which the others come again unless it is faster.
  bool trying() const { return trying_; }
  // For how long, before it is asked again.
  Nanoseconds left() const {
    const double time = double(time_.count());
    const double missing = batches_ > 0.0 ? (needed_batches() / batches_ - 1.0) * time : 0.0;
    return Nanoseconds(
        std::max((needed_time() - time_).count(), std::int64_t(std::max(missing, 0.0))));
  }
  // So much was done so.
  void worked(Nanoseconds time, double batches) {
    time_ += time;
    batches_ += batches;
    const double found = double(time_.count()) / batches_;
    const bool clear = trying_ && batches_ >= 1.0 && found > kClear * usual_;
    if (!clear && (time_ < needed_time() || batches_ < needed_batches())) return;
    if (!trying_) {
      usual_ = found;
    } else if (found < kFaster * usual_) {
      alone_ = !alone_;
      rest_ = 1;
    } else {
      rest_ = std::min(2 * rest_, alone_ ? kMostRestAlone : kMostRest);
    }
    trying_ = !trying_;
    time_ = Nanoseconds(0);
    batches_ = 0.0;
  }

 private:
  // Of a trial. The first batch finds its data in the caches of other processors.
  static constexpr Nanoseconds kTrial = std::chrono::milliseconds(1);
  static constexpr double kTrialBatches = 4.0;
  // What is done in the usual way is so many times as long, and longer after trials that change
  // nothing: of many threads, one that tries costs all others' time.
  static constexpr int kUsual = 50, kMostRest = 16, kMostRestAlone = 4;
  static constexpr double kFaster = 0.9;
  static constexpr double kClear = 1.5;  // slower by that, a trial is over after a batch

  Nanoseconds needed_time() const { return trying_ ? kTrial : kUsual * rest_ * kTrial; }
  double needed_batches() const {
    return trying_ ? kTrialBatches : double(kUsual * rest_) * kTrialBatches;
  }

  bool alone_ = false, trying_ = false;  // whether one thread is the usual way
  int rest_ = 1;
  double usual_ = 0.0;   // ns of a batch
  Nanoseconds time_{0};  // of the way that is followed now, so far
  double batches_ = 0.0;
};

}  // namespace fastmlp
