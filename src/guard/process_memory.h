// The memory of a process, this one or another: read through the kernel, which refuses what is not mapped.
//
// Thread: any. Fails: another process refuses whoever may not trace it (ptrace(2), "access mode checking").
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace whorl::detail {

class process_memory {
 public:
  explicit process_memory(pid_t process) noexcept : process_(process) {}

  pid_t process() const noexcept { return process_; }

  // How much was there to read. Async-signal-safe.
  std::size_t read(std::uintptr_t from, void* into, std::size_t bytes) const noexcept {
    const iovec local{into, bytes};
    const iovec remote{reinterpret_cast<void*>(from), bytes};
    const ssize_t got = ::process_vm_readv(process_, &local, 1, &remote, 1, 0);
    return got < 0 ? 0 : static_cast<std::size_t>(got);
  }

  template <class Value>
  std::optional<Value> get(std::uintptr_t from) const noexcept {
    static_assert(std::is_trivially_copyable_v<Value>);
    Value value{};
    return read(from, &value, sizeof value) == sizeof value ? std::optional(value) : std::nullopt;
  }

 private:
  pid_t process_;
};

}  // namespace whorl::detail
