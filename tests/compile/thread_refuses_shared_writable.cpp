// error: the first argument after the function may not cross to another thread: it holds a shared_ptr (or weak_ptr) through which both threads could write: make it a shared_ptr to const, or move a unique_ptr
#include <whorl/places/defer_to.h>

#include <memory>
#include <string>

std::size_t length(std::shared_ptr<std::string> text) { return text->size(); }

whorl::deferred<void> use(whorl::thread_pool& pool, std::shared_ptr<std::string> text) {
  co_await whorl::defer_to(pool, length, text);
}
