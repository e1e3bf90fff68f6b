// What one call of an executor works in. Kept between calls, so that a call allocates nothing.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>

#include "runtime/executor.h"

namespace fastmlp {

// How a feed is read: where the caller has it, from a copy in the arena, or by its listed elements.
enum class FeedAccess : char { in_place, copied, listed };

struct Placed {
  FeedAccess access = FeedAccess::in_place;
  Index copy = 0;  // first column of the copy in the batch arena, or its place in the fixed one
  Fullest elements;
};

template <class T>
struct Executor<T>::Workspace {
  Index rows = 0;  // what it was prepared for
  int threads = 0;
  double flops = 0;           // of a batch
  Nanoseconds time_alone{0};  // of the whole call, roughly
  Index columns = 0;          // of the batch arena, copies of feeds included
  Cut cut;
  Index capacity = 0;  // rows of a batch arena
  Index scratch_each = 0, batch_each = 0, reduced_each = 0;
  Arena<T> batch, fixed, reduced, scratch;
  Arena<T> backup;                // of the parameters and the optimizer's state, in training
  std::vector<double> norm_sums;  // parts of the gradient's norm
  std::vector<Placed> feeds;
  bool turns = false;  // whether a step reads the transpose of a sparse feed
  std::vector<SparseBuffers<T>> sparse_buffers;  // one for each feed
  std::vector<View<const T>> views;              // threads × feeds
  std::vector<SparseBatch<T>> sparse;            // threads × feeds
  std::vector<View<T>> outputs;                  // threads × outputs
  std::vector<Feed> one_feed{1};                 // of run_one
  std::vector<T*> one_output{nullptr};
  Pace pace;  // of batches like these

  T* batch_of(int thread) const { return batch.data() + (cut.lanes ? thread * batch_each : 0); }
  T* reduced_of(Index lane) const { return reduced.data() + lane * reduced_each; }
  T* scratch_of(int thread) const { return scratch.data() + thread * scratch_each; }
};

// The workspaces of a call whose members are dealt out: as many as threads, each for one of them.
template <class T>
struct Executor<T>::Spares {
  std::mutex guard;
  std::vector<std::unique_ptr<Workspace>> free;

  std::unique_ptr<Workspace> take(const Executor<T>& executor) {
    const std::lock_guard<std::mutex> lock(guard);
    if (free.empty()) return executor.make_workspace();
    std::unique_ptr<Workspace> w = std::move(free.back());
    free.pop_back();
    return w;
  }
  void give_back(std::unique_ptr<Workspace> workspace) {
    const std::lock_guard<std::mutex> lock(guard);
    free.push_back(std::move(workspace));
  }
};

// Asks, on thread 0, whether the user wants to stop, and makes all threads stop at the same
// barrier.
class Listener {
 public:
  explicit Listener(const std::function<bool()>& interrupted) : interrupted_(interrupted) {}

  void poll(const Worker& worker) {
    if (worker.thread != 0 || !interrupted_ || heard()) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < kSignals) return;
    last_ = now;
    if (interrupted_()) stop_at_.store(worker.passed + 1, std::memory_order_release);
  }
  // A new team counts its barriers anew.
  void restart() {
    if (heard()) stop_at_.store(0, std::memory_order_release);
  }
  // Whether threads will stop at a barrier to come: what is computed until then is not used.
  bool heard() const { return stop_at_.load(std::memory_order_acquire) != INT64_MAX; }
  // Whether this thread, having passed a barrier, stops here.
  bool stops(const Worker& worker) const {
    return worker.passed >= stop_at_.load(std::memory_order_acquire);
  }

 private:
  const std::function<bool()>& interrupted_;
  std::atomic<std::int64_t> stop_at_{INT64_MAX};
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

template <class T>
struct Executor<T>::Batch {
  const std::vector<Feed>* feeds;
  const std::int64_t* order;  // of this epoch, or null
  Index first;                // row of the data (or of the order) where the batch begins
  Index rows;
  const T* parameters;
  const std::vector<T*>* outputs;
  std::uint64_t key;
  Index step = 0;                // of the call, in training
  Listener* listener = nullptr;  // asked within the batch if that takes long
};

}  // namespace fastmlp
