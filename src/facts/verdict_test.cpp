#include <whorl/facts/fact_file.h>
#include <whorl/facts/fact_table.h>
#include <whorl/facts/verdict.h>

#include <gmock/gmock.h>

#include <algorithm>
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

TEST(FactTable, FindsEveryNameOfEveryRecord) {
  for (const fact& record : all_facts()) {
    EXPECT_THAT(find_facts(record.symbol), Contains(testing::Field(&fact::symbol, record.symbol)));
    for (const std::string_view alias : record.aliases) {
      EXPECT_THAT(find_facts(alias), Contains(testing::Field(&fact::symbol, record.symbol))) << alias;
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
}

}  // namespace

}  // namespace whorl::facts
