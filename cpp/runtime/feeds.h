// Data as the caller has it, and its rows brought into the arena in the program's type.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/table.h"

namespace fastmlp {

enum class DType : int { f32, f64, f16, i8, u8, i16, u16, i32, u32, i64, u64, boolean, csr };

// The elements that are not zero, row by row. Those of row i are [begins[i], begins[i + 1]); those
// of one place are added up. Others may write to the columns meanwhile: they are checked where they
// are used.
struct CompressedRows {
  DType dtype = DType::f32;  // of the elements; never csr
  bool wide = false;         // columns are int64, not int32
  const void* columns = nullptr;
  std::shared_ptr<const Index[]> begins;  // our own
};

struct Feed {
  const void* data = nullptr;
  DType dtype = DType::f32;  // csr: data are the elements of `sparse`
  Index rows = 0, columns = 0;
  Index stride = 0, step = 1;  // elements from row to row, from column to column
  Index each_step = 0;         // rows of one step of a training, where each has its own
  CompressedRows sparse = {};
};

template <class T>
constexpr DType dtype_of() {
  return sizeof(T) == 4 ? DType::f32 : DType::f64;
}

// Row i of an order of `rows` rows, which others may write to meanwhile.
inline Index row_at(const std::int64_t* order, Index i, Index rows) {
  if (!order) return i;
  const Index row = static_cast<const volatile std::int64_t*>(order)[i];
  return std::uint64_t(row) < std::uint64_t(rows) ? row : 0;
}

// dst[i, :] = feed[order ? order[first + i] : first + i, :] for i in [begin, end); sparse rows
// become dense here, a batch at a time.
template <class T>
void gather(const Feed& feed, const std::int64_t* order, Index first, Index begin, Index end,
            T* dst);

}  // namespace fastmlp
