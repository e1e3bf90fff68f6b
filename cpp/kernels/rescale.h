// Rows of numbers for each column beside an activation, and their message: all of it in one pass.
#pragma once

#include "kernels/elementwise.h"
#include "kernels/groups.h"

namespace fastmlp::FASTMLP_ISA {

// Columns whose numbers, and sums, stay in the first-level cache from row to row.
constexpr Index rescaled_columns = 1024;

// z = v∘scale + offset, each product and sum rounded as if it had been stored.
template <class T>
FASTMLP_INLINE Vec<T> rescaled(Vec<T> v, const Rescaling<T>& by, Index at, Index count) {
  if (by.scale) v = v * load_part(by.scale + at, count);
  if (by.offset) v = v + load_part(by.offset + at, count);
  return v;
}

template <class T, template <class> class Phi>
void rescale_by(Index rows, Index columns, const T* v, Index ldv, const Rescaling<T>& by, T* y,
                Index ldy) {
  for (Index first = 0; first < columns; first += rescaled_columns) {
    const Index left = columns - first, n = left < rescaled_columns ? left : rescaled_columns;
    for (Index i = 0; i < rows; ++i)
      for_row<T>(n, [&](Index b, Index count) FASTMLP_INLINED {
        const Index j = first + b;
        Vec<T> h = Phi<T>::at(rescaled(load_part(v + i * ldv + j, count), by, j, count), T(0));
        if (by.factor) h = h * load_part(by.factor + j, count);
        store_part(y + i * ldy + j, h, count);
      });
  }
}

template <class T, template <class> class Phi, template <class> class Message>
void rescale_message_by(Index rows, Index columns, const T* bar, Index ldbar, const T* v, Index ldv,
                        const Rescaling<T>& by, bool reads_z, const RescalingSums<T>& sums, T* y,
                        Index ldy) {
  const auto add = [](T* sum, Vec<T> term, Index count)
                       FASTMLP_INLINED { store_part(sum, load_part(sum, count) + term, count); };
  for (Index first = 0; first < columns; first += rescaled_columns) {
    const Index left = columns - first, n = left < rescaled_columns ? left : rescaled_columns;
    for (Index i = 0; i < rows; ++i)
      for_row<T>(n, [&](Index b, Index count) FASTMLP_INLINED {
        const Index j = first + b;
        const Vec<T> own = load_part(v + i * ldv + j, count), z = rescaled(own, by, j, count);
        const Vec<T> h = Phi<T>::at(z, T(0));
        Vec<T> message = load_part(bar + i * ldbar + j, count);
        if (sums.factor) add(sums.factor + j, message * h, count);
        if (by.factor) message = message * load_part(by.factor + j, count);
        message = Message<T>::at(message, reads_z ? z : h);
        if (sums.scale) add(sums.scale + j, message * own, count);
        if (sums.offset) add(sums.offset + j, message, count);
        if (by.scale) message = message * load_part(by.scale + j, count);
        store_part(y + i * ldy + j, message, count);
      });
  }
}

// In the order of Activation.
template <class T>
constexpr decltype(&rescale_by<T, unary::identity>) rescales[] = {rescale_by<T, unary::identity>,
#define FASTMLP_ENTRY(name, phi, message) rescale_by<T, unary::name>,
                                                                  FASTMLP_ACTIVATION(FASTMLP_ENTRY)
#undef FASTMLP_ENTRY
};
template <class T>
constexpr decltype(&rescale_message_by<T, unary::identity, binary::identity_message>)
    rescale_messages[] = {rescale_message_by<T, unary::identity, binary::identity_message>,
#define FASTMLP_ENTRY(name, phi, message) \
  rescale_message_by<T, unary::name, binary::name##_message>,
                          FASTMLP_ACTIVATION(FASTMLP_ENTRY)
#undef FASTMLP_ENTRY
};

template <class T>
void rescale(Index rows, Index columns, const T* v, Index ldv, const Rescaling<T>& by, T* y,
             Index ldy) {
  rescales<T>[int(by.activation)](rows, columns, v, ldv, by, y, ldy);
}

template <class T>
void rescale_message(Index rows, Index columns, const T* bar, Index ldbar, const T* v, Index ldv,
                     const Rescaling<T>& by, bool reads_z, const RescalingSums<T>& sums, T* y,
                     Index ldy) {
  rescale_messages<T>[int(by.activation)](rows, columns, bar, ldbar, v, ldv, by, reads_z, sums, y,
                                          ldy);
}

}  // namespace fastmlp::FASTMLP_ISA
