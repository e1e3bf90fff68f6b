// Giving the GIL away while the core works, and taking it back.
//
// Once the interpreter exits, it ends a thread that asks for the GIL where it stands (pthread_exit,
// until Python 3.13), and the unwinding of that would meet destructors, which must not throw, and
// parallel regions: std::terminate. Such a thread stops here instead, as Python does from 3.14 on,
// and the process ends with the script's own code.
//
// In a free-threaded Python there is none: then giving it away means that the collector of garbage
// need not wait for this thread, and whoever keeps "it" is not alone for that.
#pragma once

#include <Python.h>

#include <chrono>
#include <functional>
#include <thread>

namespace fastmlp {

// Whether a thread that has not given the GIL away runs alone.
#ifdef Py_GIL_DISABLED
constexpr bool kGilHolds = false;
#else
constexpr bool kGilHolds = true;
#endif

// take() asks for the GIL. It is C and throws nothing: what comes out of it is the end of the
// thread, which has no object that could be caught by its type.
template <class F>
auto take_gil(F take) {
  try {
    return take();
  } catch (...) {
    for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
  }
}

// While it lives, other threads may run Python.
class WithoutGil {
 public:
  WithoutGil() : state_(PyEval_SaveThread()) {}
  ~WithoutGil() {
    take_gil([this] { PyEval_RestoreThread(state_); });
  }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* const state_;
};

// f() with the GIL, from any thread that has given it away or never had it.
template <class F>
auto with_gil(F f) {
  const PyGILState_STATE state = take_gil([] { return PyGILState_Ensure(); });
  const auto result = f();
  PyGILState_Release(state);
  return result;
}

// What the core asks every 50 ms of a long call: true with an exception set, as of Ctrl-C.
inline const std::function<bool()> kAsksForSignals = [] {
  return with_gil([] { return PyErr_CheckSignals() != 0; });
};

}  // namespace fastmlp
