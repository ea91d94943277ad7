#include <whorl/places/parallel_for.h>

#include <algorithm>

namespace whorl {

std::vector<index_range> split_range(range_split split) {
  const std::uint64_t count = std::min<std::uint64_t>(split.size, std::max<std::size_t>(split.parts, 1));
  std::vector<index_range> ranges;
  std::uint64_t first = 0;
  for (std::uint64_t part = 0; part < count; ++part) {
    const std::uint64_t size = (split.size / count) + (part < split.size % count ? 1 : 0);
    ranges.push_back({.first = first, .end = first + size});
    first += size;
  }
  return ranges;
}

}  // namespace whorl
