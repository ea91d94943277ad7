// error: the first argument after the function may not cross to another thread: it holds a char pointer, and the text may be gone when it is read: pass a std::string
#include <whorl/places/defer_to.h>

#include <string>

std::size_t length(std::string text) { return text.size(); }

whorl::deferred<void> use(whorl::thread_pool& pool) { co_await whorl::defer_to(pool, length, "text"); }
