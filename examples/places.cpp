// One function in three places: on the loop, in a thread pool, in a lane. Moving it is changing one word of one line.
//
// ctest

#include <whorl/places/defer_to.h>
#include <whorl/reactor/run.h>

#include <pthread.h>

#include <array>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

// Works only on what it is given and says where it ran: good in every place.
std::string mean(const std::vector<double>& numbers) {
  double sum = 0;
  for (const double number : numbers) {
    sum += number;
  }
  std::array<char, 16> thread{};
  pthread_getname_np(pthread_self(), thread.data(), thread.size());
  return "mean " + std::to_string(sum / static_cast<double>(numbers.size())) + ", in " + thread.data();
}

// Waits, and says so: it takes a may_block&, which the loop does not have. mean could be called on the loop; this cannot.
std::string first_line(whorl::may_block& /*permission*/, std::string path) {
  std::FILE* file = std::fopen(path.c_str(), "r");
  if (file == nullptr) {
    return "nothing in " + path;
  }
  std::array<char, 200> line{};
  const bool any = std::fgets(line.data(), line.size(), file) != nullptr;
  std::fclose(file);
  return any ? line.data() : "nothing in " + path;
}

// Is not thread-safe: it remembers. Only its lane ever touches it.
class history {
 public:
  int remember(double number) {
    numbers_.push_back(number);
    return static_cast<int>(numbers_.size());
  }

 private:
  std::vector<double> numbers_;
};

whorl::deferred<void> show(whorl::reactor& /*loop*/) {
  whorl::thread_pool pool({.name = "pool"});
  whorl::lane<history> lane({.name = "lane"});
  const std::vector<double> numbers{1.5, 2.5, 3.5};

  auto here = mean(numbers);
  auto in_pool = co_await defer_to(pool, mean, numbers);
  auto in_lane = co_await defer_to(lane, mean, numbers);
  std::printf("%s\n%s\n%s\n", here.c_str(), in_pool.c_str(), in_lane.c_str());

  auto line = co_await defer_to(pool, first_line, std::string("/proc/version"));
  std::printf("%s", line.c_str());

  co_await defer_to(lane, &history::remember, 1.5);
  auto remembered = co_await defer_to(lane, &history::remember, 2.5);
  std::printf("the lane remembers %d numbers\n", remembered);

  co_await pool.stop();
  co_await lane.stop();
  if (in_pool != "mean 2.500000, in pool-1" || in_lane != "mean 2.500000, in lane" || remembered != 2) {
    throw std::runtime_error("not what this example promises");
  }
}

int main() { return whorl::run(show); }
