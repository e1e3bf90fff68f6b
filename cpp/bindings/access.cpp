#include "bindings/access.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#if defined(__unix__) || defined(__APPLE__)
#define FASTMLP_POSIX
#include <pthread.h>
#endif

#include "bindings/arrays.h"
#include "bindings/bindings.h"

namespace fastmlp {
namespace {

// In place of a thread: one copies, which takes it no longer than the copy takes.
constexpr std::uint32_t kCopying = ~std::uint32_t(0);
// Reads that would begin let one go first who waits to copy: else, of threads that read all the
// time, one would always be at it. They do so for a tenth of the time that it waits, at first and
// again and again, as a read under way may be long, or wait for one of them.
constexpr Nanoseconds kPatience = std::chrono::seconds(1);
constexpr Nanoseconds kPatienceEvery = std::chrono::seconds(10);
// How often who waits looks whether it may go on, at first and later.
constexpr Nanoseconds kFirstNap = std::chrono::microseconds(20);
constexpr Nanoseconds kLongestNap = std::chrono::milliseconds(1);

std::atomic<std::uint32_t> forks{0};

// What this thread reads, as often as it does, each with the number of forks.
thread_local std::vector<std::pair<const Access*, Stamped>> reading;

std::uint32_t reads_of_this_thread(const Access* access) {
  const std::pair<const Access*, Stamped> own(access, stamped(1));
  return std::uint32_t(std::count(reading.begin(), reading.end(), own));
}

// Until done(), but `most` at the longest; throws what a signal's handler raises.
template <class F>
void wait_until(F done, Nanoseconds most = kForEver) {
  const Clock::time_point end = Clock::now() + most;
  Nanoseconds nap = kFirstNap;
  while (!done()) {
    {
      const WithoutGil without;
      const Clock::time_point look = std::min(end, Clock::now() + kSignals);
      while (!done() && Clock::now() < look) {
        std::this_thread::sleep_for(nap);
        nap = std::min(2 * nap, kLongestNap);
      }
    }
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (Clock::now() >= end) return;
  }
}

// Where numbers of a vector go: from which place on, and what they are.
using Part = std::tuple<Index, py::array>;

template <class T>
void put(Access& access, const py::array& vector, const std::vector<Part>& parts) {
  const Index size = vector.size();
  T* const to = to_vector<T>(vector, size, "vector");
  std::vector<std::tuple<T*, const T*, Index>> copies;
  for (const auto& [begin, values] : parts) {
    const Index count = values.size();
    if (begin < 0 || count > size || begin > size - count) fail("parts: one is not in the vector");
    copies.emplace_back(to + begin, to_values<T>(values, count, "parts"), count);
  }
  const auto copy = [&] {
    for (const auto& [into, from, count] : copies) std::copy_n(from, count, into);
  };
  if (!access.change(copy)) throw std::runtime_error(kOthersTurn);
}

void put_any(Access& access, const py::array& vector, const std::vector<Part>& parts) {
  if (vector.dtype().equal(py::dtype::of<float>())) return put<float>(access, vector, parts);
  put<double>(access, vector, parts);
}

// Reads for as long as a block of Python runs. It begins and ends in C, so that no signal comes
// between the beginning and the block.
class Reading {
 public:
  Reading(std::vector<std::shared_ptr<Access>> accesses, py::object refuse)
      : accesses_(std::move(accesses)), refuse_(std::move(refuse)) {}

  void begin() {
    if (!reads_.empty()) throw std::runtime_error("a read begins once");
    while (!all_begin()) {
      reads_.clear();
      if (refuse_.is_none()) throw std::runtime_error(kOthersTurn);
      refuse_();  // returns if the turn is over
    }
  }
  void end() { reads_.clear(); }

 private:
  bool all_begin() {
    for (const std::shared_ptr<Access>& access : accesses_) {
      reads_.emplace_back();
      if (!reads_.back().begin(*access)) return false;
    }
    return true;
  }

