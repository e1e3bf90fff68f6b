// Kernels of every instruction set that the processor has, against plain loops in double: for
// machines where Python is not, such as an emulator's. See check_kernels.sh. The tests of the
// package (tests/kernels) look at more.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>
#include <vector>

#include "kernels/mix.h"
#include "kernels/table.h"

using namespace fastmlp;

namespace {

int wrong = 0, compared = 0;

template <class T>
std::vector<T> numbers(Index n, double low = -3, double high = 3) {
  static std::mt19937_64 bits(0);
  std::uniform_real_distribution<double> draw(low, high);
  std::vector<T> x(n);
  for (T& v : x) v = T(draw(bits));
  return x;
}

// |found - expected| <= ulps · epsilon · size
template <class T>
void near(const char* isa, const char* what, double found, double expected, double size,
          double ulps) {
  ++compared;
  const bool same = found == expected || (std::isnan(found) && std::isnan(expected));
  if (same ||
      std::fabs(found - expected) <= ulps * double(std::numeric_limits<T>::epsilon()) * size)
    return;
  if (++wrong <= 20)
    std::printf("%s %s float%d: %.17g, expected %.17g\n", isa, what, int(8 * sizeof(T)), found,
                expected);
}

template <class T>
T* aligned(std::vector<T>& room, Index n) {
  room.resize(n + 64 / sizeof(T));
  const auto address = reinterpret_cast<std::uintptr_t>(room.data());
  return reinterpret_cast<T*>((address + 63) / 64 * 64);
}

template <class T>
void products(const char* isa, const Kernels<T>& k) {
  const Index sizes[] = {1, 2, 3, 7, 16, 17, 31, 65};
  std::vector<T> room;
  for (Index M : sizes)
    for (Index N : sizes)
      for (Index K : {Index(1), Index(5), Index(33), Index(130)})
        for (int form = 0; form < 8; ++form) {
          const bool a_turned = form & 1, b_turned = form & 2, accumulate = form & 4;
          const auto A = numbers<T>(M * K), B = numbers<T>(K * N), bias = numbers<T>(N);
          const auto before = numbers<T>(M * N);
          auto C = before;
          Gemm<T> g{M,
                    N,
                    K,
                    A.data(),
                    a_turned ? 1 : K,
                    a_turned ? M : 1,
                    B.data(),
                    b_turned ? 1 : N,
                    b_turned ? K : 1,
                    C.data(),
                    N};
          g.accumulate = accumulate;
          if (!accumulate) g.bias = bias.data();
          k.gemm(g, aligned(room, k.gemm_scratch(M, N, K)));
          for (Index i = 0; i < M; ++i)
            for (Index j = 0; j < N; ++j) {
              double sum = accumulate ? before[i * N + j] : bias[j], size = std::fabs(sum);
              for (Index l = 0; l < K; ++l) {
                const double term = double(A[i * g.a_rs + l * g.a_cs]) * B[l * g.b_rs + j * g.b_cs];
                sum += term;
                size += std::fabs(term);
              }
              near<T>(isa, "gemm", C[i * N + j], sum, size, double(K + 2));
            }
        }
}

// Functions in float against the same in double, which the bounds below hold against libm.
void functions(const char* isa, const Isa& table) {
  for (int f = 0; f < int(Unary::count); ++f) {
    const auto x = numbers<float>(1003, 0.01, 3);
    const std::vector<double> wide(x.begin(), x.end());
    std::vector<float> y(x.size());
    std::vector<double> expected(x.size());
    table.f32.unary[f](Index(x.size()), x.data(), y.data(), 1.5f);
    table.f64.unary[f](Index(x.size()), wide.data(), expected.data(), 1.5);
    for (std::size_t i = 0; i < x.size(); ++i)
      near<float>(isa, unary_names[f], y[i], expected[i], std::fabs(expected[i]) + 0.1, 8);
  }
}

template <class T>
void against_libm(const char* isa, const Kernels<T>& k) {
  const struct {
    Unary which;
    double (*f)(double);
  } known[] = {{Unary::exp, std::exp},  {Unary::log, std::log}, {Unary::sqrt, std::sqrt},
               {Unary::sin, std::sin},  {Unary::cos, std::cos}, {Unary::abs, std::fabs},
               {Unary::tanh, std::tanh}};
  for (const auto& one : known) {
    auto x = numbers<T>(1003, 0.001, 20);
    x[0] = 0;
    x[1] = std::numeric_limits<T>::infinity();
    x[2] = std::numeric_limits<T>::quiet_NaN();
    std::vector<T> y(x.size());
    k.unary[int(one.which)](Index(x.size()), x.data(), y.data(), T(0));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double expected = one.f(double(x[i]));
      near<T>(isa, unary_names[int(one.which)], y[i], expected, std::fabs(expected) + 0.1, 4);
    }
  }
}

