// How a loop answers a thread that asked it for a call: always, also when the call never runs or never ends. What the
// thread does meanwhile is the business of blocking_call.h and future_of.h.
#pragma once

#include <whorl/deferred/maybe_deferred.h>
#include <whorl/places/call.h>
#include <whorl/places/pending_calls.h>
#include <whorl/reactor/mailbox.h>

#include <memory>
#include <utility>

namespace whorl::detail {

// The duty to answer: on the way to the loop, and on it until the deferred has fired. Dropped or overtaken by the end of
// the loop, it answers errc::shutting_down. Answer has give(outcome<stored<T>>&&), of which the first call counts.
template <class T, class Answer>
class answerer final : public pending_call {
 public:
  explicit answerer(std::shared_ptr<Answer> to) noexcept : to_(std::move(to)) {}
  ~answerer() { give_up(); }

  void give(outcome<stored<T>>&& result) { to_->give(std::move(result)); }
  void loop_ended() noexcept override { give_up(); }

 private:
  void give_up() noexcept {
    leave();
    to_->give(std::unexpected(
        failure(error(errc::shutting_down, "the loop that a thread asked for a call ended before it answered"))));
  }

  std::shared_ptr<Answer> to_;
};

template <class T, class Answer, class Call>
void answer_on_loop(std::shared_ptr<answerer<T, Answer>> answering, Call& call) {
  pending_calls::of_this_thread("a call that a thread asked for").add(*answering);
  maybe_deferred([&call]() -> decltype(auto) {
    return call.invoke_on_loop();
  }).add_both([answering = std::move(answering)](outcome<stored<T>> result) {
      answering->give(std::move(result));
    }).detach();
}

// What the loop's call gives in the end.
template <class F, class... Args>
using answer_value = typename unwrapped<decltype(std::declval<owned_call_of<F, Args...>&>().invoke_on_loop())>::type;

// Thread: any.
template <class T, class Answer, class F, class... Args>
void ask_loop(const mailbox& loop, std::shared_ptr<Answer> answer, F&& f, Args&&... args) {
  loop.post([answering = std::make_shared<answerer<T, Answer>>(std::move(answer)),
             sent = owned_call_of<F, Args...>(std::forward<F>(f), std::forward<Args>(args)...)]() mutable {
    answer_on_loop(std::move(answering), sent);
  });
}

}  // namespace whorl::detail
