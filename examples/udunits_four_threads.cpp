// UDUNITS-2 is not thread-safe: its scanner, its parser and its last error are globals. Four threads that call it
// directly crash within milliseconds, or get wrong results. This program shows it, in a child process with a time limit,
// and then does the same 200,000 conversions from four clients at once through a lane, all of them right.
//
// It exits 0 if the one went wrong and the other did not.
// ctest
#include <sys/resource.h>
#include <sys/wait.h>
#include <udunits2.h>
#include <unistd.h>
#include <whorl/jobs/unit_system.h>
#include <whorl/places/defer_to.h>
#include <whorl/reactor/run.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <deque>
#include <string>
#include <thread>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

constexpr int threads = 4;
constexpr int conversions_each = 50'000;
constexpr int most_attempts = 5;
constexpr unsigned time_limit_seconds = 20;

struct conversion {
  const char* from;
  const char* to;
  double factor;
  double offset;
};

constexpr std::array<conversion, 4> conversions = {{{"degC", "degF", 1.8, 32},
                                                    {"mm", "inch", 1 / 25.4, 0},
                                                    {"m/s", "knot", 3600 / 1852.0, 0},
                                                    {"kg.m/s^2", "mN", 1000, 0}}};

bool is_right(const conversion& done, double number, double converted) {
  const double expected = (number * done.factor) + done.offset;
  return std::abs(converted - expected) <= 1e-9 * (std::abs(expected) + 1);
}

double milliseconds_since(clock_type::time_point begun) {
  return std::chrono::duration<double, std::milli>(clock_type::now() - begun).count();
}

// What not to do.

bool convert_directly(ut_system* system, const conversion& wanted, double number) {
  ut_unit* from = ut_parse(system, wanted.from, UT_ASCII);
  ut_unit* to = ut_parse(system, wanted.to, UT_ASCII);
  cv_converter* converter = ut_get_converter(from, to);
  const bool right = converter != nullptr && is_right(wanted, number, cv_convert_double(converter, number));
  cv_free(converter);
  ut_free(to);
  ut_free(from);
  return right;
}

// In the child: exits 0 if every result was right, 1 if some were wrong, unless something worse comes first.
[[noreturn]] void abuse() {
  const rlimit no_core{};
  setrlimit(RLIMIT_CORE, &no_core);
  static_cast<void>(std::freopen("/dev/null", "w", stderr));
  alarm(time_limit_seconds);
  ut_set_error_message_handler(ut_ignore);
  ut_system* system = ut_read_xml(nullptr);
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> workers;
    for (int worker = 0; worker < threads; ++worker) {
      workers.emplace_back([&wrong, system, worker] {
        for (int number = 0; number < conversions_each; ++number) {
          wrong += convert_directly(system, conversions.at((worker + number) % conversions.size()), number) ? 0 : 1;
        }
      });
    }
  }
  _exit(wrong > 0 ? 1 : 0);
}

std::string describe(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return signal == SIGALRM ? "hung, and was killed when its time was up"
                             : "killed by signal " + std::to_string(signal) + " (" + strsignal(signal) + ")";
  }
  switch (WEXITSTATUS(status)) {
    case 0: return "all right, by luck";
    case 1: return "wrong results";
    case 2: return "UDUNITS-2 called exit(2) in the middle";
    default: return "exit status " + std::to_string(WEXITSTATUS(status));
  }
}

bool goes_wrong_directly() {
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    const clock_type::time_point begun = clock_type::now();
    const pid_t child = fork();
    if (child == 0) {
      abuse();
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
      std::perror("udunits_four_threads");
      return false;
    }
    std::printf("%d threads call UDUNITS-2 directly, %d times each: %s, after %.0f ms\n", threads, conversions_each,
                describe(status).c_str(), milliseconds_since(begun));
    if (status != 0) {
      return true;
    }
  }
  return false;
}

// What to do.

whorl::result<std::vector<double>> convert(whorl::unit_system& units, double number, const std::string& from,
                                           const std::string& to) {
  return units.convert({number}, from, to);
}

// Keeps some conversions underway at a time. Fires with how many were right.
whorl::deferred<int> convert_in_lane(whorl::lane<whorl::unit_system>& units, int client) {
  constexpr std::size_t most_underway = 100;
  struct asked {
    int number;
    whorl::deferred<std::vector<double>> answer;
  };
  std::deque<asked> underway;
  int right = 0;
  int next = 0;
  while (next < conversions_each || !underway.empty()) {
    while (next < conversions_each && underway.size() < most_underway) {
      const conversion& wanted = conversions.at((client + next) % conversions.size());
      underway.push_back({next, defer_to(units, convert, static_cast<double>(next), std::string(wanted.from),
                                         std::string(wanted.to))});
      ++next;
    }
    const int number = underway.front().number;
    whorl::deferred<std::vector<double>> answer = std::move(underway.front().answer);
    underway.pop_front();
    auto converted = co_await std::move(answer);
    right += is_right(conversions.at((client + number) % conversions.size()), number, converted.front()) ? 1 : 0;
  }
  co_return right;
}

whorl::deferred<int> use_a_lane(whorl::reactor& /*loop*/) {
  const clock_type::time_point begun = clock_type::now();
  whorl::lane<whorl::unit_system> units({.name = "units"});
  std::vector<whorl::deferred<int>> clients;
  for (int client = 0; client < threads; ++client) {
    clients.push_back(convert_in_lane(units, client));
  }
  int right = 0;
  for (whorl::deferred<int>& client : clients) {
    auto of_one = co_await std::move(client);
    right += of_one;
  }
  const int all = threads * conversions_each;
  std::printf("%d clients call it through a lane, %d times each: %d right, %d wrong, after %.0f ms\n", threads,
              conversions_each, right, all - right, milliseconds_since(begun));
  co_return right == all ? 0 : 1;
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const bool went_wrong = goes_wrong_directly();
  const int lane_status = whorl::run(use_a_lane);
  return went_wrong && lane_status == 0 ? 0 : 1;
}
