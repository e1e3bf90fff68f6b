#include "runtime/program.h"

#include <stdexcept>

namespace fastmlp {
namespace {

[[noreturn]] void fail(std::size_t step, const std::string& what) {
  throw std::invalid_argument("step " + std::to_string(step) + " of the program: " + what);
}

void check_ref(const Program& p, const Ref& r, std::size_t step) {
  if (!r) return;
  if (r.columns < 1 || (r.rows < 1 && r.rows != kBatch) || r.offset < 0) fail(step, "empty buffer");
  const bool batch_rows = r.rows == kBatch;
  Index end = 0, size = 0;
  switch (r.space) {
    case Space::batch:
      if (!batch_rows) fail(step, "a batch buffer needs batch rows");
      end = r.offset + r.columns, size = p.batch_columns;
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

void same(bool ok, std::size_t step) {
  if (!ok) fail(step, "shapes of the operands do not fit");
}

bool fits(const Ref& operand, const Ref& out) {
  return (operand.rows == out.rows || operand.rows == 1) &&
         (operand.columns == out.columns || operand.columns == 1);
}

void check_shapes(const Step& s, std::size_t i) {
  const Ref &a = s.in[0], &b = s.in[1], &out = s.out;
  const auto shaped = [](const Ref& r, Index rows, Index columns) {
    return r.rows == rows && r.columns == columns;
  };
  switch (s.kind) {
    case Kind::gemm: {
      const Index m = s.a ? a.columns : a.rows, k = s.a ? a.rows : a.columns;
      const Index n = s.b ? b.rows : b.columns, kb = s.b ? b.columns : b.rows;
      same(a && b && out && k == kb && shaped(out, m, n), i);
      same(!s.in[2] || shaped(s.in[2], 1, n), i);
      same(!s.in[3] || shaped(s.in[3], m, n), i);
      same(!s.out2 || (shaped(s.out2, 1, n) && !s.b), i);
      same(s.c >= 0 && s.c <= int(Activation::tanh) && s.d >= 0 && s.d <= int(Activation::tanh), i);
      break;
    }
    case Kind::unary:
      same(a && out && shaped(a, out.rows, out.columns), i);
      same(s.a >= 0 && s.a < int(Unary::count), i);
      break;
    case Kind::binary:
      same(a && b && out && fits(a, out) && fits(b, out), i);
      same(s.a >= 0 && s.a < int(Binary::count), i);
      break;
    case Kind::sum:
      same(a && out && s.a >= 0 && s.a <= 2, i);
      same(shaped(out, s.a == 1 ? a.rows : 1, s.a == 0 ? a.columns : 1), i);
      break;
    case Kind::dot:
      same(a && b && shaped(a, b.rows, b.columns) && shaped(out, 1, 1), i);
      break;
    case Kind::add_scaled:
      same(a && b && shaped(a, out.rows, out.columns) && shaped(b, out.rows, out.columns), i);
      break;
    case Kind::spread:
      same(a && out && fits(a, out), i);
      break;
    case Kind::fill:
      same(bool(out), i);
      break;
    case Kind::softmax:
    case Kind::log_softmax:
    case Kind::dropout:
      same(a && out && shaped(a, out.rows, out.columns), i);
      break;
    case Kind::softmax_cross_entropy:
      same(a && b && b.rows == a.rows && (b.columns == 1 || b.columns == a.columns), i);
      same(!s.in[2] || shaped(s.in[2], a.rows, 1) || shaped(s.in[2], 1, 1), i);
      same(!out || shaped(out, a.rows, 1), i);
      same(!s.out2 || shaped(s.out2, a.rows, a.columns), i);
      break;
    case Kind::argmax:
      same(a && shaped(out, a.rows, 1), i);
      break;
    case Kind::pick:
      same(a && shaped(b, a.rows, 1) && shaped(out, a.rows, 1), i);
      break;
    case Kind::scatter:
      same(out && shaped(a, out.rows, 1) && shaped(b, out.rows, 1), i);
      break;
    case Kind::copy:
      same(a && out && a.rows == out.rows && s.a >= 0 && s.b >= 0 && s.c >= 0, i);
      same(s.a + s.c <= a.columns && s.b + s.c <= out.columns, i);
      break;
    case Kind::transpose:
      same(a && out && a.rows != kBatch && shaped(out, a.columns, a.rows), i);
      break;
    default:
      fail(i, "unknown kind");
  }
}

}  // namespace

void Program::check() const {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& s = steps[i];
    for (const Ref& r : s.in) check_ref(*this, r, i);
    check_ref(*this, s.out, i);
    check_ref(*this, s.out2, i);
    check_shapes(s, i);
  }
  if (feed_rows.size() != feed_columns.size() || feed_offsets.size() != feed_columns.size() ||
      output_rows.size() != output_columns.size())
    throw std::invalid_argument("program: feeds or outputs are incomplete");
  for (std::size_t f = 0; f < feed_columns.size(); ++f) {
    const bool batch = feed_rows[f] == kBatch;
    const Index end = feed_offsets[f] + feed_columns[f] * (batch ? 1 : feed_rows[f]);
    if (feed_offsets[f] < 0 || end > (batch ? batch_columns : fixed_size))
      throw std::invalid_argument("program: feed beyond the end of its space");
  }
  if (Index(constants.size()) > fixed_size || reduced_size < 0 || parameter_size < 0)
    throw std::invalid_argument("program: constants beyond the end of the fixed space");
  for (const Index s : scalars)
    if (s < 0 || s >= reduced_size) throw std::invalid_argument("program: no such scalar");
}

}  // namespace fastmlp
