// The four shapes in which this project awaits, each with what made compilers stumble: values that own, arguments by
// value, exceptions. They pass on every compiler we support, in every build. Other shapes (an owning closure or a braced
// aggregate in the awaited expression, await in a condition or under ?:) are miscompiled without a word by g++ 12; the
// lint scripts/check_awaits.py refuses them.
#include <whorl/deferred/deferred.h>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace whorl {
namespace {

// Counts how many live, so that a value destroyed twice, or never, shows.
class counted {
 public:
  explicit counted(int value) : value_(std::make_unique<int>(value)) { ++alive; }
  counted(counted&& other) noexcept : value_(std::move(other.value_)) { ++alive; }
  counted& operator=(counted&&) noexcept = default;
  ~counted() { --alive; }
  int value() const { return *value_; }
  static inline int alive = 0;

 private:
  std::unique_ptr<int> value_;
};

deferred<counted> later(deferred<void> awaited, counted value) {
  co_await std::move(awaited);
  co_return std::move(value);
}

deferred<void> statement(deferred<void> awaited) { co_await later(std::move(awaited), counted(1)); }

deferred<int> initialisation(deferred<void> awaited) {
  auto value = co_await later(std::move(awaited), counted(2));
  co_return value.value();
}

deferred<int> assignment(deferred<void> awaited) {
  counted value(0);
  value = co_await later(std::move(awaited), counted(3));
  co_return value.value();
}

deferred<counted> forwarding(deferred<void> awaited) { co_return co_await later(std::move(awaited), counted(4)); }

template <class T>
T run(deferred<T> (*shape)(deferred<void>)) {
  promise<void> p;
  auto d = shape(p.get_deferred());
  p.callback();
  if constexpr (std::is_void_v<T>) {
    std::move(d).take().value();
  } else {
    return std::move(std::move(d).take().value());
  }
}

TEST(AwaitShapes, AStatement) {
  run(statement);
  EXPECT_EQ(counted::alive, 0);
}

TEST(AwaitShapes, AnInitialisation) {
  EXPECT_EQ(run(initialisation), 2);
  EXPECT_EQ(counted::alive, 0);
}

TEST(AwaitShapes, AnAssignment) {
  EXPECT_EQ(run(assignment), 3);
  EXPECT_EQ(counted::alive, 0);
}

TEST(AwaitShapes, AForwardedResult) {
  EXPECT_EQ(run(forwarding).value(), 4);
  EXPECT_EQ(counted::alive, 0);
}

deferred<int> throws_through(deferred<void> awaited, counted held) {
  co_await std::move(awaited);
  throw error(errc::bad_input);
  co_return held.value();
}

TEST(AwaitShapes, AnExceptionDestroysEverythingOnce) {
  promise<void> p;
  {
    auto d = throws_through(p.get_deferred(), counted(5));
    p.callback();
    EXPECT_TRUE(std::move(d).take().error().check(errc::bad_input));
  }
  EXPECT_EQ(counted::alive, 0);
}

TEST(AwaitShapes, DroppingASuspendedOneDestroysEverythingOnce) {
  promise<void> p;
  {
    auto d = initialisation(p.get_deferred());
  }
  EXPECT_EQ(counted::alive, 0);
}

// Loops and branches test what was awaited in a statement of its own.
deferred<int> countdown(int from) {
  int left = from;
  int steps = 0;
  auto on = co_await succeed(left > 0);
  while (on) {
    --left;
    ++steps;
    on = co_await succeed(left > 0);
  }
  co_return steps;
}

TEST(AwaitShapes, ALoopWhoseConditionWasAwaitedBefore) { EXPECT_EQ(countdown(5).take().value(), 5); }

}  // namespace
}  // namespace whorl
