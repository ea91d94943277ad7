// A stage is one pair of callbacks on a deferred: it waits for the deferred, runs one side, and, when that returned a
// deferred, waits for that too (S8).
#pragma once

#include <whorl/deferred/deferred.h>

#include <concepts>
#include <functional>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>
#include <variant>

namespace whorl::detail {

// What a callback's return type stands for.
template <class R>
struct unwrapped {
  using type = R;
};
template <class U>
struct unwrapped<deferred<U>> {
  using type = U;
};
template <class U>
struct unwrapped<std::expected<U, error>> {
  using type = U;
};
template <class U>
struct unwrapped<std::expected<U, failure>> {
  using type = U;
};

template <class F, class T>
struct value_callback_result {
  using type = std::invoke_result_t<F&, T>;
};
template <class F>
struct value_callback_result<F, void> {
  using type = std::invoke_result_t<F&>;
};

template <class T, class OnValue, class OnFailure>
struct stage_value {
  using type = typename unwrapped<typename value_callback_result<OnValue, T>::type>::type;
};
template <class T, class OnFailure>
struct stage_value<T, pass_through, OnFailure> {
  using type = T;
};

template <class T, class U, class OnValue, class OnFailure>
class stage final : public core<U> {
 public:
  stage(OnValue on_value, OnFailure on_failure)
      : callbacks_(std::in_place, std::move(on_value), std::move(on_failure)) {}

  // Takes its place downstream; runs at once if the result is there.
  void start(core<T>& upstream, const std::source_location& added) noexcept {
    this->set_at(added);
    this->wait_for(upstream);
    if (upstream.ready()) {
      this->run();
    }
  }

 private:
  void resume() noexcept override {
    if (callbacks_) {
      run_callbacks(static_cast<core<T>&>(*this->take_waited()));
    } else {
      const taken<U> inner(static_cast<core<U>&>(*this->take_waited()));
      this->hold(inner->take());
      this->set_fired();
    }
  }

  // What the callback gets is taken out of its deferred, which is gone before the callback runs; and the callbacks, with
  // what they own, are gone before anybody downstream runs.
  void run_callbacks(core<T>& upstream) {
    try {
      if (upstream.failed()) [[unlikely]] {
        failure why = failure_of(upstream);
        auto callbacks = take_callbacks();
        run_failure_side(callbacks.second, std::move(why));
      } else {
        stored<T> value = value_of(upstream);
        auto callbacks = take_callbacks();
        run_value_side(callbacks.first, std::move(value));
      }
    } catch (...) {
      this->hold_failure(failure::current());
    }
    if (this->waited() == nullptr) {
      this->set_fired();
    }
  }

  std::pair<OnValue, OnFailure> take_callbacks() {
    std::pair<OnValue, OnFailure> taken_out = std::move(*callbacks_);
    callbacks_.reset();
    return taken_out;
  }
  static stored<T> value_of(core<T>& upstream) {
    const taken<T> done(upstream);
    return std::move(done->value());
  }
  static failure failure_of(core<T>& upstream) {
    const taken<T> done(upstream);
    return done->take_failure();
  }

  void run_value_side(OnValue& on_value, stored<T>&& value) {
    if constexpr (std::same_as<OnValue, pass_through>) {
      this->hold_value(std::move(value));
    } else if constexpr (std::is_void_v<T>) {
      accept([&] { return std::invoke(on_value); });
    } else {
      accept([&] { return std::invoke(on_value, std::move(value)); });
    }
  }

  void run_failure_side(OnFailure& on_failure, failure&& why) {
    if constexpr (std::same_as<OnFailure, pass_through>) {
      this->hold_failure(std::move(why));
    } else {
      accept([&] { return std::invoke(on_failure, std::move(why)); });
    }
  }

  template <class Call>
  void accept(Call call) {
    using returned = std::invoke_result_t<Call>;
    if constexpr (std::is_void_v<returned>) {
      call();
      this->hold_value();
    } else {
      keep(call());
    }
  }

  void keep(failure why) { this->hold_failure(std::move(why)); }

  template <class V>
    requires(!std::same_as<V, failure>)
  void keep(V value) {
    if constexpr (is_deferred<V>) {
      follow(std::move(value));
    } else if constexpr (std::same_as<V, std::expected<U, error>> || std::same_as<V, std::expected<U, failure>>) {
      if (!value) {
        this->hold_failure(std::move(value.error()));
      } else if constexpr (std::is_void_v<U>) {
        this->hold_value();
      } else {
        this->hold_value(std::move(*value));
      }
    } else {
      this->hold_value(std::move(value));
    }
  }

  void follow(deferred<U> inner) {
    if (inner.ready()) {
      this->hold(std::move(inner).take());
      return;
    }
    this->misuse_if_cyclic(*inner.core_);
    this->wait_for(*inner.release());
  }

  void dispose() noexcept override { delete this; }
  bool unrun_stage() const noexcept override { return callbacks_.has_value(); }
  async_frame frame() const noexcept override { return {"a callback added", this->at()}; }

  std::optional<std::pair<OnValue, OnFailure>> callbacks_;
};

template <class T, class OnValue, class OnFailure>
auto add_stage(deferred<T> upstream, OnValue on_value, OnFailure on_failure, const std::source_location& added_at) {
  using value = typename stage_value<T, OnValue, OnFailure>::type;
  auto* added = new stage<T, value, OnValue, OnFailure>(std::move(on_value), std::move(on_failure));
  deferred<value> downstream(static_cast<core<value>&>(*added));
  added->start(*upstream.release(), added_at);
  return downstream;
}

}  // namespace whorl::detail
