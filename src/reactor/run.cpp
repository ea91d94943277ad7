#include <whorl/deferred/log.h>
#include <whorl/reactor/run.h>
#include <whorl/reactor/within.h>

#include <fmt/format.h>

#include <optional>

namespace whorl::detail {

namespace {

constexpr auto patience = std::chrono::seconds(10);

std::optional<int> requested_exit(const failure& why) {
  try {
    why.raise();
  } catch (const exit_request& requested) {
    return requested.status();
  } catch (...) {
    return std::nullopt;
  }
}

// The coroutine that a program is.
class main_work {
 public:
  explicit main_work(reactor& loop) : loop_(loop) {}

  void start(std::move_only_function<deferred<int>()> main) {
    try {
      work_ = main().add_both([this](outcome<int> how) { ended(how); });
    } catch (...) {
      ended(std::unexpected(failure::current()));
    }
  }

  // The loop stops: asks for an end, and fires when that has come, or when it has been long in coming.
  deferred<void> end() {
    stopping_ = true;
    if (work_) {
      work_->cancel();
    }
    deferred<void> over = over_.get_deferred();
    if (ended_) {
      over_.callback();
    } else {
      give_up_ = loop_.call_later(patience, [this] {
        log(log_level::warning, "main did not end when it was cancelled, and was dropped");
        over_.callback();
      });
    }
    return over;
  }

  int status() const noexcept { return status_; }

 private:
  void ended(const outcome<int>& how) {
    ended_ = true;
    if (how) {
      status_ = *how;
    } else if (stopping_ && how.error().check(errc::cancelled)) {
      status_ = 0;
    } else if (const auto requested = requested_exit(how.error())) {
      status_ = *requested;
    } else {
      log(log_level::error, "main failed", {{"failure", how.error().describe()}});
    }
    loop_.stop();
    if (give_up_.active()) {
      give_up_.cancel();
      over_.callback();
    }
  }

  reactor& loop_;
  promise<void> over_;
  delayed_call give_up_;
  std::optional<deferred<void>> work_;
  int status_ = 1;
  bool stopping_ = false;
  bool ended_ = false;
};

}  // namespace

int run_to_the_end(reactor& loop, std::move_only_function<deferred<int>()> main) {
  main_work work(loop);
  turn_record& record = loop.record();
  record.works();
  record.callback_begins("main", {}, nullptr);
  work.start(std::move(main));
  record.callback_ended();
  record.rests();
  loop.last_step_ = [&work] { return work.end(); };
  loop.run();
  loop.last_step_ = nullptr;
  return work.status();
}

int run_on_a_new_loop(std::move_only_function<deferred<int>(reactor&)> main) {
  set_log_thread_name("loop");
  try {
    reactor loop;
    return run_to_the_end(loop, [&] { return main(loop); });
  } catch (...) {
    log(log_level::error, "the loop could not run", {{"failure", failure::current().describe()}});
    return 1;
  }
}

error not_done_within(duration limit) {
  const std::chrono::duration<double> seconds = limit;
  return error(errc::timed_out, fmt::format("not done within {} s, and cancelled for that", seconds.count()));
}

}  // namespace whorl::detail
