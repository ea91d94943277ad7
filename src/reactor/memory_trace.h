// A memory_trace writes down what happens in a memory_network, so that two runs can be compared and a failing one read.
//
// The digest is of everything, the bytes that were delivered included; of the lines only the last ones are kept.
//
// Thread: the network's.
#pragma once

#include <whorl/reactor/backend.h>
#include <whorl/reactor/time.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace whorl {

class memory_trace {
 public:
  // `where` is a host; `what` is a literal.
  void happened(time_point at, std::string_view where, const char* what, std::uint64_t connection, std::uint64_t bytes);
  void remark(time_point at, std::string_view where, std::string text);

  // Only for the digest.
  void mix(bytes_view content) noexcept;
  void mix(std::uint64_t number) noexcept;

  std::uint64_t digest() const noexcept { return digest_; }
  std::string text() const;  // the lines, and last the digest

 private:
  struct line {
    time_point at;
    std::string where;
    const char* what;
    std::uint64_t connection;
    std::uint64_t bytes;
    std::string remark;
  };
  static constexpr std::size_t kept_lines = 1000;

  void keep(line added);

  std::deque<line> lines_;
  std::uint64_t forgotten_lines_ = 0;
  std::uint64_t digest_ = 0xcbf29ce484222325U;
};

}  // namespace whorl
