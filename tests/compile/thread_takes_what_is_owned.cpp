// compiles
// What may cross: values, moved owners, shared constants, functions without state; and what may not, with a reason.
#include <whorl/places/blocking_call.h>
#include <whorl/places/defer_to_thread.h>
#include <whorl/reactor/reactor.h>

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

struct settings {
  std::string path;
  std::vector<int> levels;
};
struct unit_system {
  explicit unit_system(std::string) {}
  double convert(double value) const { return value; }
};

int count(settings) { return 1; }
int count_shared(std::shared_ptr<const settings>) { return 1; }
std::unique_ptr<settings> keep(std::unique_ptr<settings> owned) { return owned; }
std::map<std::string, std::optional<int>> table(whorl::may_block&, std::stop_token, const std::string&) { return {}; }
whorl::result<int> parse(std::string) { return 1; }
double convert(unit_system& units, double value) { return units.convert(value); }
whorl::deferred<int> ask(int value) { co_return value; }
int ask_back(whorl::may_block& permission, whorl::mailbox loop) {
  return whorl::blocking_call_from_thread(permission, loop, ask, 1);
}

whorl::deferred<int> use(whorl::thread_pool& pool, whorl::lane<unit_system>& units, int* counter) {
  int sum = co_await whorl::defer_to(pool, count, settings());
  int more = co_await whorl::defer_to(pool, count_shared, std::make_shared<const settings>());
  auto kept = co_await whorl::defer_to(pool, keep, std::make_unique<settings>());
  auto found = co_await whorl::defer_to_thread(table, std::string("path"));
  auto parsed = co_await whorl::defer_to(pool, parse, std::string("1")).result();
  auto converted = co_await whorl::defer_to(units, convert, 1.0);
  auto by_member = co_await whorl::defer_to(units, &unit_system::convert, 1.0);
  auto without_object = co_await whorl::defer_to(units, parse, std::string("1"));
  auto lambda = co_await whorl::defer_to(pool, [](int value) { return value; }, 1);
  co_await whorl::defer_to(pool, [](int* at) { ++*at; }, whorl::unchecked(counter, "nobody else counts meanwhile"));
  auto captured = [counter] { return *counter; };
  auto counted = co_await whorl::defer_to(pool, whorl::unchecked(captured, "nobody else counts meanwhile"));
  auto asked = co_await whorl::defer_to(pool, ask_back, whorl::reactor::of_this_thread("ask").get_mailbox());
  whorl::call_in_thread(count, settings());
  co_return sum + more + static_cast<int>(kept->levels.size() + found.size() + static_cast<std::size_t>(converted)) +
      parsed.value_or(0) + static_cast<int>(by_member) + without_object + lambda + counted + asked;
}
