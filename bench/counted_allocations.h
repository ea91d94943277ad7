// Counts the general-purpose allocations of a program. Included by its one source file: it defines malloc and its
// kin, under which operator new and every library's allocation end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

// NOLINTBEGIN: the C library's own names
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* block, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);
}
// NOLINTEND

namespace bench {

inline thread_local constinit std::uint64_t allocations = 0;

}  // namespace bench

extern "C" {
void* malloc(std::size_t bytes) noexcept {
  ++bench::allocations;
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) noexcept {
  ++bench::allocations;
  return __libc_calloc(count, bytes);
}
void* realloc(void* block, std::size_t bytes) noexcept {
  ++bench::allocations;
  return __libc_realloc(block, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  ++bench::allocations;
  return __libc_memalign(alignment, bytes);
}
}
