// How many steps a number takes to reach 1, over HTTP: computed in a thread pool, so that the loop goes on meanwhile.
//
//     example_collatz              try: curl http://127.0.0.1:8080/collatz/27
//     example_collatz --once       asks itself once, and stops
// ctest: --once
#include <whorl/places/defer_to.h>
#include <whorl/places/thread_pool.h>
#include <whorl/reactor/run.h>
#include <whorl/web/client.h>
#include <whorl/web/server.h>

#include <charconv>
#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>

using namespace whorl;

// May run in a thread: it works on what it was given, and nobody else has that.
std::uint64_t collatz(std::uint64_t n) {
  std::uint64_t steps = 0;
  for (; n > 1; ++steps) {
    n = n % 2 == 0 ? n / 2 : 3 * n + 1;
  }
  return steps;
}

deferred<web::response> answer(thread_pool* pool, web::request asked) {
  const std::string& text = asked.parameter("n");
  std::uint64_t n = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), n).ec != std::errc()) {
    co_return web::response::json_error(400, "that is no whole number", "n", "ask for /collatz/27");
  }
  auto steps = co_await defer_to(*pool, collatz, n);
  co_return web::response::text(std::to_string(steps) + " steps\n");
}

deferred<int> serve(reactor& loop, bool once) {
  thread_pool pool({.name = "pool", .most_threads = 2});
  web::server site(loop);
  site.get("/collatz/{n}", [&pool](web::request asked) { return answer(&pool, std::move(asked)); });
  std::string where = once ? "tcp:127.0.0.1:0" : "tcp:127.0.0.1:8080";
  co_await site.listen(std::move(where));
  auto stopping = loop.before_shutdown([&site] { return site.stop(); });
  if (!once) {
    promise<void> for_ever;
    co_await for_ever.get_deferred();
  }
  const std::string url = "http://" + site.local_address().to_string().substr(4) + "/collatz/27";
  auto got = co_await web::fetch(loop, url);
  std::cout << got.body;
  co_await site.stop();
  co_return got.body == "111 steps\n" ? 0 : 1;
}

int main(int argc, char** argv) { return run(serve, argc > 1 && std::string_view(argv[1]) == "--once"); }
