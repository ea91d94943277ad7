// units.convert in its three places, and exec.run: what they answer, and what they refuse.

#include <whorl/guard/waiting_call.h>
#include <whorl/jobs/calcs.h>
#include <whorl/jobs/exec_programs.h>
#include <whorl/jobs/unit_system.h>
#include <whorl/places/lane.h>
#include <whorl/places/thread_pool.h>
#include <whorl/process/exit_status.h>
#include <whorl/process/process_pool.h>
#include <whorl/reactor/reactor.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace whorl {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

struct kernel_loop {
  std::string_view name;
  result<std::unique_ptr<backend>> (*make)();

  friend void PrintTo(const kernel_loop& kind, std::ostream* to) { *to << kind.name; }
};

class CalcsInProcesses : public testing::TestWithParam<kernel_loop> {
 protected:
  void SetUp() override {
    auto io = GetParam().make();
    if (!io) GTEST_SKIP() << io.error().what();
    loop_.emplace(std::move(*io));
    units_.emplace(lane_options{.name = "units"});
    processes_.emplace(*loop_, process_pool_options{.most_workers = 1, .started_ahead = 0});
    programs_.paths = {{"cat", "/bin/cat"}, {"env", "/usr/bin/env"}, {"sleep", "/bin/sleep"}, {"false", "/bin/false"}};
  }
  void TearDown() override {
    processes_.reset();
    loop_.reset();
  }

  outcome<calc_result> run(const calc& chosen, std::string_view arguments) {
    auto checked = chosen.check(parse_value(arguments).value());
    if (!checked) throw checked.error().to_error();
    const calc_places places{.pool = pool_,
                             .pool_threads = 2,
                             .units = *units_,
                             .inputs = nullptr,
                             .processes = &*processes_,
                             .programs = &programs_};
    return finish(chosen.run({places, std::move(*checked), calc_progress(), {}}));
  }

  outcome<calc_result> finish(deferred<calc_result> pending) {
    const time_point give_up = loop_->now() + 20s;
    while (!pending.ready()) {
      if (loop_->now() > give_up) throw std::runtime_error("waited in vain for a calculation");
      loop_->turn(loop_->now() + 20ms);
    }
    return std::move(pending).take();
  }

  error error_of(const calc& chosen, std::string_view arguments) {
    auto ended = run(chosen, arguments);
    if (ended) throw std::runtime_error("what should have failed has succeeded");
    return ended.error().error();
  }

  exec_programs& programs() { return programs_; }

 private:
  thread_pool pool_{{.name = "pool", .most_threads = 2}};
  std::optional<reactor> loop_;
  std::optional<lane<unit_system>> units_;
  std::optional<process_pool> processes_;
  exec_programs programs_;
};

TEST_P(CalcsInProcesses, UnitsAreConvertedInEachPlaceAlike) {
  for (const place_kind where : {place_kind::lane, place_kind::pool, place_kind::process}) {
    const calc chosen = units_convert(where);
    const auto done = run(chosen, R"({"value": [0, 100], "from": "degC", "to": "degF"})");
    ASSERT_TRUE(done) << done.error().describe();
    const auto& converted = done->answer.find("value")->as_list();
    EXPECT_NEAR(converted.at(0).as_number(), 32, 1e-9);
    EXPECT_NEAR(converted.at(1).as_number(), 212, 1e-9);
    EXPECT_EQ(done->parts.back().place, where);
    EXPECT_EQ(chosen.places.back().place, where);
  }
}

TEST_P(CalcsInProcesses, WhatIsWrongWithAUnitIsSaidAlikeInEachPlace) {
  std::string first;
  for (const place_kind where : {place_kind::lane, place_kind::pool, place_kind::process}) {
    const error why = error_of(units_convert(where), R"({"value": 1, "from": "degC", "to": "parrot"})");
    EXPECT_TRUE(why.is(errc::bad_input));
    EXPECT_THAT(why.what(), HasSubstr("\"parrot\""));
    if (first.empty()) first = why.what();
    EXPECT_EQ(first, why.what());
  }
}

TEST_P(CalcsInProcesses, AProgramOfTheListRunsWithArgumentsAndInput) {
  const auto done = run(exec_run(), R"({"program": "cat", "arguments": ["-n"], "input": "one\ntwo\n"})");
  ASSERT_TRUE(done) << done.error().describe();
  EXPECT_EQ(done->answer.find("output")->as_text(), "     1\tone\n     2\ttwo\n");
  EXPECT_EQ(done->answer.find("exit_code")->as_integer(), 0);
  EXPECT_EQ(run(exec_run(), R"({"program": "false"})")->answer.find("exit_code")->as_integer(), 1);
}

TEST_P(CalcsInProcesses, NoShellReadsTheArguments) {
  const auto done = run(exec_run(), R"({"program": "cat", "arguments": ["$(id); `id`"]})");
  EXPECT_THAT(done->answer.find("error_output")->as_text(), HasSubstr("$(id); `id`"));
}

TEST_P(CalcsInProcesses, AProgramThatIsNotOnTheListIsRefused) {
  const error why = error_of(exec_run(), R"({"program": "/bin/cat"})");
  EXPECT_TRUE(why.is(errc::not_found));
  EXPECT_THAT(why.what(),
              AllOf(HasSubstr("\"/bin/cat\" is not among the programs"), HasSubstr("cat, env, false, sleep")));
  programs().paths.clear();
  EXPECT_THAT(error_of(exec_run(), R"({"program": "cat"})").what(), HasSubstr("allows no programs"));
}

TEST_P(CalcsInProcesses, APathOfTheListIsAbsolute) {
  programs().paths["odd"] = "bin/odd";
  EXPECT_THROW(programs().require_absolute(), error);
}

// Set beside other threads, which do not ask for it.
class secret_variable {
 public:
  secret_variable() {
    const unobserved on_purpose;
    ::setenv("WHORL_SECRET", "1", 1);
  }
  secret_variable(const secret_variable&) = delete;
  secret_variable& operator=(const secret_variable&) = delete;
  ~secret_variable() {
    const unobserved on_purpose;
    ::unsetenv("WHORL_SECRET");
  }
};

TEST_P(CalcsInProcesses, AProgramSeesNothingOfTheServersEnvironment) {
  const secret_variable secret;
  const auto done = run(exec_run(), R"({"program": "env"})");
  EXPECT_EQ(done->answer.find("output")->as_text(), "LANG=C.UTF-8\nPATH=/usr/bin:/bin\n");
}

TEST_P(CalcsInProcesses, AProgramIsStoppedAtItsTimeLimitAndAtItsLimitOfOutput) {
  const error late = error_of(exec_run(), R"({"program": "sleep", "arguments": ["1000"], "time_limit": 0.05})");
  EXPECT_TRUE(late.is(errc::timed_out)) << late.what();
  programs().output_bytes = 10;
  EXPECT_TRUE(error_of(exec_run(), R"({"program": "cat", "input": "much more than that"})").is(errc::too_large));
}

TEST_P(CalcsInProcesses, AProgramThatEatsMemoryIsRefusedIt) {
  programs().address_space_bytes = std::uint64_t{1} << 20;
  programs().paths["cat"] = "/bin/cat";
  const auto ended = run(exec_run(), R"({"program": "cat", "input": "x"})");
  EXPECT_TRUE(!ended || ended->answer.find("exit_code")->as_integer() != 0);
}

INSTANTIATE_TEST_SUITE_P(Loops, CalcsInProcesses,
                         testing::Values(kernel_loop{"epoll", make_epoll_backend},
                                         kernel_loop{"uring", make_uring_backend}),
                         [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace whorl
