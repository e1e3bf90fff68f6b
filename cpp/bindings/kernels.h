// What the functions of _core.kernels share: names of kernels and tables, and the clock.
#pragma once

#include <chrono>
#include <string>

#include "bindings/gil.h"
#include "bindings/views.h"

namespace fastmlp {

template <std::size_t n>
int index_of(const char* const (&list)[n], const std::string& name, const char* argument) {
  std::string all;
  for (std::size_t i = 0; i < n; ++i) {
    if (name == list[i]) return int(i);
    all += (i ? ", " : "") + std::string(list[i]);
  }
  throw py::value_error(std::string(argument) + " is \"" + name + "\"; expected one of: " + all);
}

inline const Isa& isa_named(const std::string& name) {
  int count = 0;
  const Isa* const* isas = available_isas(&count);
  std::string all;
  for (int i = 0; i < count; ++i) {
    if (name == isas[i]->name) return *isas[i];
    all += (i ? ", " : "") + std::string(isas[i]->name);
  }
  throw py::value_error("isa is \"" + name + "\"; expected one of: " + all);
}

template <class F>
double timed(Index repeat, F f) {
  require(repeat >= 0, "repeat must not be negative");
  const WithoutGil without;
  const auto start = std::chrono::steady_clock::now();
  for (Index i = 0; i < repeat; ++i) f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// kernels: its products, dense and sparse.
void bind_products(py::module_& kernels);

// kernels: rows of tables, taken and added to.
void bind_tables(py::module_& kernels);

}  // namespace fastmlp
