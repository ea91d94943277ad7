#include <whorl/facts/fact_file.h>

#include <gmock/gmock.h>

#include <string>

namespace whorl::facts {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view sound =
    "# A comment.\n"
    "area: libc\n"
    "\n"
    "symbol: read\n"
    "also: readv\n"
    "platform: glibc\n"
    "blocking: descriptor[1]\n"
    "blocking_if: it is non-blocking\n"
    "thread: compatible race:cursor static\n"
    "thread_if: nobody else reads\n"
    "effects: cwd env\n"
    "on_loop: whorl::stream\n"
    "in_thread: pread\n"
    "evidence: documented | read(2) | Linux man-pages 6.03 | ERRORS | waits unless non-blocking\n"
    "evidence: guessed | experience | none | none | a second one\n";

std::string with_line(std::string_view line) {
  return "area: a\n\nsymbol: f\nplatform: p\n" + std::string(line) + "\nevidence: guessed | s | v | p | says\n";
}

std::string fault_of(std::string_view text) {
  const fact_file read = read_facts(text);
  return read.faults.empty() ? "" : std::to_string(read.faults.front().line) + ": " + read.faults.front().what;
}

TEST(FactFile, ReadsEveryField) {
  const fact_file read = read_facts(sound);
  ASSERT_THAT(read.faults, IsEmpty());
  ASSERT_EQ(read.facts.size(), 1U);
  const fact& record = read.facts.front();
  EXPECT_EQ(record.area, "libc");
  EXPECT_EQ(record.symbol, "read");
  EXPECT_THAT(record.aliases, ElementsAre("readv"));
  EXPECT_EQ(record.blocking, blocking_class::descriptor);
  EXPECT_EQ(record.blocking_argument, "1");
  EXPECT_EQ(record.does_not_block_if, "it is non-blocking");
  EXPECT_EQ(record.threads, thread_class::compatible);
  EXPECT_THAT(record.reasons, ElementsAre("race:cursor", "static"));
  EXPECT_EQ(record.safe_if, "nobody else reads");
  EXPECT_THAT(record.effects, ElementsAre("cwd", "env"));
  EXPECT_EQ(record.on_loop, "whorl::stream");
  EXPECT_EQ(record.in_thread, "pread");
  ASSERT_EQ(record.sources.size(), 2U);
  EXPECT_EQ(record.sources[0].place, "ERRORS");
  EXPECT_EQ(record.best_grade(), evidence_grade::documented);
}

TEST(FactFile, WritesWhatItReads) {
  const fact_file read = read_facts(sound);
  EXPECT_EQ("area: libc\n\n" + to_text(read.facts.front()), sound.substr(sound.find('\n') + 1));
}

TEST(FactFile, RefusesARecordWithoutEvidence) {
  EXPECT_THAT(fault_of("area: a\n\nsymbol: f\nplatform: p\n"), HasSubstr("3: the record has no evidence"));
}

TEST(FactFile, NamesTheLineOfAFieldThatItDoesNotKnow) {
  EXPECT_THAT(fault_of(with_line("blokcing: never")), HasSubstr("5: \"blokcing: never\" is no field"));
}

TEST(FactFile, RefusesClassesGradesAndEffectsThatDoNotExist) {
  EXPECT_THAT(fault_of(with_line("blocking: sometimes")),
              HasSubstr("\"sometimes\" is no blocking class; use one of never, cpu"));
  EXPECT_THAT(fault_of(with_line("thread: safe")), HasSubstr("\"safe\" is no thread class"));
  EXPECT_THAT(fault_of(with_line("effects: weather")), HasSubstr("\"weather\" is no process effect"));
  EXPECT_THAT(fault_of(with_line("evidence: certain | s | v | p | says")), HasSubstr("\"certain\" is no grade"));
}

TEST(FactFile, WantsTheArgumentOfAConditionalWaitAndNoOther) {
  EXPECT_THAT(fault_of(with_line("blocking: timed")), HasSubstr("needs the argument"));
  EXPECT_THAT(fault_of(with_line("blocking: never[1]")), HasSubstr("depends on no argument"));
}

TEST(FactFile, RefusesAFieldGivenTwice) {
  EXPECT_THAT(fault_of(with_line("thread: shared\nthread: atomic")), HasSubstr("6: thread is given twice"));
}

TEST(FactFile, WantsRecordsSorted) {
  const std::string_view evidence = "platform: p\nevidence: guessed | s | v | p | says\n\n";
  EXPECT_THAT(fault_of("area: a\n\nsymbol: b\n" + std::string(evidence) + "symbol: a\n" + std::string(evidence)),
              HasSubstr("\"a\" comes after \"b\""));
}

TEST(FactFile, KeepsTheSoundRecordsOfAFileWithFaults) {
  const std::string good = "symbol: a\nplatform: p\nevidence: guessed | s | v | p | says\n\n";
  const fact_file read = read_facts("area: a\n\n" + good + "symbol: b\n");
  EXPECT_EQ(read.facts.size(), 1U);
  EXPECT_FALSE(read.faults.empty());
}

}  // namespace

}  // namespace whorl::facts
