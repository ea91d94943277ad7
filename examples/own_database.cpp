// A driver of one's own: a library whose calls wait, and whose connections one thread at a time may use, behind whorl's
// interface to databases.
// ctest
#include <whorl/db/blocking_driver.h>
#include <whorl/db/database.h>
#include <whorl/places/hand_over.h>
#include <whorl/reactor/run.h>

#include <iostream>
#include <map>
#include <string>

using namespace whorl;

// The library: it knows no threads and no SQL, "set KEY" with a value and "get KEY".
namespace cupboard {
struct handle {
  std::map<std::string, std::string> shelves;
};
}  // namespace cupboard

// The driver, from here...
class cupboard_connection : public db::blocking_connection {
 public:
  db::rows run(may_block& /*wait*/, const db::statement& asked) override {
    const auto use = check_.enter(asked.text.at);
    const std::string verb = asked.text.text.substr(0, 3);
    const std::string key = asked.text.text.substr(asked.text.text.find(' ') + 1);
    if (verb == "set") {
      own_.shelves[key] = asked.values.at(0).text();
      return {{}, 1};
    }
    db::rows found;
    if (const auto shelf = own_.shelves.find(key); verb == "get" && shelf != own_.shelves.end()) {
      found.all.emplace_back(columns_, std::vector<db::value>{shelf->second});
    }
    return found;
  }
  void begin(may_block& /*wait*/) override { before_ = own_; }
  void commit(may_block& /*wait*/) override {}
  void roll_back(may_block& /*wait*/) override { own_ = before_; }

 private:
  const db::column_names columns_ = std::make_shared<const std::vector<std::string>>(1, "value");
  cupboard::handle own_, before_;
  use_check check_;  // tells, in builds with assertions, if the safety below is too high
};

std::unique_ptr<db::blocking_connection> open_cupboard(may_block& /*wait*/, std::string /*target*/) {
  return std::make_unique<cupboard_connection>();
}

const db::driver_module cupboard_module{.name = "cupboard", .safety = db::thread_safety::module};
// ... to here.

deferred<void> put_cups(db::connection& own) {
  co_await own.query("set cups", "seven");
  co_await own.query("set plates", "nine");
}

deferred<void> drop_cups(db::connection& own) {
  co_await own.query("set cups", "none");
  throw error(errc::bad_input, "the cups fell");
}

deferred<int> use_it(reactor& loop) {
  db::database store(loop, db::blocking_driver(cupboard_module, open_cupboard), {.most_connections = 1});
  co_await store.transact(put_cups);
  auto fell = co_await store.transact(drop_cups).result();
  std::cout << fell.error().message() << '\n';
  auto found = co_await store.query("get cups");
  const std::string cups = found[0]["value"].text();
  std::cout << "cups: " << cups << '\n';
  co_await store.close();
  co_return cups == "seven" ? 0 : 1;
}

int main() { return run(use_it); }
