// error: the first argument after the function may not cross to another thread: it is, or holds, an object whose class says that it may not (whorl::is_transferable is false for it): see there what to use instead
#include <whorl/places/defer_to.h>

#include <vector>

struct window_handle {
  int number;
};
template <>
inline constexpr bool whorl::is_transferable<window_handle> = false;

std::size_t count(std::vector<window_handle> handles) { return handles.size(); }

whorl::deferred<void> use(whorl::thread_pool& pool, std::vector<window_handle> handles) {
  co_await whorl::defer_to(pool, count, handles);
}
