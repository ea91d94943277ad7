// A loop of poll whose callbacks an optimising compiler puts into main(): one waits for a lock, one sleeps.
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <mutex>
#include <thread>

using namespace std::chrono_literals;

static std::mutex total_lock;
static int total;

static inline void add_to_total(int number) {
  const std::lock_guard lock(total_lock);  // add
  total += number;
}

static inline void rest() { std::this_thread::sleep_for(200ms); }

int main() {
  std::thread holder([] {
    const std::lock_guard lock(total_lock);
    std::this_thread::sleep_for(300ms);
  });
  int ends[2];
  if (pipe(ends) != 0) return 1;
  for (int turn = 0; turn < 6; ++turn) {
    pollfd wanted{ends[0], POLLIN, 0};
    poll(&wanted, 1, 5);
    if (turn == 3) add_to_total(turn);
    if (turn == 4) rest();
  }
  holder.join();
  return total == 3 ? 0 : 1;
}
