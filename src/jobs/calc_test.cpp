#include <whorl/jobs/calc.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace whorl {
namespace {

using testing::HasSubstr;

deferred<calc_result> run_nothing(calc_run /*run*/) { return succeed(calc_result()); }

calc sample() {
  return {.name = "sample.mean",
          .summary = "a mean",
          .places = {{place_kind::lane, "it builds"}, {place_kind::pool, "it computes"}},
          .parameters =
              {{.name = "input", .kind = parameter_kind::table, .summary = "the sample"},
               {.name = "level",
                .kind = parameter_kind::number,
                .summary = "the level",
                .otherwise = 0.95,
                .least = 0.0,
                .most = 1.0},
               {.name = "count", .kind = parameter_kind::integer, .summary = "how many", .otherwise = 10},
               {.name = "numbers", .kind = parameter_kind::numbers, .summary = "some", .otherwise = value::list()}},
          .run = &run_nothing};
}

objection refusal(std::string_view arguments) {
  auto checked = sample().check(parse_value(arguments).value());
  return checked ? objection{.what = "nothing wrong"} : checked.error();
}

TEST(Calc, FillsInDefaultsInTheOrderOfItsParameters) {
  const auto checked = sample().check(parse_value(R"({"count": 3, "input": {"text": "a\n1\n"}})").value());

  ASSERT_TRUE(checked);
  EXPECT_EQ(to_text(*checked), R"({"input":{"text":"a\n1\n"},"level":0.95,"count":3,"numbers":[]})");
}

TEST(Calc, NamesTheArgumentThatIsMissing) {
  EXPECT_EQ(refusal("{}").where, "args.input");
  EXPECT_THAT(refusal("{}").what, HasSubstr("needs the argument \"input\""));
  EXPECT_THAT(refusal("{}").hint, HasSubstr("the sample"));
  EXPECT_EQ(refusal("null").where, "args.input");
}

TEST(Calc, NamesTheArgumentThatItDoesNotKnow) {
  const objection wrong = refusal(R"({"input": {"text": ""}, "levle": 0.9})");

  EXPECT_EQ(wrong.where, "args.levle");
  EXPECT_THAT(wrong.hint, HasSubstr("input, level, count"));
}

TEST(Calc, RefusesArgumentsOfAnotherKind) {
  EXPECT_EQ(refusal("[1]").where, "args");
  EXPECT_EQ(refusal(R"({"input": {"text": ""}, "level": "high"})").where, "args.level");
  EXPECT_EQ(refusal(R"({"input": {"text": ""}, "count": 1.5})").where, "args.count");
  EXPECT_EQ(refusal(R"({"input": {"text": ""}, "numbers": [1, "2"]})").where, "args.numbers");
  EXPECT_EQ(refusal(R"({"input": {"text": ""}, "numbers": [1, 2.5]})").what, "nothing wrong");
  EXPECT_EQ(refusal(R"({"input": {"text": ""}, "level": 1})").what, "nothing wrong");
}

TEST(Calc, RefusesNumbersOutOfBounds) {
  EXPECT_THAT(refusal(R"({"input": {"text": ""}, "level": 1.01})").what, HasSubstr("1.01 is above 1"));
  EXPECT_THAT(refusal(R"({"input": {"text": ""}, "level": -1})").what, HasSubstr("-1 is below 0"));
}

TEST(Calc, TakesATableAsAFileOrAText) {
  EXPECT_EQ(refusal(R"({"input": {"file": "a.csv"}})").what, "nothing wrong");
  for (const char* input :
       {R"("a.csv")", R"({})", R"({"file": 1})", R"({"name": "a"})", R"({"file": "a", "text": "b"})"}) {
    EXPECT_EQ(refusal("{\"input\": " + std::string(input) + "}").where, "args.input") << input;
  }
}

TEST(Calc, ChecksFurtherWhatKindsCannotSay) {
  calc checked = sample();
  checked.check_further = [](const value& arguments) -> std::optional<objection> {
    return objection{.what = to_text(*arguments.find("level")), .where = "args.level", .hint = ""};
  };

  EXPECT_EQ(checked.check(parse_value(R"({"input": {"text": ""}})").value()).error().what, "0.95");
}

TEST(Calc, DescribesItself) {
  const value described = sample().describe();

  EXPECT_EQ(described.find("place")->as_text(), "lane, then pool");
  EXPECT_EQ(to_text(described.find("places")->as_list().front()), R"({"place":"lane","reason":"it builds"})");
  EXPECT_EQ(to_text(described.find("parameters")->as_list().at(1)),
            R"({"name":"level","kind":"a number","summary":"the level","required":false,"default":0.95})");
}

TEST(Calc, ObjectionsAreDividedIntoWhatAndHint) {
  const objection divided =
      objection::from(error(errc::bad_input, "unit \"x\": it is not known; write another"), "args.to");

  EXPECT_EQ(divided.what, "unit \"x\": it is not known");
  EXPECT_EQ(divided.hint, "write another");
  EXPECT_EQ(divided.to_error().message(), "args.to: unit \"x\": it is not known; write another");
}

TEST(CalcRegistry, RefusesANameTwice) {
  calc_registry registry;
  registry.add(sample());

  EXPECT_THROW(registry.add(sample()), misuse);
}

TEST(CalcRegistry, RefusesACalcThatDoesNotSayWhereAndWhy) {
  calc_registry registry;
  calc nowhere = sample();
  nowhere.places.clear();
  calc unreasoned = sample();
  unreasoned.places.front().reason.clear();
  calc idle = sample();
  idle.run = nullptr;

  EXPECT_THROW(registry.add(nowhere), misuse);
  EXPECT_THROW(registry.add(unreasoned), misuse);
  EXPECT_THROW(registry.add(idle), misuse);
}

TEST(CalcRegistry, ListsWhatThereIsWhenAskedForSomethingElse) {
  calc_registry registry;
  registry.add(sample());

  EXPECT_EQ(registry.require("sample.mean").value(), registry.find("sample.mean"));
  EXPECT_EQ(registry.require("mean").error().where, "calc");
  EXPECT_THAT(registry.require("mean").error().hint, HasSubstr("sample.mean"));
}

TEST(CalcProgress, IsToldByManyThreads) {
  const calc_progress progress;
  EXPECT_EQ(progress.fraction(), 0);
  progress.set_total(4000);
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 3; ++thread) {
      threads.emplace_back([progress] {
        for (int step = 0; step < 1000; ++step) {
          progress.advance(1);
          progress.add_rows(2);
        }
      });
    }
  }
  EXPECT_EQ(progress.fraction(), 0.75);
  EXPECT_EQ(progress.rows(), 6000);
}

TEST(CalcParts, AddUpPerPartAndThread) {
  part_list parts;
  using namespace std::chrono_literals;
  parts.add("convert", place_kind::pool, {.thread = "pool-1", .took = 2ms});
  parts.add("convert", place_kind::pool, {.thread = "pool-2", .took = 1ms});
  parts.add("convert", place_kind::pool, {.thread = "pool-1", .took = 3ms});

  EXPECT_EQ(to_text(to_value(std::move(parts).take())),
            R"([{"part":"convert","place":"pool","thread":"pool-1","milliseconds":5.0,"calls":2},)"
            R"({"part":"convert","place":"pool","thread":"pool-2","milliseconds":1.0,"calls":1}])");
}

}  // namespace
}  // namespace whorl
