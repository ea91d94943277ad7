#include "reactor/virtual_loop.h"

#include <whorl/reactor/looping_call.h>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

namespace whorl {
namespace {

using namespace std::chrono_literals;

class LoopingCall : public virtual_loop {
 protected:
  void note() { called_at.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(passed())); }

  // A call that takes some time.
  static deferred<void> take(LoopingCall* test, duration time) {
    test->note();
    co_await test->loop.sleep(time);
  }

  using times = std::vector<std::chrono::milliseconds>;
  times called_at;
};

TEST_F(LoopingCall, S49_CallsAtOnceAndThenOnEveryBeat) {
  looping_call beats(loop, [this] { note(); });
  auto done = beats.start(1s);
  EXPECT_EQ(called_at, times{0ms});
  advance(3s);
  EXPECT_EQ(called_at, (times{0ms, 1000ms, 2000ms, 3000ms}));
}

TEST_F(LoopingCall, S49_TheFirstCallMayComeAfterTheInterval) {
  looping_call beats(loop, [this] { note(); });
  auto done = beats.start(1s, first_call::after_interval);
  EXPECT_TRUE(called_at.empty());
  advance(2s);
  EXPECT_EQ(called_at, (times{1000ms, 2000ms}));
}

TEST_F(LoopingCall, S49_NeverOverlapsAndStaysOnTheOriginalGrid) {
  looping_call beats(loop, [this] { return take(this, 2500ms); });
  auto done = beats.start(1s);
  advance(7s);
  EXPECT_EQ(called_at, (times{0ms, 3000ms, 6000ms}));
}

TEST_F(LoopingCall, S49_ABeatThatFallsOnTheEndOfTheCallBeforeHasPassed) {
  looping_call beats(loop, [this] { return take(this, 2s); });
  auto done = beats.start(1s);
  advance(6s);
  EXPECT_EQ(called_at, (times{0ms, 3000ms, 6000ms}));
}

TEST_F(LoopingCall, S49_TellsHowManyBeatsHavePassed) {
  std::vector<beat_count> counts;
  looping_call beats(loop, [&](beat_count passed) {
    counts.push_back(passed);
    return take(this, counts.size() == 2 ? 3500ms : 100ms);
  });
  auto done = beats.start(1s);
  advance(7s);
  EXPECT_EQ(called_at, (times{0ms, 1000ms, 5000ms, 6000ms, 7000ms}));
  EXPECT_EQ(counts, (std::vector<beat_count>{1, 1, 4, 1, 1}));
}

TEST_F(LoopingCall, S49_TellsOfOneBeatAtTheFirstCallAfterTheInterval) {
  std::optional<beat_count> told;
  looping_call beats(loop, [&](beat_count passed) { told = passed; });
  auto done = beats.start(1s, first_call::after_interval);
  advance(1s);
  EXPECT_EQ(told, 1U);
}

TEST_F(LoopingCall, S49_StopFiresItsDeferredAtOnce) {
  looping_call beats(loop, [this] { note(); });
  auto done = beats.start(1s);
  advance(1s);
  EXPECT_TRUE(beats.running());
  EXPECT_FALSE(done.ready());
  beats.stop();
  EXPECT_FALSE(beats.running());
  ASSERT_TRUE(done.ready());
  EXPECT_TRUE(std::move(done).take());
  advance(5s);
  EXPECT_EQ(called_at, (times{0ms, 1000ms}));
  EXPECT_THROW(beats.stop(), misuse);
}

TEST_F(LoopingCall, S49_StopWaitsForACallThatIsUnderway) {
  looping_call beats(loop, [this] { return take(this, 500ms); });
  auto done = beats.start(1s);
  beats.stop();
  EXPECT_FALSE(done.ready());
  EXPECT_THROW(static_cast<void>(beats.start(1s)), misuse);
  advance(500ms);
  EXPECT_TRUE(done.ready());
  auto again = beats.start(1s);
  EXPECT_EQ(called_at, (times{0ms, 500ms}));
}

TEST_F(LoopingCall, S49_MayBeStoppedByItsOwnFunction) {
  std::optional<looping_call> beats;
  beats.emplace(loop, [&] {
    note();
    if (called_at.size() == 2) {
      beats->stop();
    }
  });
  auto done = beats->start(1s);
  advance(5s);
  EXPECT_TRUE(done.ready());
  EXPECT_EQ(called_at, (times{0ms, 1000ms}));
}

TEST_F(LoopingCall, S49_MayBeDestroyedByItsOwnFunction) {
  std::optional<looping_call> beats;
  beats.emplace(loop, [&] {
    note();
    beats.reset();
  });
  auto done = beats->start(1s, first_call::after_interval);
  advance(5s);
  EXPECT_TRUE(done.ready());
  EXPECT_EQ(called_at, times{1000ms});
}

TEST_F(LoopingCall, S49_AnErrorStopsItAndFailsItsDeferred) {
  looping_call beats(loop, [this]() -> result<void> {
    note();
    return called_at.size() < 2 ? result<void>() : std::unexpected(error(errc::not_found));
  });
  auto done = beats.start(1s);
  advance(5s);
  EXPECT_FALSE(beats.running());
  EXPECT_EQ(called_at, (times{0ms, 1000ms}));
  EXPECT_TRUE(failed_with(std::move(done), errc::not_found));
}

TEST_F(LoopingCall, S49_AnExceptionOfTheFirstCallIsInItsDeferredToo) {
  looping_call beats(loop, [] { throw error(errc::full); });
  auto done = beats.start(1s);
  EXPECT_FALSE(beats.running());
  EXPECT_TRUE(failed_with(std::move(done), errc::full));
}

TEST_F(LoopingCall, S49_AnIntervalOfZeroMeansEveryTurn) {
  std::vector<beat_count> counts;
  looping_call beats(loop, [&](beat_count passed) { counts.push_back(passed); });
  auto done = beats.start(0s);
  turn();
  turn();
  EXPECT_EQ(counts, (std::vector<beat_count>{1, 1, 1}));
}

TEST_F(LoopingCall, S49_ResetLaysTheGridAnew) {
  looping_call beats(loop, [this] { note(); });
  auto done = beats.start(1s);
  advance(1700ms);
  beats.reset();
  advance(2s);
  EXPECT_EQ(called_at, (times{0ms, 1000ms, 2700ms, 3700ms}));
  beats.stop();
  EXPECT_THROW(beats.reset(), misuse);
}

TEST_F(LoopingCall, ResetDuringACallCountsFromThere) {
  looping_call beats(loop, [this] { return take(this, 400ms); });
  auto done = beats.start(1s);
  advance(300ms);
  beats.reset();
  advance(1500ms);
  EXPECT_EQ(called_at, (times{0ms, 1300ms}));
}

TEST_F(LoopingCall, CancellingItsDeferredEndsTheBeatsAndTheCall) {
  looping_call beats(loop, [this] { return take(this, 1h); });
  auto done = beats.start(1s);
  done.cancel();
  EXPECT_FALSE(beats.running());
  EXPECT_TRUE(failed_with(std::move(done), errc::cancelled));
}

TEST_F(LoopingCall, DroppingItsDeferredEndsIt) {
  looping_call beats(loop, [this] { note(); });
  {
    auto done = beats.start(1s);
    advance(1s);
  }
  EXPECT_FALSE(beats.running());
  advance(5s);
  EXPECT_EQ(called_at, (times{0ms, 1000ms}));
}

TEST_F(LoopingCall, DestroyingItStopsIt) {
  auto beats = std::make_unique<looping_call>(loop, [this] { note(); });
  auto done = beats->start(1s);
  beats.reset();
  EXPECT_TRUE(done.ready());
  advance(5s);
  EXPECT_EQ(called_at, times{0ms});
}

TEST_F(LoopingCall, S48_VeryLongIntervalsAreLegal) {
  looping_call beats(loop, [this] { note(); });
  auto done = beats.start(duration::max());
  advance(24h * 365);
  EXPECT_EQ(called_at, times{0ms});
}

TEST_F(LoopingCall, ANegativeIntervalIsMisuse) {
  looping_call beats(loop, [] {});
  EXPECT_THROW(static_cast<void>(beats.start(-1s)), misuse);
}

}  // namespace
}  // namespace whorl
