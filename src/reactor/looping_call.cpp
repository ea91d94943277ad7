#include <whorl/reactor/looping_call.h>

#include <fmt/format.h>

#include <optional>
#include <string_view>

namespace whorl {

namespace detail {

// What the handle shares with the coroutine that beats.
struct beating {
  enum class state : std::uint8_t { idle, running, stopping };

  reactor& loop;
  std::move_only_function<deferred<void>(beat_count)> call;
  state now = state::idle;
  duration interval{};
  time_point origin{};      // of the grid
  std::int64_t called = 0;  // the beat of the last call, counted from the origin
  std::optional<promise<void>> wait{};
  delayed_call next{};

  std::int64_t beat() const { return interval == duration::zero() ? called + 1 : (loop.now() - origin) / interval; }
  duration until_next_beat() const {
    return interval == duration::zero() ? interval : interval - (loop.now() - origin) % interval;
  }

  deferred<void> next_beat() {
    wait.emplace([this] { next.cancel(); });
    next = loop.call_later(until_next_beat(), [this] { wait->callback(); });
    return wait->get_deferred();
  }

  deferred<void> call_now() {
    const std::int64_t reached = beat();
    return call(static_cast<beat_count>(reached - std::exchange(called, reached)));
  }
};

}  // namespace detail

namespace {

using detail::beating;
using state = beating::state;

// However the coroutine ends.
class running_scope {
 public:
  explicit running_scope(beating& of) noexcept : of_(of) { of_.now = state::running; }
  ~running_scope() { of_.now = state::idle; }
  running_scope(const running_scope&) = delete;
  running_scope& operator=(const running_scope&) = delete;

 private:
  beating& of_;
};

deferred<void> beat(std::shared_ptr<beating> of, first_call first) {
  const running_scope scope(*of);
  if (first == first_call::after_interval) {
    co_await of->next_beat();
  }
  while (of->now == state::running) {
    co_await of->call_now();
    if (of->now == state::running) {
      co_await of->next_beat();
    }
  }
}

void require_running(const beating& of, std::string_view doing) {
  if (of.now != state::running) {
    throw misuse(
        fmt::format("{} of a looping_call that does not run: it was not started, or has stopped or failed; "
                    "ask running() before",
                    doing));
  }
}

}  // namespace

looping_call::looping_call(reactor& loop, any_call call)
    : beating_(std::make_shared<beating>(beating{.loop = loop, .call = std::move(call)})) {}

looping_call::~looping_call() {
  if (running()) {
    stop();
  }
}

deferred<void> looping_call::start(duration interval, first_call first) {
  beating_->loop.require_this_thread("looping_call::start");
  if (beating_->now != state::idle) {
    throw misuse(
        "start() of a looping_call that runs, or whose last call is still underway: its calls never overlap; await "
        "the deferred of the start() before");
  }
  if (interval < duration::zero()) {
    throw misuse("start() of a looping_call with a negative interval: zero, for every turn, is the shortest");
  }
  beating_->interval = interval;
  beating_->origin = beating_->loop.now();
  beating_->called = first == first_call::at_once ? -1 : 0;
  return beat(beating_, first);
}

void looping_call::stop() {
  require_running(*beating_, "stop()");
  const auto of = beating_;  // who waits may destroy this
  of->now = state::stopping;
  if (of->next.active()) {
    of->next.cancel();
    of->wait->callback();
  }
}

void looping_call::reset() {
  require_running(*beating_, "reset()");
  beating_->origin = beating_->loop.now();
  beating_->called = 0;
  if (beating_->next.active()) {
    beating_->next.reset(beating_->interval);
  }
}

bool looping_call::running() const noexcept { return beating_->now == state::running; }

}  // namespace whorl
