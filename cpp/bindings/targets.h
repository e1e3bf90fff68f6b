// The targets and weights of examples as Python has them, read as they are: arrays, one-hot rows,
// lists and dicts of such. What is none of these is refused as inputs are; see inputs.h.
#pragma once

#include <cmath>
#include <limits>

#include "bindings/inputs.h"

namespace fastmlp {

// Name, columns, classes (0: numbers), low, high, whether they are whole.
using TargetTuple = std::tuple<std::string, Index, Index, double, double, bool>;

// The targets of a network, one for each of its outputs.
class Targets {
 public:
  // several: whether the outputs were given as a list or dict.
  Targets(const std::vector<TargetTuple>& given, bool several) {
    for (const auto& [name, columns, classes, low, high, whole] : given) {
      parts_.names.push_back(py::str(name));
      each_.push_back({columns, classes, low, high, whole});
      require(columns >= 1 && classes >= 0 && (classes == 0 || columns == 1 || columns == classes),
              "targets: expected numbers, or labels or probabilities of classes");
    }
    parts_.named = parts_.listed = several;
    parts_.alone = given.size() == 1;
  }

  std::size_t size() const { return each_.size(); }
  Index columns(std::size_t i) const { return each_[i].columns; }

  // Takes hold of them as feeds `first`, …; false if they are not as many rows of such columns.
  template <class T>
  bool take(PyObject* t, Given<T>& to, std::size_t first) const {
    return parts_.each(t, [&](py::object part, std::size_t i) {
      std::optional<Feed> feed = to_columns_feed(part.ptr());
      to.held.push_back(std::move(part));
      const Each& each = each_[i];
      if (!feed || (feed->columns != each.columns && feed->columns != each.classes)) return false;
      to.feeds[first + i] = std::move(*feed);
      return to.same_rows(first + i);
    });
  }

  // Whether the numbers are targets; other forms of labels are made labels. Needs no GIL.
  template <class T>
  bool fit(Given<T>& given, std::size_t first) const {
    for (std::size_t i = 0; i < each_.size(); ++i) {
      const Each& each = each_[i];
      Feed& f = given.feeds[first + i];
      std::vector<T>& labels = given.labels[first + i];
      bool fine;
      if (each.columns > 1 && each.classes > 0) {
        fine = holds_probabilities(f);
      } else if (f.columns > each.columns) {
        fine = take_one_hot(f, labels);
      } else {
        fine = holds<T>(f, each) || (each.classes == 1 && take_signs(f, labels));
      }
      if (!fine) return false;
    }
    return true;
  }

 private:
  struct Each {
    Index columns, classes;
    double low, high;
    bool whole;
  };

  // Where labels were put: a column of T.
  template <class T>
  static void read_labels(Feed& f, const std::vector<T>& labels) {
    f.data = labels.data();
    f.dtype = dtype_of<T>();
    f.columns = f.stride = f.step = 1;
  }

  template <class T>
  static bool holds(const Feed& f, const Each& each) {
    constexpr double limit = double(std::numeric_limits<T>::max());
    const double least = std::max(each.low, -limit), most = std::min(each.high, limit);
    const bool whole = each.whole;
    if (!whole && least == -limit && most == limit) return all_finite<T>(f);
    bool good = true;
    with_type(f.dtype, [&](auto element) {
      using From = decltype(element);
      for (Index i = 0; i < f.rows; ++i) {
        const From* row = static_cast<const From*>(f.data) + i * f.stride;
        for (Index j = 0; j < f.columns; ++j) {
          const double x = double(row[j * f.step]);
          good = good && x >= least && x <= most && (!whole || x == std::floor(x));
        }
      }
    });
    return good;
  }

  // Rows with one 1 and else zeros; their labels take their place.
  template <class T>
  static bool take_one_hot(Feed& f, std::vector<T>& labels) {
    labels.resize(std::size_t(f.rows));
    bool good = true;
    with_type(f.dtype, [&](auto element) {
      using From = decltype(element);
      for (Index i = 0; i < f.rows; ++i) {
        const From* row = static_cast<const From*>(f.data) + i * f.stride;
        Index ones = 0, zeros = 0, label = 0;
        for (Index j = 0; j < f.columns; ++j) {
          const double x = double(row[j * f.step]);
          ones += x == 1;
          zeros += x == 0;
          label = x == 1 ? j : label;
        }
        good = good && ones == 1 && zeros == f.columns - 1;
        labels[std::size_t(i)] = T(label);
      }
    });
    if (good) read_labels(f, labels);
    return good;
  }

