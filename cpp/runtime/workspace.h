// What one call of an executor works in. Kept between calls, so that a call allocates nothing.
#pragma once

#include "runtime/executor.h"

namespace fastmlp {

template <class T>
struct Executor<T>::Workspace {
  Index rows = 0;  // what it was prepared for
  int threads = 0;
  bool ordered = false;
  Cut cut;
  Index capacity = 0;  // rows of a batch arena
  Index scratch_each = 0, batch_each = 0, reduced_each = 0;
  Arena<T> batch, fixed, reduced, scratch;
  std::vector<char> copied;          // per feed: its rows are brought into the arena
  std::vector<View<const T>> views;  // threads × feeds
  std::vector<View<T>> outputs;      // threads × outputs
  std::vector<Feed> one_feed{1};     // of run_one
  std::vector<T*> one_output{nullptr};

  T* batch_of(int thread) const { return batch.data() + (cut.lanes ? thread * batch_each : 0); }
  T* reduced_of(Index lane) const { return reduced.data() + lane * reduced_each; }
  T* scratch_of(int thread) const { return scratch.data() + thread * scratch_each; }
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
};

}  // namespace fastmlp