  std::vector<std::shared_ptr<Access>> accesses_;
  py::object refuse_;
  std::vector<Read> reads_;  // ends first
};

}  // namespace

Stamped stamped(std::uint32_t number) { return Stamped(forks.load()) << 32 | number; }

std::uint32_t here(Stamped number) {
  return number >> 32 == forks.load() ? std::uint32_t(number) : std::uint32_t(0);
}

std::uint32_t this_thread() {
  static std::atomic<std::uint32_t> threads{0};
  thread_local const std::uint32_t number = ++threads;
  return number;
}

bool Access::is_others(Stamped turn) const {
  const std::uint32_t thread = here(turn);
  return thread != 0 && thread != this_thread();
}

bool Access::is_read_here() const { return reads_of_this_thread(this) != 0; }

bool Access::is_read_elsewhere(Stamped reads) const {
  return here(reads) > reads_of_this_thread(this);
}

bool Access::take(Stamped* turn) {
  for (;;) {
    *turn = turn_.load();
    const std::uint32_t thread = here(*turn);
    if (thread == kCopying)
      std::this_thread::yield();
    else if (thread != 0 && thread != this_thread())
      return false;
    else if (turn_.compare_exchange_weak(*turn, stamped(kCopying)))
      return true;
  }
}

void Access::add(std::atomic<Stamped>& number, int change) {
  Stamped known = number.load();
  while (!number.compare_exchange_weak(known, stamped(here(known) + std::uint32_t(change)))) {
  }
}

void Access::wait_for_readers() {
  struct Waiting {
    Access& access;
    const Stamped one = stamped(1);
    explicit Waiting(Access& a) : access(a) {
      if (here(access.waiting_.load()) == 0) access.since_.store(Clock::now());
      add(access.waiting_, 1);
    }
    ~Waiting() {
      if (one == stamped(1)) add(access.waiting_, -1);
    }
  } const one(*this);
  wait_until([this] { return !is_read_by_others(); });
}

void Access::let_go_first() const {
  if (here(waiting_.load()) == 0 || !reading.empty()) return;
  const Nanoseconds left = kPatience - (Clock::now() - since_.load()) % kPatienceEvery;
  if (left.count() > 0) wait_until([this] { return here(waiting_.load()) == 0; }, left);
}

Read::Read(Read&& other) noexcept
    : access_(std::exchange(other.access_, nullptr)), one_(other.one_) {}

bool Read::begin(Access& access) {
  const bool is_part = access.is_read_here();
  if (!is_part) access.let_go_first();
  for (;;) {
    reading.emplace_back(&access, stamped(1));
    access_ = &access;
    one_ = stamped(1);
    Access::add(access.reads_, 1);
    const Stamped turn = access.turn_.load();
    if (is_part || turn == 0 || !access.is_others(turn)) return true;
    end();
    if (here(turn) != kCopying) return false;
    std::this_thread::yield();
  }
}

void Read::begin_or_throw(Access* access) {
  if (access && !begin(*access)) throw std::runtime_error(kOthersTurn);
}

void Read::end() {
  if (!access_) return;
  if (one_ == stamped(1)) Access::add(access_->reads_, -1);
  const std::pair<const Access*, Stamped> mine(access_, one_);
  const auto found = std::find(reading.rbegin(), reading.rend(), mine);
  if (found != reading.rend()) reading.erase(std::next(found).base());
  access_ = nullptr;
}

void Turn::set_live(bool live) {
  const std::lock_guard<std::mutex> lock(mutex_);
  live_.store(live);
  if (live) return;
  for (const std::shared_ptr<Access>& access : held_) {
    Stamped mine = stamped(thread_);
    access->turn_.compare_exchange_strong(mine, 0);
  }
  held_.clear();
}

void Turn::hold(const std::shared_ptr<Access>& access) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!live_.load() || std::find(held_.begin(), held_.end(), access) != held_.end()) return;
  held_.push_back(access);
  Stamped before = access->turn_.load();
  do {
    while (here(before) == kCopying) {
      std::this_thread::yield();
      before = access->turn_.load();
    }
  } while (!access->turn_.compare_exchange_weak(before, stamped(thread_)));
}

void Turn::wait() const {
  std::vector<std::shared_ptr<Access>> held;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    held = held_;
  }
  for (const std::shared_ptr<Access>& access : held)
    if (access->is_read_by_others()) wait_until([&] { return !access->is_read_by_others(); });
}

void bind_access(py::module_& m) {
#ifdef FASTMLP_POSIX
  pthread_atfork(nullptr, nullptr, [] { ++forks; });
#endif
  py::class_<Access, std::shared_ptr<Access>>(m, "Access")
      .def(py::init<>())
      .def_property_readonly("reads", &Access::reads)
      .def_property_readonly("refuses_reads", &Access::refuses_reads)
      .def("put", &put_any, py::arg("vector"), py::arg("parts"));
  py::class_<Reading>(m, "Reading")
      .def(py::init<std::vector<std::shared_ptr<Access>>, py::object>(), py::arg("accesses"),
           py::arg("refuse") = py::none())
      .def("__enter__", &Reading::begin)
      .def("__exit__", [](Reading& self, py::args) { self.end(); });
  py::class_<Turn>(m, "Turn")
      .def(py::init<>())
      .def_property("live", &Turn::live, &Turn::set_live)
      .def("hold", &Turn::hold, py::arg("access"))
      .def("wait", &Turn::wait);
}

}  // namespace fastmlp
