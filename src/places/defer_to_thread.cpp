#include <whorl/places/defer_to_thread.h>
#include <whorl/reactor/owned_by_loop.h>
#include <whorl/reactor/reactor.h>

#include <optional>

namespace whorl {

namespace {

class loop_pool final : public owned_by_loop {
 public:
  explicit loop_pool(reactor& loop) : loop_(loop) {}

  thread_pool& pool() {
    if (!pool_) {
      pool_.emplace();
      stop_with_loop_ = loop_.before_shutdown([this] { return stop(); });
    }
    return *pool_;
  }

  void loop_stopping() noexcept override {}  // stopped before, if the shutdown was given the time

 private:
  deferred<void> stop() {
    constexpr auto patience = std::chrono::seconds(30);
    return pool_->stop(patience).add_callback([this] { pool_.reset(); });
  }

  reactor& loop_;
  std::optional<thread_pool> pool_;
  reactor::shutdown_trigger stop_with_loop_;
};

}  // namespace

thread_pool& own_pool() { return reactor::of_this_thread("own_pool").companion<loop_pool>().pool(); }

}  // namespace whorl
