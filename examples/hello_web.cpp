// A web server in thirty lines: greets whoever asks by name, and counts.
//
//     example_hello_web            serves http://127.0.0.1:8080/hello/you until Ctrl-C
//     example_hello_web --once     asks itself once, prints the answer, and stops
// ctest: --once

#include <whorl/reactor/run.h>
#include <whorl/web/client.h>
#include <whorl/web/server.h>

#include <iostream>
#include <string>

using namespace whorl;

deferred<void> serve(reactor& loop, bool once) {
  int greeted = 0;
  web::server site(loop);
  site.get("/hello/{name}", [&greeted](web::request asked) {
    ++greeted;
    return web::response::text("hello, " + asked.parameter("name") + "! You are number " + std::to_string(greeted) +
                               ".\n");
  });
  const char* endpoint = once ? "tcp:127.0.0.1:0" : "tcp:127.0.0.1:8080";
  co_await site.listen(endpoint);
  const std::string url = "http://" + site.local_address().to_string().substr(4) + "/hello/you";
  std::cout << "serving " << url << '\n';

  promise<void> interrupted;
  const auto stopping = loop.before_shutdown([&] { return site.stop(); });
  if (once) {
    const auto answer = co_await web::fetch(loop, url);
    std::cout << answer.body;
    co_await site.stop();
  } else {
    co_await interrupted.get_deferred();
  }
}

int main(int argc, char** argv) { return run(serve, argc > 1 && std::string(argv[1]) == "--once"); }