  // The classes −1 and 1; 0 and 1 take their place.
  template <class T>
  static bool take_signs(Feed& f, std::vector<T>& labels) {
    labels.resize(std::size_t(f.rows));
    bool good = true;
    with_type(f.dtype, [&](auto element) {
      using From = decltype(element);
      for (Index i = 0; i < f.rows; ++i) {
        const double x = double(static_cast<const From*>(f.data)[i * f.stride]);
        good = good && (x == 1 || x == -1);
        labels[std::size_t(i)] = T(x > 0);
      }
    });
    if (good) read_labels(f, labels);
    return good;
  }

  // Rows that are not negative and add up to 1, and not all of them one-hot: these have a program
  // of their own, which reads labels.
  static bool holds_probabilities(const Feed& f) {
    constexpr double tolerance = 0.99e-4;  // within that of Python's check
    bool good = true, one_hot = true;
    with_type(f.dtype, [&](auto element) {
      using From = decltype(element);
      for (Index i = 0; i < f.rows; ++i) {
        const From* row = static_cast<const From*>(f.data) + i * f.stride;
        double sum = 0;
        bool positive = true;
        Index ones = 0, zeros = 0;
        for (Index j = 0; j < f.columns; ++j) {
          const double x = double(row[j * f.step]);
          positive = positive && x >= 0;
          sum += x;
          ones += x == 1;
          zeros += x == 0;
        }
        good = good && positive && std::abs(sum - 1) <= tolerance;
        one_hot = one_hot && ones == 1 && zeros == f.columns - 1;
      }
    });
    return good && !one_hot;
  }

  Parts parts_;
  std::vector<Each> each_;
};

// The weights of examples: for all outputs, or by the names of outputs for each.
class Weights {
 public:
  // common: one for all outputs, whose name does not matter. No names: none.
  Weights(const std::vector<std::string>& names, bool common) {
    for (const std::string& name : names) parts_.names.push_back(py::str(name));
    parts_.named = !common;
    parts_.alone = common;
    require(!common || names.size() == 1, "weights: expected one for all");
  }

  std::size_t size() const { return parts_.names.size(); }

  template <class T>
  bool take(PyObject* weights, Given<T>& to, std::size_t first) const {
    if (size() == 0 || weights == Py_None) return size() == 0 && weights == Py_None;
    return parts_.each(weights, [&](py::object part, std::size_t i) {
      std::optional<Feed> feed = to_columns_feed(part.ptr());
      to.held.push_back(std::move(part));
      if (!feed || feed->columns != 1) return false;
      to.feeds[first + i] = std::move(*feed);
      return to.same_rows(first + i);
    });
  }

  // Whether they are of an ordinary unit, none negative and not all zero. Needs no GIL.
  template <class T>
  bool fit(const Given<T>& given, std::size_t first) const {
    for (std::size_t i = 0; i < size(); ++i)
      if (!are_ordinary<T>(given.feeds[first + i])) return false;
    return true;
  }

 private:
  // Python brings the others into such a unit; see data/weights.py.
  template <class T>
  static bool are_ordinary(const Feed& f) {
    constexpr double tiny = double(std::numeric_limits<T>::min());
    constexpr double far = 2 * tiny / double(std::numeric_limits<T>::epsilon());
    double least = std::numeric_limits<double>::infinity(), most = 0;
    bool good = true;
    with_type(f.dtype, [&](auto element) {
      using From = decltype(element);
      for (Index i = 0; i < f.rows; ++i) {
        const double x = double(static_cast<const From*>(f.data)[i * f.stride]);
        good = good && x >= 0;
        most = std::max(most, x);
        least = x > 0 ? std::min(least, x) : least;
      }
    });
    return good && most >= 0x1p-16 && most < 0x1p16 && least >= most * far;
  }

  Parts parts_;
};

}  // namespace fastmlp
