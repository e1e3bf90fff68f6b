// Aligned memory, obtained before a run and reused by the next one.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif
#ifdef _WIN32
#include <malloc.h>
#endif
#ifdef FASTMLP_SANITIZE_ADDRESS
#include <sanitizer/asan_interface.h>
#endif

namespace fastmlp {

constexpr std::size_t kAlignment = 64;  // one cache line, one AVX-512 vector
constexpr std::size_t kHugePage = 2 << 20;
constexpr std::size_t kHugeFrom = 1 << 18;  // bytes: less is not worth a huge page

template <class T>
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  Arena(Arena&& other) noexcept : data_(other.data_), size_(other.size_) {
    other.data_ = nullptr;
    other.size_ = 0;
  }
  ~Arena() { release_memory(); }

  // Makes room for n zeroed elements. What was there before is lost only if more room is needed.
  void reserve(std::size_t n) {
    if (n > size_) grow(n);
    allow(n);
  }

  T* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  void grow(std::size_t n) {
    void* fresh = nullptr;
#ifdef FASTMLP_SANITIZE_ADDRESS
    const std::size_t bytes = n * sizeof(T);  // to the byte: beyond it is an error
    if (posix_memalign(&fresh, kAlignment, bytes)) throw std::bad_alloc();
#else
    const std::size_t grain = n * sizeof(T) < kHugeFrom ? kAlignment : kHugePage;
    const std::size_t bytes = (n * sizeof(T) + grain - 1) / grain * grain;
#ifdef _WIN32  // has no aligned_alloc, since its free could not give the memory back
    fresh = _aligned_malloc(bytes, grain);
#else
    fresh = std::aligned_alloc(grain, bytes);
#endif
    if (!fresh) throw std::bad_alloc();
#ifdef __linux__
    if (grain == kHugePage) madvise(fresh, bytes, MADV_HUGEPAGE);  // spares address translation
#endif
#endif
    std::memset(fresh, 0, bytes);
    release_memory();
    data_ = static_cast<T*>(fresh);
    size_ = n;
  }

  void release_memory() {
    allow(size_);
#ifdef _WIN32
    _aligned_free(data_);
#else
    std::free(data_);
#endif
  }

  // Tells AddressSanitizer that the first n elements may be touched, and what is left of a longer
  // reservation not.
  void allow([[maybe_unused]] std::size_t n) {
#ifdef FASTMLP_SANITIZE_ADDRESS
    if (!data_) return;
    __asan_unpoison_memory_region(data_, n * sizeof(T));
    __asan_poison_memory_region(data_ + n, (size_ - n) * sizeof(T));
#endif
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace fastmlp
