#include <whorl/jobs/value.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

namespace whorl {
namespace {

using testing::HasSubstr;

std::string complaint(std::string_view json) {
  const result<value> parsed = parse_value(json);
  return parsed ? "nothing wrong, it is " + to_text(*parsed) : parsed.error().message();
}

TEST(Value, KeepsWholeAndDecimalNumbersApart) {
  const value parsed = parse_value("[1, 1.0, 1e2, -0, -0.0, 9223372036854775807, -9223372036854775808]").value();

  EXPECT_EQ(to_text(parsed), "[1,1.0,100.0,0,-0.0,9223372036854775807,-9223372036854775808]");
}

TEST(Value, KeepsTheOrderOfMembers) {
  EXPECT_EQ(to_text(parse_value(R"({"z": 1, "a": {"y": null, "b": true}, "m": []})").value()),
            R"({"z":1,"a":{"y":null,"b":true},"m":[]})");
}

TEST(Value, ReadsBackWhatItWrote) {
  value written;
  written.set("tiny", 5e-324).set("third", 1.0 / 3).set("large", 1.7976931348623157e308);
  written.set("text", "quote \" backslash \\ line\n bell \a snowman \xE2\x98\x83").set("empty", value::list());
  written.set("nested", value().append(value().set("deep", value::object())).append(false));

  const result<value> again = parse_value(to_text(written));

  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(*again, written);
}

TEST(Value, ReplacesBytesThatAreNoUtf8) {
  EXPECT_EQ(to_text(value("a\xFF"
                          "b\xC3")),
            "\"a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD\"");
}

TEST(Value, RefusesNumbersThatJsonCannotSay) {
  EXPECT_THROW(static_cast<void>(value(std::nan(""))), error);
  EXPECT_THROW(static_cast<void>(value(std::numeric_limits<double>::infinity())), error);
  EXPECT_THROW(static_cast<void>(value(std::uint64_t{1} << 63)), error);
  EXPECT_THAT(complaint("9223372036854775808"), HasSubstr("largest"));
  EXPECT_THAT(complaint("1e999"), HasSubstr("no JSON"));
}

TEST(Value, SaysWhereATextIsNoJson) {
  EXPECT_THAT(complaint("{\n  \"a\": 1,\n  \"b\": 2 3}"), HasSubstr("line 3, column 10"));
  EXPECT_THAT(complaint("[1, 2"), HasSubstr("ends too early"));
  EXPECT_THAT(complaint("  \n"), HasSubstr("empty"));
  EXPECT_THAT(complaint("\"\xFF\""), HasSubstr("UTF-8"));
}

TEST(Value, RefusesANameTwice) { EXPECT_THAT(complaint(R"({"a": 1, "a": 2})"), HasSubstr("\"a\" twice")); }

TEST(Value, RefusesDeepNesting) {
  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };

  EXPECT_TRUE(parse_value(nested(deepest_value - 1)));
  EXPECT_THAT(complaint(nested(deepest_value + 1)), HasSubstr("deeper than 64"));
  EXPECT_THAT(complaint(nested(1'000'000)), HasSubstr("deeper than 64"));
}

TEST(Value, IsAsStrictAsAnotherParser) {
  for (const char* text :
       {"01",          "+1",   ".5",       "1.",     "1e",         "nul",          "True",          "'a'",
        "[1,]",        "[,1]", "{\"a\":}", "{a:1}",  "{\"a\":1,}", "[1 2]",        "\"\t\"",        "\"\\x\"",
        "\"\\ud800\"", "1 2",  "[1]]",     "/*c*/1", "NaN",        "\xEF\xBB\xBF", "[\"a\" \"b\"]", "{\"a\" 1}",
        "-",           "--1",  "0x1"}) {
    EXPECT_FALSE(nlohmann::json::accept(text)) << text;
    EXPECT_FALSE(parse_value(text)) << text;
  }
}

TEST(Value, AgreesWithAnotherParserOnDamagedTexts) {
  const std::string sound = R"({"calc": "units.convert", "args": {"value": [1, -2.5e3, null, true], "to": "\u00b0C"}})";
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = sound;
    for (int change = 0; change < 2; ++change) {
      damaged[random() % damaged.size()] = "{}[]:,\"\\ 01eE.-+ntu\x01"[random() % 20];
    }
    const result<value> parsed = parse_value(damaged);
    if (parsed) {
      EXPECT_EQ(nlohmann::json::parse(damaged), nlohmann::json::parse(to_text(*parsed))) << damaged;
    } else if (nlohmann::json::accept(damaged)) {
      EXPECT_THAT(parsed.error().message(), HasSubstr("twice")) << damaged;
    }
  }
}

TEST(Value, AskedForTheWrongKindSaysBoth) {
  try {
    static_cast<void>(value("text").as_list());
    FAIL() << "a text was taken for a list";
  } catch (const misuse& why) {
    EXPECT_THAT(why.what(), HasSubstr("a list, but it is a text"));
  }
}

}  // namespace
}  // namespace whorl
