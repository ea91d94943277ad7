#include "deferred/captured_log.h"

#include <whorl/deferred/callback.h>

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace whorl {
namespace {

// Answers later, when the test says so; takes its callbacks as most such code does.
struct oracle {
  void ask(std::function<void(int)> answered) { waiting.push_back(std::move(answered)); }
  void answer(int what) {
    for (const auto& each : std::exchange(waiting, {})) {
      each(what);
    }
  }
  std::vector<std::function<void(int)>> waiting;
};

deferred<int> ask(oracle& of) {
  return from_callback<int>([&](callback<int> done) { of.ask(std::move(done)); });
}

deferred<int> ask_twice(oracle& of) {
  auto first = co_await ask(of);
  auto second = co_await ask(of);
  co_return first + second;
}

TEST(Callback, FiresTheDeferredFromALaterEvent) {
  oracle delphi;
  auto sum = ask_twice(delphi);
  delphi.answer(1);
  EXPECT_FALSE(sum.ready());
  delphi.answer(2);
  EXPECT_EQ(std::move(sum).take().value(), 3);
}

TEST(Callback, MayBeCalledAtOnce) {
  auto answer = from_callback<std::string>([](const callback<std::string>& done) { done("now"); });
  EXPECT_EQ(std::move(answer).take().value(), "now");
}

TEST(Callback, TakesNothingOrSeveralValues) {
  auto nothing = from_callback<void>([](const callback<void>& done) { done(); });
  EXPECT_TRUE(nothing.ready());
  auto both = from_callback<std::pair<int, std::string>>([](const auto& done) { done(7, "seven"); });
  EXPECT_EQ(std::move(both).take().value(), std::pair(7, std::string("seven")));
}

TEST(Callback, FailsWithWhatItIsToldOrWithWhatTheStartThrows) {
  auto told = from_callback<int>([](const callback<int>& done) { done.errback(errc::not_found); });
  EXPECT_TRUE(std::move(told).take().error().check(errc::not_found));
  auto thrown = from_callback<int>([](const callback<int>& /*done*/) { throw error(errc::full); });
  EXPECT_TRUE(std::move(thrown).take().error().check(errc::full));
}

TEST(Callback, NeverCalledIsABrokenPromise) {
  oracle delphi;
  auto answer = ask(delphi);
  EXPECT_FALSE(answer.ready());
  delphi.waiting.clear();
  EXPECT_TRUE(std::move(answer).take().error().check(errc::broken_promise));
}

TEST(Callback, CalledTwiceSaysSoAndDoesNothing) {
  const captured_log log;
  oracle delphi;
  auto answer = ask(delphi);
  const auto twice = delphi.waiting.front();
  twice(1);
  EXPECT_EQ(log.text, "");
  twice(2);
  EXPECT_NE(log.text.find("called a second time"), std::string::npos) << log.text;
  EXPECT_NE(log.text.find("callback_test.cpp"), std::string::npos) << log.text;
  EXPECT_EQ(std::move(answer).take().value(), 1);
}

TEST(Callback, CancellingCallsWhatTheStartReturnedAndIgnoresALateAnswer) {
  const captured_log log;
  oracle delphi;
  int stopped = 0;
  auto answer = from_callback<int>([&](callback<int> done) {
    delphi.ask(std::move(done));
    return [&] { ++stopped; };
  });
  answer.cancel();
  EXPECT_EQ(stopped, 1);
  EXPECT_TRUE(std::move(answer).take().error().check(errc::cancelled));
  delphi.answer(1);
  EXPECT_EQ(log.text, "");
}

TEST(Callback, DroppingStopsTheOperationThatMayDestroyTheCallback) {
  oracle delphi;
  bool stopped = false;
  {
    auto answer = from_callback<int>([&](callback<int> done) {
      delphi.ask(std::move(done));
      return [&delphi, &stopped, owned = std::make_unique<int>(1)] {
        delphi.waiting.clear();
        stopped = *owned == 1;
      };
    });
  }
  EXPECT_TRUE(stopped);
}

TEST(Callback, WhatStopsIsForgottenWhenTheAnswerIsThere) {
  oracle delphi;
  auto held = std::make_shared<int>(1);
  auto answer = from_callback<int>([&](callback<int> done) {
    delphi.ask(std::move(done));
    return [held] { ADD_FAILURE() << "stopped, and it had ended"; };
  });
  const auto kept = delphi.waiting.front();
  delphi.answer(5);
  EXPECT_EQ(held.use_count(), 1);
  answer.cancel();
  EXPECT_EQ(std::move(answer).take().value(), 5);
}

extern "C" {
using answered_function = void (*)(void* context, int answer);
struct c_oracle {
  answered_function answered;
  void* context;
};
void ask_c_oracle(c_oracle* of, answered_function answered, void* context) {
  of->answered = answered;
  of->context = context;
}
}

void answered(void* context, int answer) {
  const std::unique_ptr<callback<int>> done(static_cast<callback<int>*>(context));
  (*done)(answer);
}

TEST(Callback, PassesThroughTheContextOfACFunction) {
  c_oracle delphi{};
  auto answer = from_callback<int>([&](callback<int> done) {
    ask_c_oracle(&delphi, answered, std::make_unique<callback<int>>(std::move(done)).release());
  });
  EXPECT_FALSE(answer.ready());
  delphi.answered(delphi.context, 6);
  EXPECT_EQ(std::move(answer).take().value(), 6);
}

}  // namespace
}  // namespace whorl
