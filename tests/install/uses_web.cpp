// A program outside the tree that uses whorl::web: it reads a request that came in two pieces.
#include <whorl/protocols/http1_parser.h>

#include <cstdio>
#include <string>
#include <string_view>

int main() {
  whorl::http::request_parser parser{whorl::http::message_limits()};
  std::string target;
  bool ended = false;
  for (std::string_view piece : {"GET /jobs HT", "TP/1.1\r\nHost: example.org\r\n\r\n"}) {
    auto event = whorl::http::parsed::needs_more;
    while ((event = parser.advance(piece)) != whorl::http::parsed::needs_more) {
      if (event == whorl::http::parsed::refused) return 1;
      if (event == whorl::http::parsed::head) target = parser.head().target;
      ended = ended || event == whorl::http::parsed::end;
    }
  }
  std::printf("whorl::web reads %s\n", target.c_str());
  return target == "/jobs" && ended ? 0 : 1;
}