template <class T>
void rows(const char* isa, const Kernels<T>& k) {
  for (Index columns : {1, 2, 3, 8, 17, 100}) {
    const Index n = 7;
    const auto x = numbers<T>(n * columns);
    std::vector<T> y(x.size()), turned(x.size()), sums(columns), best(n);
    k.softmax(n, columns, x.data(), columns, y.data(), columns);
    k.transpose(n, columns, x.data(), columns, turned.data(), n);
    k.sum_rows(n, columns, x.data(), columns, sums.data(), false);
    k.argmax(n, columns, x.data(), columns, best.data());
    std::vector<double> totals(columns);
    for (Index i = 0; i < n; ++i) {
      double total = 0;
      Index top = 0;
      for (Index j = 0; j < columns; ++j) {
        total += std::exp(double(x[i * columns + j]));
        totals[j] += x[i * columns + j];
        if (x[i * columns + j] > x[i * columns + top]) top = j;
      }
      near<T>(isa, "argmax", best[i], double(top), 0, 0);
      for (Index j = 0; j < columns; ++j) {
        near<T>(isa, "softmax", y[i * columns + j], std::exp(double(x[i * columns + j])) / total, 1,
                8);
        near<T>(isa, "transpose", turned[j * n + i], x[i * columns + j], 0, 0);
      }
    }
    for (Index j = 0; j < columns; ++j) near<T>(isa, "sum_rows", sums[j], totals[j], 3.0 * n, n);
  }
}

template <class T>
void adam(const char* isa, const Kernels<T>& k) {
  const Index n = 131;
  auto w = numbers<T>(n);
  const auto before = w, g = numbers<T>(n);
  std::vector<T> mean(n), square(n);
  T* const state[] = {mean.data(), square.data()};
  const T of_step[] = {T(0.01), T(0.9), T(0.999), T(1e-8), T(0)};
  k.update[int(Optimizer::adam)](n, w.data(), g.data(), state, of_step);
  for (Index i = 0; i < n; ++i) {
    const double m = (1 - double(of_step[1])) * g[i], s = (1 - double(of_step[2])) * g[i] * g[i];
    // 1 − β₂ is rounded in T: its error is that of β₂ over 1 − β₂.
    near<T>(isa, "adam", w[i], before[i] - double(of_step[0]) * m / (std::sqrt(s) + 1e-8), 4, 500);
  }
}

template <class T>
void drops(const char* isa, const Kernels<T>& k) {
  const std::uint64_t key = 0xFEDCBA9876543210u;
  const std::uint32_t threshold = 0x4CCCCCCCu;
  for (Index n : {1, 7, 16, 131})
    for (std::uint64_t first : {0u, 5u}) {
      const auto x = numbers<T>(n);
      std::vector<T> y(n);
      k.dropout(n, x.data(), y.data(), key, first, threshold, T(2));
      for (Index i = 0; i < n; ++i) {
        const std::uint64_t at = first + std::uint64_t(i), u = mix(key + (at / 2 + 1) * kGamma);
        const bool kept = std::uint32_t(at % 2 ? u >> 32 : u) >= threshold;
        near<T>(isa, "dropout", y[i], kept ? 2 * double(x[i]) : 0, 0, 0);
      }
    }
}

template <class T>
void all(const Isa& table) {
  const Kernels<T>& k = kernels_of<T>(table);
  products(table.name, k);
  against_libm(table.name, k);
  rows(table.name, k);
  adam(table.name, k);
  drops(table.name, k);
}

}  // namespace

int main() {
  int count = 0;
  const Isa* const* tables = available_isas(&count);
  for (int i = 0; i < count; ++i) {
    all<float>(*tables[i]);
    all<double>(*tables[i]);
    functions(tables[i]->name, *tables[i]);
    std::printf("%s: %d compared, %d wrong\n", tables[i]->name, compared, wrong);
  }
  return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
