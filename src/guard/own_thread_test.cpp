#include "guard/own_thread.h"

#include <gtest/gtest.h>
#include <whorl/guard/call_stack.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <semaphore>
#include <thread>
#include <vector>

namespace whorl::detail {
namespace {

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// What one thread has opened another must not close, by numbers that mean something else there.
TEST(OwnThread, DebugInformationThatItKeepsIsNotThatOfOtherThreads) {
  const std::vector<std::uintptr_t> here{reinterpret_cast<std::uintptr_t>(&open_descriptors)};
  resolve(here);  // libraries that are loaded for it stay
  const std::size_t before = open_descriptors();
  std::binary_semaphore keeps(0);
  std::binary_semaphore go_on(0);
  std::binary_semaphore ended(0);
  start_own_thread([&] {
    take_own_descriptors();
    {
      const kept_debug_information kept;
      keeps.release();
      go_on.acquire();
    }
    ended.release();
  });
  keeps.acquire();
  EXPECT_FALSE(resolve(here).empty());
  go_on.release();
  ended.acquire();
  while (open_descriptors() > before) {  // threads of the guard's that end have some for a moment; a leak is for ever
    std::this_thread::yield();
  }
}

}  // namespace
}  // namespace whorl::detail
