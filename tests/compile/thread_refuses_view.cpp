// error: the first argument after the function may not cross to another thread: it holds a view (string_view, span), and what it looks at may be gone when it is read: pass an owner (std::string, std::vector)
#include <whorl/places/defer_to.h>

#include <string_view>

std::size_t length(std::string_view text) { return text.size(); }

whorl::deferred<void> use(whorl::thread_pool& pool, std::string_view text) {
  co_await whorl::defer_to(pool, length, text);
}
