#include "runtime/program.h"

#include <stdexcept>

#include "runtime/steps/table.h"

namespace fastmlp {
namespace {

// Larger programs fit no machine; within these no sum or product of sizes overflows.
constexpr Index kMaxSide = Index(1) << 31;
constexpr Index kMaxSize = Index(1) << 40;

[[noreturn]] void fail(std::size_t step, const std::string& what) {
  throw std::invalid_argument("step " + std::to_string(step) + " of the program: " + what);
}

void check_ref(const Program& p, const Ref& r, std::size_t step) {
  if (!r) return;
  if (r.columns < 1 || r.rows == 0 || r.offset < 0) fail(step, "empty buffer");
  if (r.columns > kMaxSide || r.rows > kMaxSide || r.rows < -kMaxSide || r.offset > kMaxSize)
    fail(step, "buffer beyond the end of its space");
  const bool batch_rows = r.by_batch();
  Index end = 0, size = 0;
  switch (r.space) {
    case Space::batch:
      if (!batch_rows) fail(step, "a batch buffer needs batch rows");
      end = r.offset + r.columns * r.per_example(), size = p.batch_columns;
      break;
    case Space::fixed:
      end = r.offset + r.rows * r.columns, size = p.fixed_size;
      break;
    case Space::reduced:
      end = r.offset + r.rows * r.columns, size = p.reduced_size;
      break;
    case Space::parameter:
      end = r.offset + r.rows * r.columns, size = p.parameter_size;
      break;
    case Space::feed:
      if (r.offset >= Index(p.feed_columns.size())) fail(step, "no such feed");
      if (r.columns != p.feed_columns[r.offset] || r.rows != p.feed_rows[r.offset])
        fail(step, "feed of another shape");
      return;
    case Space::output:
      if (r.offset >= Index(p.output_columns.size())) fail(step, "no such output");
      if (r.columns != p.output_columns[r.offset] || r.rows != p.output_rows[r.offset])
        fail(step, "output of another shape");
      return;
    default:
      fail(step, "unknown space");
  }
  if (r.space != Space::batch && batch_rows) fail(step, "batch rows in a fixed buffer");
  if (end > size) fail(step, "buffer beyond the end of its space");
}

// What the caller only lends is read only.
void check_result(const Ref& r, std::size_t step) {
  if (r.space == Space::parameter || r.space == Space::feed)
    fail(step, "a result in the parameters or in a feed");
}

// If the batch is cut, the steps before and after the rows run outside any part of it.
void check_sections(const Program& p) {
  int stage = 0;
  for (std::size_t i = 0; i < p.steps.size(); ++i) {
    const Step& s = p.steps[i];
    const bool by_rows = s.section == Section::rows || s.section == Section::reduce;
    const int own = by_rows ? 1 : s.section == Section::before ? 0 : 2;
    if (own < stage) fail(i, "sections out of order");
    stage = own;
    bool touches_batch = s.out.by_batch() || s.out2.by_batch();
    for (const Ref& r : s.in) touches_batch = touches_batch || r.by_batch();
    if (touches_batch && !by_rows) fail(i, "rows of the batch outside its section");
    if (touches_batch && row_of(s.kind).whole_batch)
      fail(i, "it needs the whole batch, which is cut");
  }
}

void check_sizes(const Program& p) {
  for (const Index size : {p.batch_columns, p.fixed_size, p.reduced_size, p.parameter_size})
    if (size < 0 || size > kMaxSize) throw std::invalid_argument("program: impossible sizes");
  if (p.reduced_size < p.parameter_size && !p.scalars.empty())
    throw std::invalid_argument("program: no room for the gradient");
  if (Index(p.constants.size()) > p.fixed_size)
    throw std::invalid_argument("program: constants beyond the end of the fixed space");
  for (const Index s : p.scalars)
    if (s < 0 || s >= p.reduced_size) throw std::invalid_argument("program: no such scalar");
  if (p.batch_weight != kRows && (p.batch_weight < 0 || p.batch_weight >= p.reduced_size))
    throw std::invalid_argument("program: no such weight of a batch");
}

void check_feeds(const Program& p) {
  if (p.feed_rows.size() != p.feed_columns.size() ||
      p.output_rows.size() != p.output_columns.size())
    throw std::invalid_argument("program: feeds or outputs are incomplete");
  for (std::size_t f = 0; f < p.feed_columns.size(); ++f) {
    const Index rows = p.feed_rows[f], columns = p.feed_columns[f];
    if (columns < 1 || columns > kMaxSide || (rows < 1 && rows != kBatch) || rows > kMaxSide ||
        rows * columns > kMaxSize)
      throw std::invalid_argument("program: impossible shape of a feed");
  }
}

}  // namespace

Index Program::fed_columns() const {
  Index columns = 0;
  for (std::size_t f = 0; f < feed_rows.size(); ++f)
    if (feed_rows[f] == kBatch) columns += feed_columns[f];
  return columns;
}

Index Program::fed_size() const {
  Index size = 0;
  for (std::size_t f = 0; f < feed_rows.size(); ++f)
    if (feed_rows[f] != kBatch) size += feed_rows[f] * feed_columns[f];
  return size;
}

void Program::count_flops() {
  flops_per_row = 0;
  for (const Step& s : steps) flops_per_row += row_of(s.kind).flops(s);
}

void Program::check() const {
  check_sizes(*this);
  check_feeds(*this);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& s = steps[i];
    for (const Ref& r : s.in) check_ref(*this, r, i);
    check_ref(*this, s.out, i);
    check_ref(*this, s.out2, i);
    check_result(s.out, i);
    check_result(s.out2, i);
    if (const char* wrong = row_of(s.kind).check(s)) fail(i, wrong);
  }
  if (by_rows) check_sections(*this);
}

}  // namespace fastmlp
