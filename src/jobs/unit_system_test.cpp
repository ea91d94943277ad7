#include <whorl/jobs/unit_system.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cmath>
#include <random>
#include <thread>

namespace whorl {
namespace {

using testing::AllOf;
using testing::HasSubstr;

double convert(unit_system& units, double number, std::string_view from, std::string_view to) {
  return units.convert({number}, from, to).value().front();
}

std::string complaint(unit_system& units, std::string_view from, std::string_view to) {
  const auto made = units.make_converter(from, to);
  return made ? "nothing wrong" : made.error().message();
}

TEST(UnitSystem, ConvertsKnownValues) {
  unit_system units;

  EXPECT_NEAR(convert(units, 100, "degC", "degF"), 212, 1e-12 * 212);
  EXPECT_DOUBLE_EQ(convert(units, 25.4, "mm", "inch"), 1);
  EXPECT_DOUBLE_EQ(convert(units, 1852, "m/hour", "knot"), 1);
  EXPECT_DOUBLE_EQ(convert(units, 1, "\u00B5m", "m"), 1e-6);
  EXPECT_DOUBLE_EQ(convert(units, 2, "m\u00B2", "cm^2"), 20'000);
}

TEST(UnitSystem, ConvertsInPlace) {
  unit_system units;
  const auto converter = units.make_converter("km", "m").value();
  std::vector<double> numbers = {1, 2, 3};

  converter->convert(numbers, numbers);

  EXPECT_THAT(numbers, testing::ElementsAre(1000, 2000, 3000));
}

TEST(UnitSystem, SaysWhichUnitIsUnknown) {
  unit_system units;

  EXPECT_THAT(complaint(units, "degC", "fahrenhite"),
              AllOf(HasSubstr("\"fahrenhite\": it is not known"), HasSubstr("degF")));
  EXPECT_THAT(complaint(units, "m//s", "knot"), HasSubstr("\"m//s\""));
}

TEST(UnitSystem, SaysThatUnitsAreNotConvertible) {
  unit_system units;

  EXPECT_THAT(complaint(units, "metre", "second"), HasSubstr("\"metre\" and \"second\" measure different quantities"));
}

TEST(UnitSystem, SaysThatANumberHasNoCounterpart) {
  unit_system units;

  const auto converted = units.convert({10, -1}, "mW", "lg(re 1 mW)");

  ASSERT_FALSE(converted);
  EXPECT_THAT(converted.error().message(), HasSubstr("-1 mW has no counterpart"));
}

TEST(UnitSystem, PrintsNothing) {
  testing::internal::CaptureStderr();
  unit_system units;
  static_cast<void>(complaint(units, "nonsense", "m(("));
  static_cast<void>(complaint(units, "m m^^2", "second"));

  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(UnitSystem, ReusesAConverter) {
  unit_system units;
  const auto first = units.make_converter("m", "ft").value();

  EXPECT_EQ(units.make_converter("m", "ft").value(), first);
}

TEST(UnitSystem, KeepsFewConverters) {
  unit_system units;
  const std::weak_ptr<const unit_converter> first = units.make_converter("1 m", "ft").value();

  for (int factor = 2; factor < 66; ++factor) {
    EXPECT_FALSE(first.expired());
    ASSERT_TRUE(units.make_converter(std::to_string(factor) + " m", "ft"));
  }

  EXPECT_TRUE(first.expired());
}

TEST(UnitSystem, RefusesAnotherThread) {
  unit_system units;
  std::string said;
  std::jthread([&] {
    try {
      static_cast<void>(units.make_converter("m", "ft"));
    } catch (const misuse& why) {
      said = why.what();
    }
  }).join();

  EXPECT_THAT(said, HasSubstr("lane<unit_system>"));
}

TEST(UnitSystem, RefusesASecondOneButNotALaterOne) {
  {
    const unit_system first;
    EXPECT_THROW(unit_system(), misuse);
  }
  EXPECT_NO_THROW(unit_system());
}

TEST(UnitSystem, SaysWhichDatabaseItCannotRead) {
  try {
    const unit_system units("/nowhere/units.xml");
    FAIL() << "read a database that is not there";
  } catch (const error& why) {
    EXPECT_THAT(why.what(), HasSubstr("/nowhere/units.xml"));
  }
  EXPECT_NO_THROW(unit_system()) << "a system that was not built must not stand in the way";
}

TEST(UnitSystem, ConvertersOutliveItAndWorkInManyThreads) {
  std::shared_ptr<const unit_converter> converter;
  {
    unit_system units;
    converter = units.make_converter("degC", "degF").value();
  }
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&wrong, converter] {
        for (int number = 0; number < 50'000; ++number) {
          wrong += std::abs(converter->convert(number) - (number * 1.8 + 32)) > 1e-9 * (number + 32) ? 1 : 0;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST(UnitText, RefusesWhatUnitsAreNotWrittenWith) {
  EXPECT_TRUE(check_unit_text("kg.m^2/s^2 (re 1 mW) 'degC' \u00B0F \u00B5m seconds since 2000-01-01 00:00:00"));
  EXPECT_FALSE(check_unit_text(""));
  EXPECT_FALSE(check_unit_text("  "));
  EXPECT_FALSE(check_unit_text(std::string(121, 'm')));
  EXPECT_FALSE(check_unit_text(std::string_view("m\0s", 3)));
  EXPECT_FALSE(check_unit_text("m\ns"));
  EXPECT_FALSE(check_unit_text("m{s"));
  EXPECT_FALSE(check_unit_text("m\xFF"));
  EXPECT_FALSE(check_unit_text("123456789012345678901 m"));
  EXPECT_FALSE(check_unit_text("(((((((((m)))))))))"));
  EXPECT_FALSE(check_unit_text(")m("));
  EXPECT_FALSE(check_unit_text("(m"));
}

// A child process tries many texts that pass the check: none of them may end it.
TEST(UnitText, WhatPassesDoesNotEndTheProcess) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const rlimit seconds{.rlim_cur = 60, .rlim_max = 60};
    setrlimit(RLIMIT_CPU, &seconds);
    unit_system units;
    std::mt19937 random(7);
    constexpr std::array<std::string_view, 40> pieces = {
        "m",     "s",          "kg",     "degC",       "1",      "2.5",    "1e300",  "99999999999999999999",
        "^",     "-",          "/",      "*",          ".",      " ",      "(",      ")",
        "@",     "since",      "lg(re ", "ln(re 1 m)", "'",      "\"",     "%",      "$",
        ":",     "2000-01-01", "12:30",  "\u00B0",     "\u00B2", "\u00B5", "\u207B", "\u00B7",
        "after", "from",       "per",    "E",          "_",      "+",      "255",    "M"};
    for (int round = 0; round < 30'000; ++round) {
      std::string text;
      for (std::size_t piece = 0, count = 1 + random() % 9; piece < count; ++piece) {
        text += pieces.at(random() % pieces.size());
      }
      static_cast<void>(units.convert({1}, text, "m"));
    }
    _exit(42);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42) << "status " << status;
}

}  // namespace
}  // namespace whorl
