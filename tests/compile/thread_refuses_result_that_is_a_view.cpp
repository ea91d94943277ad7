// error: the function's result may not cross to another thread: it holds a view (string_view, span), and what it looks at may be gone when it is read: pass an owner (std::string, std::vector); where you know that it is safe: unchecked(f, "reason")
#include <whorl/places/defer_to.h>

#include <string>
#include <string_view>

std::string_view first_word(std::string text) { return std::string_view(text).substr(0, text.find(' ')); }

whorl::deferred<void> use(whorl::thread_pool& pool, std::string text) {
  co_await whorl::defer_to(pool, first_word, text);
}
