#include <whorl/facts/fact_file.h>
#include <whorl/facts/fact_table.h>
#include <whorl/facts/verdict.h>

#include <gmock/gmock.h>

#include <algorithm>
#include <ranges>
#include <string>

namespace whorl::facts {

namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr permission yes = permission::yes;
constexpr permission on_condition = permission::on_condition;
constexpr permission unknown = permission::unknown;
constexpr permission no = permission::no;

std::array<permission, 5> may(const verdict& given) {
  std::array<permission, 5> all{};
  std::ranges::transform(given.places, all.begin(), &place_verdict::may);
  return all;
}

// A record with these fields, and the text that it refers to.
struct made_up {
  explicit made_up(std::string_view fields)
      : text("area: a\n\nsymbol: f\nplatform: p\n" + std::string(fields) + "evidence: documented | s | v | p | says\n"),
        found(judge("f", read_facts(text).facts)) {}
  std::string text;
  verdict found;
};

using places = std::array<permission, 5>;

TEST(Verdict, WhatNeitherWaitsNorSharesMayRunEverywhere) {
  EXPECT_EQ(may(made_up("blocking: never\nthread: shared\n").found), (places{yes, yes, yes, yes, yes}));
}

TEST(Verdict, WhatWaitsMayNotRunOnTheLoop) {
  EXPECT_EQ(may(made_up("blocking: wait\nthread: shared\n").found), (places{no, yes, yes, yes, on_condition}));
}

TEST(Verdict, ADescriptorMayBeNonBlockingAndStaysInItsProcess) {
  const made_up record("blocking: descriptor[2]\nthread: shared\n");
  EXPECT_EQ(may(record.found), (places{on_condition, yes, yes, on_condition, no}));
  EXPECT_EQ(record.found.at(place::loop).condition, "argument 2 is a non-blocking descriptor");
}

TEST(Verdict, TheConditionOfARecordGoesBeforeThatOfItsClass) {
  const made_up record("blocking: process\nblocking_if: WNOHANG is given\nthread: shared\n");
  EXPECT_EQ(record.found.at(place::loop).may, on_condition);
  EXPECT_EQ(record.found.at(place::loop).condition, "WNOHANG is given");
}

TEST(Verdict, WhatThreadsMayNotShareBelongsInALane) {
  EXPECT_EQ(may(made_up("blocking: never\nthread: compatible race:buffer\n").found),
            (places{on_condition, no, yes, yes, yes}));
}

TEST(Verdict, WhatChangesTheProcessBelongsInAProcessOfItsOwn) {
  const made_up record("blocking: never\nthread: incompatible\neffects: cwd\n");
  EXPECT_EQ(may(record.found), (places{on_condition, no, no, yes, on_condition}));
  EXPECT_THAT(record.found.at(place::pool).why, HasSubstr("the working directory"));
}

TEST(Verdict, HalfKnowledgeLeavesTheOtherHalfUnknown) {
  EXPECT_EQ(may(made_up("thread: shared\n").found), (places{unknown, yes, yes, yes, on_condition}));
  EXPECT_EQ(may(made_up("blocking: never\n").found), (places{yes, unknown, on_condition, yes, yes}));
  EXPECT_FALSE(made_up("blocking: never\n").found.definitive);
}

TEST(Verdict, AGuessAmongTheEvidenceLeavesDoubt) {
  EXPECT_TRUE(made_up("blocking: never\nthread: shared\n").found.definitive);
  EXPECT_FALSE(made_up("blocking: never\nthread: shared\nevidence: guessed | s | v | p | says\n").found.definitive);
}

TEST(Verdict, APlatformGoesBeforeAStandardAndTheDisagreementIsShown) {
  const std::string text =
      "area: a\n\n"
      "symbol: f\nplatform: POSIX.1-2008\nthread: incompatible\nevidence: documented | standard | v | p | need not\n\n"
      "symbol: f\nplatform: glibc\nblocking: never\nthread: shared\nevidence: documented | manual | v | p | safe\n";
  const verdict found = judge("f", read_facts(text).facts);
  EXPECT_EQ(found.at(place::pool).may, yes);
  EXPECT_EQ(found.disagreement, "glibc says shared, POSIX.1-2008 says incompatible");
  EXPECT_THAT(found.sources, SizeIs(2));
  EXPECT_FALSE(found.definitive);
}

TEST(Verdict, ThisCLibraryGoesBeforeAnotherOneHoweverSureThatIs) {
  const std::string text =
      "area: a\n\n"
      "symbol: f\nplatform: musl 1.2\nthread: compatible\nevidence: demonstrated | source | v | p | static\n\n"
      "symbol: f\nplatform: glibc\nblocking: never\nthread: shared\nevidence: documented | manual | v | p | safe\n";
  const verdict found = judge("f", read_facts(text).facts);
  EXPECT_EQ(found.at(place::pool).may, yes);
  EXPECT_EQ(found.disagreement, "glibc says shared, musl 1.2 says compatible");
  EXPECT_THAT(found.sources, SizeIs(2));
}

TEST(Verdict, BetterEvidenceDecides) {
  const std::string text =
      "area: a\n\n"
      "symbol: f\nplatform: p\nthread: shared\nevidence: documented | manual | v | p | safe\n\n"
      "symbol: f\nplatform: p\nthread: compatible\nevidence: demonstrated | trial | v | p | crashed\n";
  const verdict found = judge("f", read_facts(text).facts);
  EXPECT_EQ(found.threads.threads, thread_class::compatible);
  EXPECT_EQ(found.sources.front().grade, evidence_grade::demonstrated);
}

TEST(Verdict, WhatNobodyKnowsIsUnknownEverywhereAndSaysHowToFindOut) {
  const verdict found = judge("get_adrinfo");
  EXPECT_FALSE(found.found);
  EXPECT_EQ(may(found), (places{unknown, unknown, unknown, unknown, unknown}));
  EXPECT_FALSE(found.definitive);
  EXPECT_THAT(found.look_at, Contains(HasSubstr("whorl facts grep")));
}

TEST(Verdict, ASlipOfThePenFindsItsCandidates) { EXPECT_THAT(judge("getadrinfo").candidates, Contains("getaddrinfo")); }

TEST(Verdict, ANameMayBeSpelledAsManPagesSpellIt) {
  EXPECT_TRUE(judge("strtok()").found);
  EXPECT_TRUE(judge("strtok(3)").found);
  EXPECT_EQ(judge("strtok(3)").symbol, "strtok(3)");
}

TEST(Verdict, ANameMayBeSpelledAsLinkersAndStackTracesDo) {
  EXPECT_EQ(judge("_ZNSt10filesystem12current_pathEv").known_as, "std::filesystem::current_path");
  EXPECT_EQ(judge("_ZNSt10filesystem12current_pathB5cxx11Ev").known_as, "std::filesystem::current_path");
  EXPECT_EQ(judge("strtok@GLIBC_2.2.5").known_as, "strtok");
  EXPECT_EQ(judge("std::vector<std::pair<int, long>>::push_back").known_as, "std::vector");
  EXPECT_EQ(judge("void std::this_thread::sleep_for<long, std::ratio<1l, 1l> >(std::chrono::duration<long>)").known_as,
            "std::this_thread::sleep_for");
  EXPECT_EQ(judge("_Znwm").known_as, "operator new");
  EXPECT_EQ(judge("_ZNKSt8functionIFvvEEclEv").known_as, judge("std::function::operator()").known_as);
  EXPECT_EQ(judge("std::function::operator()").blocking.blocking, blocking_class::cpu);
  EXPECT_FALSE(judge("_Znonsense").found);
}

TEST(Verdict, AFunctionOfLibcMayHaveTheNameOfItsOtherForms) {
  const std::array<std::pair<std::string_view, std::string_view>, 18> spelled{{
      {"open64", "open"},
      {"fopen64", "fopen"},
      {"readdir64_r", "readdir_r"},
      {"preadv64v2", "preadv2"},
      {"__fxstat64", "fstat"},
      {"__poll", "poll"},
      {"__GI___read@@GLIBC_2.2.5", "read"},
      {"__GI___open64_nocancel", "open"},
      {"__read_chk", "read"},
      {"__pread64_chk", "pread"},
      {"_IO_new_fclose", "fclose"},
      {"__GI___xstat64", "stat"},
      {"__open64_2", "open"},
      {"__libc_malloc", "malloc"},
      {"__isoc99_sscanf", "sscanf"},
      {"sinf128", "sin"},
      {"strtof64", "strtod"},
      {"std::strtol", "strtol"},
  }};
  for (const auto& [name, plain] : spelled) {
    EXPECT_EQ(judge(name).known_as, judge(plain).known_as) << name;
    EXPECT_EQ(judge(name).blocking.blocking, judge(plain).blocking.blocking) << name;
    EXPECT_NE(judge(name).threads.threads, thread_class::unknown) << name;
  }
  EXPECT_EQ(documented_name("__fpurge"), "__fpurge") << "it has a record of its own";
  for (const std::string_view own : {"write64", "new_read", "reading", "read_", "xstat", "f64", "__", "_IO_",
                                     "std::", "readf32", "pollf64", "f64open", "open64by", "decode64_r"}) {
    EXPECT_FALSE(judge(own).found) << own;
    EXPECT_EQ(documented_name(own), own);
  }
}

TEST(Verdict, ANameMayLackItsLibraryIfOnlyOneHasIt) {
  EXPECT_EQ(judge("random.gauss").known_as, "python:random.gauss");
  EXPECT_EQ(judge("this_thread::sleep_for(1s)").known_as, "std::this_thread::sleep_for");
  EXPECT_EQ(judge("normal_distribution").known_as, "std::normal_distribution");
  EXPECT_THAT(judge("print").candidates, testing::AllOf(Contains("python:print"), Contains("std::print")));
}

TEST(Verdict, WhatOnlyItsModuleOrClassHasARecordOfIsNotCertain) {
  const verdict made_up = judge("os.no_such_function");
  EXPECT_EQ(made_up.known_as, "python:os");
  EXPECT_FALSE(made_up.definitive);
  EXPECT_EQ(made_up.look_at.front(),
            "whether there is a python:os.no_such_function: this is what holds for python:os in general");
  EXPECT_TRUE(judge("python:os.getpid").definitive);
}

TEST(Verdict, AFunctionOfTheCLibraryIsInNamespaceStdIfTheStandardSaysSo) {
  EXPECT_EQ(judge("std::strtol").known_as, "strtol");
  EXPECT_THAT(judge("std::strtol").look_at, Contains(HasSubstr("[library.c]")));
  EXPECT_FALSE(judge("std::fork").found);
}

TEST(Verdict, TheConditionForNotWaitingNamesTheArgument) {
  EXPECT_EQ(made_up("blocking: timed[3]\nthread: shared\n").found.does_not_wait_if, "argument 3 says not to wait");
  EXPECT_EQ(made_up("blocking: descriptor[stdout]\nthread: shared\n").found.does_not_wait_if,
            "stdout is a non-blocking descriptor");
  EXPECT_EQ(made_up("blocking: wait\nthread: shared\n").found.does_not_wait_if, "");
}

TEST(Verdict, KnowsStrtok) {
  const verdict found = judge("strtok");
  EXPECT_EQ(found.at(place::pool).may, no);
  EXPECT_EQ(found.at(place::lane).may, yes);
  EXPECT_EQ(found.in_thread, "strtok_r");
}

TEST(Verdict, KnowsGetaddrinfo) {
  const verdict found = judge("getaddrinfo");
  EXPECT_EQ(found.blocking.blocking, blocking_class::resolver);
  EXPECT_NE(found.at(place::pool).may, no);
}

// Of records with many names, the first few: a look-up reads the whole record.
TEST(FactTable, FindsEveryRecordByItsNames) {
  for (const fact& record : all_facts()) {
    const auto has_the_symbol = Contains(testing::Field(&fact::symbol, record.symbol));
    EXPECT_THAT(find_facts(record.symbol), has_the_symbol);
    for (const std::string_view alias : record.aliases | std::views::take(4)) {
      EXPECT_THAT(find_facts(alias), has_the_symbol) << alias;
    }
  }
}

TEST(FactTable, EveryRecordHasASourceAndAPlatform) {
  for (const fact& record : all_facts()) {
    EXPECT_THAT(record.sources, testing::Not(IsEmpty())) << record.symbol;
    EXPECT_FALSE(record.platform.empty()) << record.symbol;
  }
}

TEST(FactTable, FindsNamesByAPartOfThem) {
  EXPECT_THAT(names_with("ADDRINFO", 10), Contains("getaddrinfo"));
  EXPECT_THAT(names_with("a", 3), SizeIs(3));
  EXPECT_EQ(names_with("read", 3).front(), "read");
  EXPECT_THAT(names_with("gauss", 1), testing::ElementsAre("python:random.gauss"));
}

// A C library's function is known only if both questions have an answer.
TEST(FactTable, EveryFunctionOfLibcHasAClassOfWaitingAndOneOfThreads) {
  for (const fact& record : all_facts()) {
    if (record.area == "libc" || record.area == "posix") {
      const verdict found = judge(record.symbol);
      EXPECT_NE(found.blocking.blocking, blocking_class::unknown) << record.symbol;
      EXPECT_NE(found.threads.threads, thread_class::unknown) << record.symbol;
    }
  }
}

TEST(FactTable, WhatMustBeACancellationPointMayWait) {
  std::size_t waiting = 0;
  for (const fact& record : all_facts()) {
    const bool must_be = std::ranges::any_of(record.sources, [](const evidence& seen) {
      return seen.place == "Cancellation points" && seen.says.starts_with("must be");
    });
    if (must_be && record.symbol != "pthread_testcancel") {  // which only asks whether to end
      EXPECT_GT(judge(record.symbol).blocking.blocking, blocking_class::alloc) << record.symbol;
      ++waiting;
    }
  }
  EXPECT_GT(waiting, 50U);
}

}  // namespace

}  // namespace whorl::facts
