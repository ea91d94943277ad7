// A view inside a container inside an optional.
// error: the first argument after the function may not cross to another thread: it holds a view (string_view, span)
#include <whorl/places/defer_to.h>

#include <optional>
#include <span>
#include <vector>

std::size_t count(std::optional<std::vector<std::span<const int>>> parts) { return parts ? parts->size() : 0; }

whorl::deferred<void> use(whorl::thread_pool& pool, std::optional<std::vector<std::span<const int>>> parts) {
  co_await whorl::defer_to(pool, count, std::move(parts));
}
