// Three ways in which other people's code calls back, each made into a deferred: later on the loop's thread, through a C
// function with a void* beside it, and on a thread of its own.
//
// ctest
// unguarded: its thermometer joins a thread that has just told what it measured

#include <whorl/deferred/callback.h>
#include <whorl/places/thread_callback.h>
#include <whorl/reactor/run.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

using namespace std::chrono_literals;

// An interface with std::function, which answers in a later event of the loop.
class weather_service {
 public:
  explicit weather_service(whorl::reactor& loop) : loop_(loop) {}

  void ask(const std::string& town, std::function<void(std::string)> told) {
    pending_ = loop_.call_later(1ms, [told = std::move(told), town] { told("rain in " + town); });
  }
  void forget() { pending_.cancel(); }

 private:
  whorl::reactor& loop_;
  whorl::delayed_call pending_;
};

// What `start` returns is called when nobody waits any more.
whorl::deferred<std::string> weather(weather_service& of, const std::string& town) {
  return whorl::from_callback<std::string>([&](whorl::callback<std::string> told) {
    of.ask(town, std::move(told));
    return [&of] { of.forget(); };
  });
}

// A C interface.
extern "C" {
using tide_function = void (*)(void* context, int error_number, int centimetres);
void ask_for_tide(const char* port, tide_function told, void* context) {
  told(context, port[0] == '\0' ? 22 : 0, 140);  // at once, as some do
}
}

using tide_callback = whorl::callback<int>;

void tide_told(void* context, int error_number, int centimetres) {
  const std::unique_ptr<tide_callback> told(static_cast<tide_callback*>(context));
  if (error_number != 0) {
    told->errback(whorl::error::system(error_number, "ask for the tide"));
  } else {
    (*told)(centimetres);
  }
}

whorl::deferred<int> tide(const std::string& port) {
  return whorl::from_callback<int>([&](tide_callback told) {
    ask_for_tide(port.c_str(), tide_told, std::make_unique<tide_callback>(std::move(told)).release());
  });
}

// An interface that calls back on its own thread.
class thermometer {
 public:
  void measure(std::function<void(double)> measured) {
    thread_ = std::jthread([measured = std::move(measured)] { measured(21.5); });
  }

 private:
  std::jthread thread_;
};

whorl::deferred<double> temperature(thermometer& from) {
  return whorl::from_thread_callback<double>(
      [&](whorl::thread_callback<double> measured) { from.measure(std::move(measured)); });
}

whorl::deferred<int> report(whorl::reactor& loop) {
  weather_service service(loop);
  thermometer outside;
  auto sky = co_await weather(service, "Hamburg");
  auto water = co_await tide("Hamburg");
  auto degrees = co_await temperature(outside);
  auto nowhere = co_await tide("").result();
  std::printf("%s, %d cm above chart datum, %.1f degrees; of no port: %s\n", sky.c_str(), water, degrees,
              nowhere.error().what());
  co_return nowhere.error().code() == std::errc::invalid_argument ? 0 : 1;
}

int main() { return whorl::run(report); }
