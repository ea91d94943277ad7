// GoogleTest matchers for deferreds:
//
//     EXPECT_THAT(answer, is_pending());
//     EXPECT_THAT(answer, fires_with(42));                    // or any matcher: fires_with(Gt(40))
//     EXPECT_THAT(done, fires());                             // with whatever value; what a deferred<void> does
//     EXPECT_THAT(attempt, fails_with(errc::timed_out));      // or fails_with(errc::bad_input, HasSubstr("port"))
//
// A failure that fails_with has matched is handled: it is taken out of the deferred, and not logged when that dies.
// Values stay where they are.
//
// This header needs GoogleTest with GoogleMock; link GTest::gmock. Beside `using namespace whorl`, the name `testing`
// alone means two things: write ::testing for GoogleTest's.
#pragma once

#include <whorl/deferred/deferred.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <concepts>
#include <ostream>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace whorl {

// How GoogleTest prints a deferred.
template <class T>
void PrintTo(const deferred<T>& printed, std::ostream* to) {
  auto* node = detail::peek_node(printed);
  if (node == nullptr) {
    *to << "a deferred whose result was taken";
  } else if (!node->ready()) {
    *to << "a deferred that is pending: it waits for " << node->stack().describe();
  } else if (node->failed()) {
    *to << "a deferred that failed: " << node->why().describe();
  } else if constexpr (std::is_void_v<T>) {
    *to << "a deferred that fired";
  } else {
    *to << "a deferred that fired with " << ::testing::PrintToString(node->value());
  }
}

namespace testing {

namespace detail {

using listener = ::testing::MatchResultListener;

struct pending_rule;

// What is asked of a deferred; a rule answers for one that is ready.
template <class T, class Rule>
class deferred_matcher final : public ::testing::MatcherInterface<const deferred<T>&> {
 public:
  explicit deferred_matcher(Rule rule) : rule_(std::move(rule)) {}

  bool MatchAndExplain(const deferred<T>& judged, listener* why) const override {
    auto* node = whorl::detail::peek_node(judged);
    if (node == nullptr || !node->ready()) {
      return node != nullptr && std::same_as<Rule, pending_rule>;
    }
    if (!node->failed()) {
      return rule_.template accepts_value<T>(node->value(), why);
    }
    const bool accepted = rule_.accepts_failure(node->why(), why);
    if (accepted) {
      static_cast<void>(std::move(const_cast<deferred<T>&>(judged)).take());
    }
    return accepted;
  }
  void DescribeTo(std::ostream* to) const override { rule_.template describe<T>(*to); }
  void DescribeNegationTo(std::ostream* to) const override {
    *to << "is not one that ";
    DescribeTo(to);
  }

 private:
  Rule rule_;
};

// A rule, as a matcher for a deferred of whatever type.
template <class Rule>
class for_any_deferred {
 public:
  explicit for_any_deferred(Rule rule) : rule_(std::move(rule)) {}

  template <class T>
  operator ::testing::Matcher<const deferred<T>&>() const {  // NOLINT(google-explicit-constructor): as gmock wants it
    return ::testing::Matcher<const deferred<T>&>(new deferred_matcher<T, Rule>(rule_));
  }

 private:
  Rule rule_;
};

struct pending_rule {
  template <class T>
  bool accepts_value(const whorl::detail::stored<T>& /*value*/, listener* /*why*/) const {
    return false;
  }
  bool accepts_failure(const failure& /*given*/, listener* /*why*/) const { return false; }
  template <class T>
  void describe(std::ostream& to) const {
    to << "is pending";
  }
};

struct firing_rule {
  template <class T>
  bool accepts_value(const whorl::detail::stored<T>& /*value*/, listener* /*why*/) const {
    return true;
  }
  bool accepts_failure(const failure& /*given*/, listener* /*why*/) const { return false; }
  template <class T>
  void describe(std::ostream& to) const {
    to << "fires";
  }
};

template <class Value>
struct value_rule {
  template <class T>
  bool accepts_value(const T& value, listener* why) const {
    return ::testing::SafeMatcherCast<const T&>(wanted).MatchAndExplain(value, why);
  }
  bool accepts_failure(const failure& /*given*/, listener* /*why*/) const { return false; }
  template <class T>
  void describe(std::ostream& to) const {
    to << "fires with a value that ";
    ::testing::SafeMatcherCast<const T&>(wanted).DescribeTo(&to);
  }

  Value wanted;
};

struct failure_rule {
  template <class T>
  bool accepts_value(const whorl::detail::stored<T>& /*value*/, listener* /*why*/) const {
    return false;
  }
  bool accepts_failure(const failure& given, listener* why) const {
    return given.error().code() == code && message.MatchAndExplain(given.error().message(), why);
  }
  template <class T>
  void describe(std::ostream& to) const {
    to << "fails with \"" << code.message() << "\" and a message that ";
    message.DescribeTo(&to);
  }

  std::error_code code;
  ::testing::Matcher<const std::string&> message;
};

}  // namespace detail

inline auto is_pending() { return detail::for_any_deferred(detail::pending_rule()); }

inline auto fires() { return detail::for_any_deferred(detail::firing_rule()); }

// `value` is a value or a matcher for one.
template <class Value>
auto fires_with(Value value) {
  return detail::for_any_deferred(detail::value_rule<Value>{std::move(value)});
}

// `code` is an errc or a std::error_code, `message` a text or a matcher for the error's message.
inline auto fails_with(std::error_code code, const ::testing::Matcher<const std::string&>& message = ::testing::_) {
  return detail::for_any_deferred(detail::failure_rule{code, message});
}

}  // namespace testing
}  // namespace whorl
