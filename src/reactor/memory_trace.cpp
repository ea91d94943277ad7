#include "reactor/memory_trace.h"

#include <fmt/format.h>

#include <span>
#include <utility>

namespace whorl {

void memory_trace::mix(bytes_view content) noexcept {
  for (const std::byte each : content) {
    digest_ = (digest_ ^ std::to_integer<std::uint64_t>(each)) * 0x100000001b3U;
  }
}

void memory_trace::mix(std::uint64_t number) noexcept { mix(std::as_bytes(std::span(&number, 1))); }

void memory_trace::happened(time_point at, std::string_view where, const char* what, std::uint64_t connection,
                            std::uint64_t bytes) {
  keep({at, std::string(where), what, connection, bytes, {}});
}

void memory_trace::remark(time_point at, std::string_view where, std::string text) {
  keep({at, std::string(where), "", 0, 0, std::move(text)});
}

void memory_trace::keep(line added) {
  mix(static_cast<std::uint64_t>(added.at.time_since_epoch().count()));
  mix(std::as_bytes(std::span(added.where)));
  mix(std::as_bytes(std::span(std::string_view(added.what))));
  mix(added.connection);
  mix(added.bytes);
  mix(std::as_bytes(std::span(added.remark)));
  if (lines_.size() == kept_lines) {
    lines_.pop_front();
    ++forgotten_lines_;
  }
  lines_.push_back(std::move(added));
}

std::string memory_trace::text() const {
  std::string all;
  if (forgotten_lines_ != 0) {
    all = fmt::format("({} earlier lines left out)\n", forgotten_lines_);
  }
  for (const line& each : lines_) {
    const double milliseconds = static_cast<double>(each.at.time_since_epoch().count()) / 1e6;
    all += fmt::format("{:>14.6f} ms  {:<10} {}{}", milliseconds, each.where, each.what, each.remark);
    if (each.connection != 0) {
      all += fmt::format(" on connection {}", each.connection);
    }
    if (each.bytes != 0) {
      all += fmt::format(", {} bytes", each.bytes);
    }
    all += '\n';
  }
  return all + fmt::format("digest {:016x}\n", digest_);
}

}  // namespace whorl
