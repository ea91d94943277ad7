// A lease keeps a lane's object for several calls, with nobody else's between them: a transaction.
//
//     auto account = co_await lease_from(bank);              // lane<database> bank, or a lane_group
//     co_await defer_to(account, begin_transaction);         // void begin_transaction(database&)
//     co_await defer_to(account, pay, 20);
//     co_await defer_to(account, commit);
//     account.give_back();                                   // or when it dies
//
// Who wants a lease waits in line with the lane's calls; those that come meanwhile wait until it is given back.
//
// Thread:   as lane; given back on any.
// Lifetime: its lane outlives it. When it is given back, its calls that have not started fail with errc::shutting_down, and
//           one that runs is told to stop: await them before. The lane's destructor does the same.
// Fails:    with what building the object threw; errc::shutting_down when the lane stops.
// Cancel:   who is cancelled while it waits leaves the line.
#pragma once

#include <whorl/places/lane.h>
#include <whorl/places/place_call.h>
#include <whorl/places/thread_callback.h>
#include <whorl/reactor/reactor.h>

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace whorl {

namespace detail {

// The calls of one lease, which run in the call that the lease is to its lane.
template <class T>
class leased_object final : public work_queue {
 public:
  using front = types<T&>;

  leased_object(const work_queue& lane, T& object)
      : work_queue({.name = lane.name() + " (leased)",
                    .most_threads = 0,
                    .line = lane.line(),
                    .most_queued = 100'000,
                    .report_after = lane.report_after()}),
        object_(object) {}

  template <class Call>
  decltype(auto) run(Call& call, may_block& permission, const std::stop_token& stop) {
    return call.invoke(permission, stop, object_);
  }

 private:
  T& object_;
};

template <class T>
class lease_call;

}  // namespace detail

template <class T>
class [[nodiscard]] lease {
 public:
  lease(lease&& other) noexcept = default;
  lease& operator=(lease&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~lease() { give_back(); }

  void give_back() noexcept {
    if (const auto object = std::exchange(object_, nullptr)) {
      object->give_up();
    }
  }

 private:
  friend struct detail::place_access;
  template <class>
  friend class detail::lease_call;
  explicit lease(std::shared_ptr<detail::leased_object<T>> object) noexcept : object_(std::move(object)) {}

  std::shared_ptr<detail::leased_object<T>> object_;
};

namespace detail {

// Keeps its thread until the lease is given back, and runs the calls of the lease meanwhile.
template <class T>
class lease_call final : public queued_call {
 public:
  lease_call(std::shared_ptr<lane_threads<T>> lane, mailbox home, thread_callback<lease<T>> granted)
      : queued_call(std::move(home)), lane_(std::move(lane)), granted_(std::move(granted)) {
    stop = std::stop_source();
    takes_long();
  }

  void run_in_thread(may_block& permission) noexcept override {
    try {
      const auto object = std::make_shared<leased_object<T>>(*lane_, lane_->object());
      const std::stop_callback on_stop(stop.get_token(), [&object] { object->give_up(); });
      (*granted_)(lease<T>(object));
      object->serve(permission);
    } catch (...) {
      granted_->errback(failure::current());
    }
    granted_.reset();
  }

  void refuse(const error& why) noexcept override { granted_->errback(why); }

  void abandon() noexcept override {
    if (lane_->take_out(*this)) {
      delete this;
    } else {
      stop.request_stop();
    }
  }

  void run() override {}

 private:
  const std::shared_ptr<lane_threads<T>> lane_;
  std::optional<thread_callback<lease<T>>> granted_;
};

template <class T>
deferred<lease<T>> start_lease(const std::shared_ptr<lane_threads<T>>& lane) {
  return from_thread_callback<lease<T>>([&](thread_callback<lease<T>> granted) {
    auto call =
        std::make_unique<lease_call<T>>(lane, reactor::of_this_thread("lease_from").get_mailbox(), std::move(granted));
    lease_call<T>& sent = *call;
    std::unique_ptr<queued_call> submitted = std::move(call);
    if (const auto accepted = lane->submit(submitted); !accepted) {
      throw error(accepted.error());
    }
    return [&sent] { sent.abandon(); };
  });
}

}  // namespace detail
}  // namespace whorl
