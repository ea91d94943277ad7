#include <whorl/process/packing.h>

#include <fmt/format.h>

namespace whorl {

std::string_view unpacker::take(std::size_t bytes) {
  if (bytes > left_.size()) {
    throw error(errc::bad_input,
                fmt::format("unpack a value: {} bytes are left where {} are needed; both processes must run the same "
                            "program",
                            left_.size(), bytes));
  }
  const std::string_view taken = left_.substr(0, bytes);
  left_.remove_prefix(bytes);
  return taken;
}

std::size_t unpacker::take_count() {
  const auto count = packing<std::uint64_t>::unpack(*this);
  if (count > left_.size()) {
    throw error(errc::bad_input,
                fmt::format("unpack a value: {} elements are promised where {} bytes are left; both processes must run "
                            "the same program",
                            count, left_.size()));
  }
  return count;
}

void unpacker::finish() const {
  if (!left_.empty()) {
    throw error(
        errc::bad_input,
        fmt::format("unpack a value: {} bytes are left over; both processes must run the same program", left_.size()));
  }
}

}  // namespace whorl
