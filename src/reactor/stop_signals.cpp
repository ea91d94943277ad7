#include "reactor/stop_signals.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>

namespace whorl::detail {

namespace {

constexpr std::array stopping{SIGINT, SIGTERM};

std::atomic<backend*> listening{nullptr};
std::atomic<int> pending{0};
std::atomic<int> handlers_inside{0};  // on other threads too

extern "C" void whorl_stop_signal_came(int number) {
  const int kept_errno = errno;
  handlers_inside.fetch_add(1);
  if (backend* io = listening.load()) {
    pending.store(number);
    io->wake();
  }
  handlers_inside.fetch_sub(1);
  errno = kept_errno;
}

bool has_handler(int number, void (*handler)(int)) noexcept {
  struct sigaction now{};
  return ::sigaction(number, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == handler;
}

void set_handler(int number, void (*handler)(int)) noexcept {
  struct sigaction wanted{};
  wanted.sa_handler = handler;
  wanted.sa_flags = SA_RESTART;
  ::sigaction(number, &wanted, nullptr);
}

}  // namespace

stop_signals::stop_signals(backend& io) noexcept {
  backend* nobody = nullptr;
  mine_ = listening.compare_exchange_strong(nobody, &io);
  for (const int number : stopping) {
    if (mine_ && has_handler(number, SIG_DFL)) {
      set_handler(number, whorl_stop_signal_came);
    }
  }
}

stop_signals::~stop_signals() {
  if (!mine_) {
    return;
  }
  for (const int number : stopping) {
    if (has_handler(number, whorl_stop_signal_came)) {
      set_handler(number, SIG_DFL);
    }
  }
  listening.store(nullptr);
  while (handlers_inside.load() != 0) {
    // A handler on another thread still holds the back end; it makes one system call.
  }
  pending.store(0);
}

int stop_signals::take() noexcept {
  if (!mine_ || pending.load(std::memory_order_relaxed) == 0) {
    return 0;
  }
  return pending.exchange(0);
}

}  // namespace whorl::detail
